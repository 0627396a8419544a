"""frames.json and decode.json."""

import hashlib
import json
import pathlib

import oap
from oap import ACK_REQ, APP_E2E, COMP, END, EVENT, REQ, RESP, START, WHOLE_REQ

RECORDED = json.loads(pathlib.Path(__file__).with_name("recorded.json").read_text())
ONES = "f" * 32


def noise(name, count):
    """Bytes without a pattern, the same ones on every run."""
    out = b""
    while len(out) < count:
        out += hashlib.sha256(f"{name} {len(out)}".encode()).digest()
    return out[:count]


def frame_vector(name, section, flags, code=0, app=0, tenant=oap.NO_TENANT, corr=0, cap=b"", payload=b""):
    wire = oap.frame(flags, code, app, corr, payload, cap, tenant)
    return {
        "name": name,
        "section": section,
        "flags": flags,
        "code": code,
        "app": app,
        "tenant": tenant,
        "corr": str(corr),
        "cap": cap.hex(),
        "payload": payload.hex(),
        "wire": wire.hex(),
    }


def frames():
    out = [
        frame_vector("all-zero-fields", "3.1", 0),
        frame_vector("ping-without-start-and-end", "5.2", REQ, oap.PING),
        frame_vector("hello-empty", "4.1", WHOLE_REQ, oap.HELLO),
        frame_vector("corr-zero", "6.3", WHOLE_REQ, app=1, payload=b"a"),
        frame_vector("corr-max", "6.3", WHOLE_REQ, app=1, corr=2**64 - 1, payload=b"a"),
        frame_vector("corr-beyond-double", "6.3", WHOLE_REQ, app=1, corr=2**53 + 1, payload=b"a"),
        frame_vector("corr-sign-bits", "6.3", WHOLE_REQ, app=1, corr=0x8000_0000_8000_0000),
        frame_vector("tenant-ones", "3.1", WHOLE_REQ, app=1, tenant=ONES, corr=1),
        frame_vector("tenant-byte-order", "3.1", WHOLE_REQ, app=1, tenant=bytes(range(16)).hex(), corr=1),
        frame_vector("field-byte-order", "3.1", WHOLE_REQ, 0x1234, 0x5678, corr=0x0123_4567_89AB_CDEF),
        frame_vector("code-max", "3.1", WHOLE_REQ, 65_535, 65_535, corr=1),
        frame_vector("cap-one-byte", "13", START | REQ, app=1, corr=1, cap=b"\x00"),
        frame_vector("cap-and-payload", "13", WHOLE_REQ, app=1, corr=1, cap=b"capability", payload=b"payload"),
        frame_vector("cap-max", "13", WHOLE_REQ, app=1, corr=1, cap=noise("cap-max", 4_096), payload=b"x"),
        frame_vector("credit", "7.3", EVENT | START | END, oap.CREDIT, corr=7, payload=b"\x00\x10\x00\x00"),
        frame_vector("all-known-flags", "3.2", 0xFF, app=1, corr=1),
    ]
    names = ("REQ", "RESP", "EVENT", "START", "END", "ACK_REQ", "COMP", "APP_E2E")
    for name, flag in zip(names, (REQ, RESP, EVENT, START, END, ACK_REQ, COMP, APP_E2E)):
        out.append(frame_vector("flag-" + name, "3.2", flag, app=1, corr=1, payload=b"p"))
    for index, fields in enumerate(RECORDED["frames"]):
        vector = frame_vector(
            f"recorded-{index:02}",
            "3.1",
            fields["flags"],
            fields["code"],
            fields["app"],
            fields["tenant"],
            int(fields["corr"]),
            bytes.fromhex(fields["cap"]),
            bytes.fromhex(fields["payload"]),
        )
        digest = hashlib.sha256(bytes.fromhex(vector["wire"])).hexdigest()
        if digest != fields["wire_sha256"]:
            raise SystemExit(f"{vector['name']}: this encoder and the recorded one differ")
        out.append(vector)
    return out


def decode_vector(name, section, wire, max_frame=oap.MAX_FRAME):
    verdict, result = oap.decode(wire, max_frame)
    out = {"name": name, "section": section, "max_frame": max_frame, "wire": wire.hex(), "verdict": verdict}
    if verdict == "err":
        out["reason"] = result
    return out | result if verdict == "ok" else out


