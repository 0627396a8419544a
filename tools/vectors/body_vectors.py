"""hello.json and errors.json."""

import json

from msgpack import pack

DEFAULT_NODE = {"compression": True, "max_inflight": 1_024, "idle_timeout_ms": 120_000, "revocation_seq": 0}


def clamp(value, low, high):
    return min(max(value, low), high)


def hello_ok(name, body, encoding, node=None, **said):
    """`said` are the fields the body holds; the expectations follow from 4.2 and 4.3."""
    node = DEFAULT_NODE | (node or {})
    ours = 255 if node["compression"] else 191
    return {
        "name": name,
        "section": "4",
        "request": body.hex(),
        "node": node,
        "verdict": "ok",
        "encoding": encoding,
        "reply": {
            "version": 1,
            "versions": [1],
            "max_frame": clamp(said.get("max_frame", 1_048_576), 4_096, 1_048_576),
            "max_inflight": clamp(said.get("max_inflight", node["max_inflight"]), 1, node["max_inflight"]),
            "max_inflight_bytes": 16_777_216,
            "supported_flags": ours,
            "initial_window": 1_048_576,
            "max_ratio": 10,
            "max_decompressed": 8_388_608,
            "revocation_seq": node["revocation_seq"],
            "idle_timeout_ms": node["idle_timeout_ms"],
        },
        "reply_window": clamp(said.get("initial_window", 1_048_576), 1_024, 16_777_216),
        "comp": bool(ours & said.get("supported_flags", 191) & 64),
    }


def hello_err(name, body, reason="bad_hello"):
    return {"name": name, "section": "4.4", "request": body.hex(), "verdict": "err", "reason": reason}


def hello_map(name, node=None, extra=None, **said):
    return hello_ok(name, pack(said | (extra or {})), "msgpack", node, **said)


def hellos():
    full = {
        "client": "vectors/1",
        "versions": [1],
        "max_frame": 65_536,
        "max_inflight": 16,
        "initial_window": 65_536,
        "supported_flags": 255,
        "transports": ["tcp", "tls"],
    }
    ill_typed = {
        "client": [1, None, True, ["a"], b"a", "x" * 129],
        "versions": [1, "1", [None], ["1"], [-1], [1.5], [1] * 17],
        "max_frame": ["4096", None, True, -1, 1.5, 2**53, 2**64 - 1],
        "max_inflight": ["1", -1, 0.5],
        "initial_window": ["1", -1, {}],
        "supported_flags": ["255", -1, [64]],
        "transports": ["oap", [1], [None], ["x" * 129], ["a"] * 17],
    }
    out = [
        hello_ok("empty", b"", "msgpack"),
        hello_map("empty-map"),
        hello_ok("empty-json", b"{}", "json"),
        hello_map("full", **full),
        hello_ok("full-json", json.dumps(full).encode(), "json", **full),
        hello_map("max-frame-4-gib", max_frame=2**32),
        hello_map("max-frame-largest-integer", max_frame=2**53 - 1),
        hello_map("max-frame-0", max_frame=0),
        hello_map("max-frame-4095", max_frame=4_095),
        hello_map("max-frame-4097", max_frame=4_097),
        hello_map("max-inflight-0", max_inflight=0),
        hello_map("max-inflight-5000", max_inflight=5_000),
        hello_map("max-inflight-of-node", {"max_inflight": 8}, max_inflight=9),
        hello_map("window-0", initial_window=0),
        hello_map("window-1024", initial_window=1_024),
        hello_map("window-16-mib-and-1", initial_window=16_777_217),
        hello_map("comp-offered", supported_flags=64),
        hello_map("comp-not-offered", supported_flags=191),
        hello_map("comp-not-had", {"compression": False}, supported_flags=255),
        hello_map("node-values", {"idle_timeout_ms": 5_000, "revocation_seq": 7}),
        hello_map("versions-with-others", versions=[0, 1, 2, 65_535]),
        hello_map("client-128", client="x" * 128),
        hello_map("unknown-fields", None, {"agent": {"deep": [None, b"\0"]}, "ver": 9}, max_frame=8_192),
        hello_ok("json-unknown-fields", b'{"agent":null,"max_frame":8192}', "json", max_frame=8_192),
        hello_ok("map16", bytes.fromhex("de0001a96d61785f6672616d65ce00002000"), "msgpack", max_frame=8_192),
        hello_ok("integer-of-8-bytes", bytes.fromhex("81a96d61785f6672616d65cf0000000000002000"), "msgpack", max_frame=8_192),
        hello_ok("integer-signed", bytes.fromhex("81a96d61785f6672616d65d200002000"), "msgpack", max_frame=8_192),
        hello_ok("nested-32-deep", b"\x81\xa1a" + b"\x91" * 31 + b"\x01", "msgpack"),
        hello_ok("json-spaces", b'{ "versions" : [ 1 ] }\n', "json"),
        hello_err("not-a-map", pack([1])),
        hello_err("integer", b"\x01"),
        hello_err("string", pack("hello")),
        hello_err("bytes", pack(b"hello")),
        hello_err("nil", b"\xc0"),
        hello_err("map-cut", pack({"max_frame": 8_192})[:-1]),
        hello_err("map-and-more", pack({"max_frame": 8_192}) + b"\xc0"),
        hello_err("two-maps", pack({}) + pack({})),
        hello_err("never-used-byte", b"\xc1"),
        hello_err("map-of-4-billion", b"\xdf\xff\xff\xff\xff"),
        hello_err("string-of-4-gib", b"\x81\xdb\xff\xff\xff\xff"),
        hello_err("nested-33-deep", b"\x81\xa1a" + b"\x91" * 32 + b"\x01"),
        hello_err("nested-1000-deep", b"\x81\xa1a" + b"\x91" * 1_000 + b"\x01"),
        hello_err("byte-order-mark", pack({"client": "\ufeffx"})),
        hello_err("byte-order-mark-of-unknown-field", pack({"agent": "\ufeff" + "x" * 300})),
        hello_err("json-cut", b'{"max_frame":'),
        hello_err("json-and-more", b"{} x"),
        hello_err("json-not-utf8", b'{"client":"\xff"}'),
        hello_err("json-null", b'{"client":null}'),
        hello_err("json-string", b'{"max_frame":"8192"}'),
        hello_err("versions-2", pack({"versions": [2]}), "bad_version"),
        hello_err("versions-none", pack({"versions": []}), "bad_version"),
        hello_err("versions-2-json", b'{"versions":[2]}', "bad_version"),
    ]
    for field, values in ill_typed.items():
        out += [hello_err(f"{field}-ill-typed-{n}", pack({field: value})) for n, value in enumerate(values)]
    return out


