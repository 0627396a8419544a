"""OAP/1 frames written from specs/oap-1.md alone, to check the TypeScript codec against."""

import struct

REQ, RESP, EVENT, START, END, ACK_REQ, COMP, APP_E2E = (1 << n for n in range(8))
WHOLE_REQ = REQ | START | END
WHOLE_RESP = RESP | START | END
WHOLE_EVENT = EVENT | START | END

CONTROL, ECHO = 0, 1
HELLO, PING, GOAWAY, CANCEL, CREDIT, REVOKED = range(6)

HEADER_BYTES = 38
MAX_FRAME = 1_048_576
MAX_CAP = 4_096
NO_TENANT = "0" * 32


def header(length, flags, code, app, tenant, cap_len, corr, ver=1):
    """38 header bytes with exactly these values, legal or not (3.1)."""
    return struct.pack(
        ">IHHHH16sHQ", length, ver, flags, code, app, bytes.fromhex(tenant), cap_len, corr
    )


def frame(flags, code=0, app=CONTROL, corr=0, payload=b"", cap=b"", tenant=NO_TENANT):
    """One whole frame."""
    length = HEADER_BYTES + len(cap) + len(payload)
    return header(length, flags, code, app, tenant, len(cap), corr) + cap + payload


def decode(wire, max_frame=MAX_FRAME):
    """("ok", fields), ("need", None) or ("err", reason), by the steps of 3.3."""
    if len(wire) >= 4:
        (length,) = struct.unpack_from(">I", wire)
        if length < HEADER_BYTES:
            return "err", "bad_length"
        if length > max_frame:
            return "err", "frame_too_large"
    if len(wire) >= 6 and wire[4:6] != b"\x00\x01":
        return "err", "bad_version"
    if len(wire) < HEADER_BYTES:
        return "need", None
    length, _, flags, code, app, tenant, cap_len, corr = struct.unpack_from(">IHHHH16sHQ", wire)
    if flags & 0xFF00:
        return "err", "bad_flags"
    if cap_len and not flags & START:
        return "err", "cap_on_nonstart"
    if cap_len > MAX_CAP:
        return "err", "cap_too_large"
    if HEADER_BYTES + cap_len > length:
        return "err", "bad_cap_len"
    if len(wire) < length:
        return "need", None
    return "ok", {
        "len": length,
        "flags": flags,
        "code": code,
        "app": app,
        "tenant": tenant.hex(),
        "corr": str(corr),
        "cap": wire[HEADER_BYTES : HEADER_BYTES + cap_len].hex(),
        "payload": wire[HEADER_BYTES + cap_len : length].hex(),
        "rest": len(wire) - length,
    }