def decodes():
    whole = oap.frame(WHOLE_REQ, 0, 1, 5, b"payload", b"cap")

    def head(length=38, flags=WHOLE_REQ, cap_len=0, ver=1):
        return oap.header(length, flags, 0, 1, oap.NO_TENANT, cap_len, 5, ver)

    cases = [
        ("no-bytes", b""),
        *((f"cut-{count:02}", whole[:count]) for count in range(1, len(whole))),
        ("whole", whole),
        ("whole-and-more", whole + b"\x00"),
        ("two-frames", whole + whole),
        ("len-0", head(0)),
        ("len-0-alone", b"\0\0\0\0"),
        ("len-37", head(37)),
        ("len-37-alone", b"\0\0\0\x25"),
        ("len-38", head()),
        ("len-max", head(oap.MAX_FRAME)),
        ("len-max-plus-1", head(oap.MAX_FRAME + 1)),
        ("len-max-plus-1-alone", b"\x00\x10\x00\x01"),
        ("len-ffffffff", b"\xff\xff\xff\xff"),
        ("len-sign-bit", b"\x80\x00\x00\x00"),
        ("ver-0", head(ver=0)),
        ("ver-2", head(ver=2)),
        ("ver-ffff", head(ver=0xFFFF)),
        ("ver-swapped", head(ver=0x0100)),
        ("ver-2-after-6-bytes", head(ver=2)[:6]),
        ("ver-half", head(ver=2)[:5]),
        *((f"flag-{1 << bit:04x}", head(flags=WHOLE_REQ | 1 << bit)) for bit in range(8, 16)),
        ("flags-unknown-before-38", head(flags=0xFF00)[:37]),
        ("cap-to-the-end", head(48, cap_len=10) + b"c" * 10),
        ("cap-one-too-long", head(48, cap_len=11) + b"c" * 10),
        ("cap-in-empty-frame", head(38, cap_len=1)),
        ("cap-4096", head(38 + 4_096, cap_len=4_096)),
        ("cap-4097", head(38 + 4_097, cap_len=4_097)),
        ("cap-65535", head(38 + 65_535, cap_len=65_535)),
        ("cap-on-continuation", head(48, REQ | END, 10)),
        ("cap-0-on-continuation", head(38, REQ | END)),
        ("order-length-before-version", head(37, ver=2)),
        ("order-size-before-version", head(oap.MAX_FRAME + 1, ver=2)),
        ("order-version-before-flags", head(flags=0xFF00, ver=2)),
        ("order-flags-before-cap", head(flags=0x0100, cap_len=5_000)),
        ("order-cap-ceiling-before-bounds", head(38, cap_len=4_097)),
        ("order-cap-ceiling-before-start", head(8_000, REQ, cap_len=4_097)),
        ("order-cap-bounds-before-start", head(38, REQ, cap_len=1)),
        ("http-get", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("tls-client-hello", bytes.fromhex("16030100f8010000f40303")),
        ("no-kind-is-for-the-message-level", head(flags=0)),
        ("two-kinds-are-for-the-message-level", head(flags=0xFF)),
    ]
    out = [decode_vector(name, "3.3", wire) for name, wire in cases]
    out.append(decode_vector("negotiated-max", "4.3", head(4_096), 4_096))
    out.append(decode_vector("negotiated-max-plus-1", "4.3", head(4_097), 4_096))
    return out + [recorded_decode(index, item) for index, item in enumerate(RECORDED["decode"])]


def recorded_decode(index, item):
    fields = RECORDED["frames"][index]
    wire = bytearray(
        oap.frame(
            fields["flags"],
            fields["code"],
            fields["app"],
            int(fields["corr"]),
            bytes.fromhex(fields["payload"]),
            bytes.fromhex(fields["cap"]),
            fields["tenant"],
        )
    )
    for offset, patch in item.get("patch", []):
        wire[offset : offset + len(patch) // 2] = bytes.fromhex(patch)
    wire = bytes(wire)[: item.get("keep")] + bytes.fromhex(item.get("append", ""))
    vector = decode_vector(f"recorded-{index:02}", "3.3", wire)
    if vector["verdict"] != item["verdict"] or vector.get("rest") != item.get("rest"):
        raise SystemExit(f"{vector['name']}: this decoder and the recorded one differ")
    return vector