def error(name, status, retryable, canonical=True, body=None, **fields):
    """canonical: an encoder makes exactly these bytes of the fields."""
    return {
        "name": name,
        "section": "8.1",
        "status": status,
        "body": (body or pack(fields)).hex(),
        "canonical": canonical,
        "fields": fields,
        "retryable": retryable,
    }


def errors():
    message = "Wait for replies."
    return [
        error("plain", 404, False, reason="app_unknown", message="No such app."),
        error("retry", 429, True, reason="inflight", message=message, retry_after_ms=1_000),
        error("retry-ms-0", 503, True, reason="draining", message=message, retry_after_ms=0),
        error("retry-ms-70000", 503, True, reason="draining", message=message, retry_after_ms=70_000),
        error("detail", 400, False, reason="bad_payload", message="Ill-typed.", detail={"field": "topic"}),
        error("everything", 503, True, reason="service_unavailable", message="é", retry_after_ms=128, detail={}),
        error("message-empty", 500, False, reason="internal", message=""),
        error("message-1024", 500, False, reason="internal", message="m" * 1_024),
        error("reason-unknown", 409, False, False, reason="from_the_future", message="New."),
        error("reason-unknown-429", 429, True, False, reason="quota_of_the_future", message="New."),
        error("reason-unknown-503", 503, True, False, reason="busy_in_the_future", message="New."),
        error("reason-of-another-status", 503, True, False, reason="app_unknown", message="Odd."),
        error("without-message", 404, False, False, pack({"reason": "op_unknown"}), reason="op_unknown"),
        error(
            "unknown-fields-and-order",
            404,
            False,
            False,
            pack({"x": [1], "message": "M.", "reason": "op_unknown"}),
            reason="op_unknown",
            message="M.",
        ),
        error(
            "wide-encodings",
            429,
            True,
            False,
            bytes.fromhex("df00000003")
            + bytes.fromhex("db00000006") + b"reason" + bytes.fromhex("da0008") + b"inflight"
            + bytes.fromhex("d907") + b"message" + bytes.fromhex("d901") + b"M"
            + bytes.fromhex("ae") + b"retry_after_ms" + bytes.fromhex("cf00000000000003e8"),
            reason="inflight",
            message="M",
            retry_after_ms=1_000,
        ),
        *(
            {"name": name, "section": "8.1", "status": 400, "body": body.hex(), "canonical": False, "unreadable": True}
            for name, body in (
                ("empty", b""),
                ("not-a-map", pack("bad_payload")),
                ("no-reason", pack({"message": "M."})),
                ("reason-not-a-string", pack({"reason": 400, "message": "M."})),
                ("cut", pack({"reason": "bad_payload", "message": "M."})[:-1]),
                ("json", b'{"reason":"bad_payload","message":"M."}'),
            )
        ),
    ]
