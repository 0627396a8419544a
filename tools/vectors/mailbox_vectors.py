"""mailbox.json."""

import re

from msgpack import pack

MIB = 1_048_576
BODY_MAX = 262_144
COUNT_MAX = 2**53 - 1
TTL_MAX = 31_536_000_000
DELAY_MAX = 2_592_000_000
LEASE_MAX = 43_200_000
WEEK = 604_800_000

ID = "01JQ0000000000000000000000"
RECEIPT = bytes(range(27))


class Remembered:
    """A value of an earlier reply, in the place of a value of a request."""

    def __init__(self, name):
        self.name = name

    @property
    def mark(self):
        return f"<<{self.name}>>"


def remember(name):
    """Any value; the same one wherever the name stands again."""
    return {"as": name}


def binary(data):
    return {"bin": data.hex()}


def plain(value):
    """A value with marks where remembered ones belong."""
    if isinstance(value, Remembered):
        return value.mark
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def parts(wire):
    """Hexadecimal text; where bytes are repeated many times, or values remembered, a list of parts."""
    found = []
    at = 0
    for match in re.finditer(rb"(?:[\xa0-\xbf]|\xd9.)<<(\w+)>>|(.)\2{99,}|(.{2,60}?)\3{30,}", wire, re.S):
        if match.start() > at:
            found.append({"hex": wire[at : match.start()].hex()})
        whole, name, byte, item = match.group(0), match.group(1), match.group(2), match.group(3)
        if name is not None:
            found.append({"value": name.decode()})
        elif byte is not None:
            found.append({"fill": byte.hex(), "bytes": len(whole)})
        else:
            found.append({"hex": item.hex(), "times": len(whole) // len(item)})
        at = match.end()
    if not found:
        return wire.hex()
    return found + ([{"hex": wire[at:].hex()}] if at < len(wire) else [])


NOT_TEXT = (1, True, b"a", ["a"], {})
NOT_TOPIC = (*NOT_TEXT, "", "/a", "a/", "a//b", ".", "..", "a/..", "./a", "a\nb", "a\x7f", "a\u0085", "a\\b", "x" * 513, "\u00fc" * 257)
NOT_NAME = (*NOT_TEXT, "", "x" * 257, "\u00fc" * 129)
NOT_MAP = (1, "a", b"a", [], True)


def not_count(low, high):
    values = ["1", 1.5, True, b"1", [1], high + 1]
    return values + ([low - 1] if low > -32 else [])


VISIBILITY = not_count(1, LEASE_MAX)
SETTINGS = {
    "visibility_ms": (1, LEASE_MAX),
    "max_deliveries": (0, 1_000_000),
    "dedup_window_ms": (0, WEEK),
    "retention_ms": (0, TTL_MAX),
    "quota_messages": (0, COUNT_MAX),
    "quota_bytes": (0, COUNT_MAX),
}
RECEIPTS_WRONG = [1, "r", {}, [], [1], ["r"], [None], [RECEIPT, 1], [bytes(65)], [RECEIPT] * 1025]
HEADERS_FULL = {f"h{n:02}": "v" for n in range(32)}
# Three bytes of a map of one, a name of 1 in 2, and 3 bytes before the text: 4,096 in all.
HEADERS_LONGEST = {"h": "v" * (4_096 - 1 - 2 - 3)}

# By operation: section, requests that are right, and for each field values that are not.
REQUESTS = {
    "SEND": (
        "5",
        [
            {"topic": "a", "body": b""},
            {"topic": "x" * 512, "body": b"x"},
            {"topic": "\u00fc" * 256, "body": b"x"},
            {"topic": "a b/\u4e2d/...", "body": bytes(BODY_MAX)},
            {"topic": "a", "body": b"x", "key": "x" * 256, "group": "\u00fc" * 128, "priority": 0, "delay_ms": 0, "ttl_ms": 1},
            {"topic": "a", "body": b"x", "priority": 9, "delay_ms": DELAY_MAX, "ttl_ms": TTL_MAX, "headers": {}, "more": [1]},
            {"topic": "a", "body": b"x", "key": None, "group": None, "priority": None, "delay_ms": None, "ttl_ms": None, "headers": None},
            {"topic": "a", "body": b"x", "headers": HEADERS_FULL},
            {"topic": "a", "body": b"x", "headers": HEADERS_LONGEST},
            {"topic": "a", "messages": [{"body": b"x"}]},
            {"topic": "a", "messages": [{"body": b"x"}] * 256},
            {"topic": "a", "messages": [{"body": b"x", "topic": 1}, {}], "body": 1, "priority": "high"},
        ],
        {
            "topic": [None, *NOT_TOPIC],
            "body": [None, 1, "text", True, [b"x"], {}],
            "key": NOT_NAME,
            "group": NOT_NAME,
            "priority": not_count(0, 9),
            "delay_ms": not_count(0, DELAY_MAX),
            "ttl_ms": not_count(1, TTL_MAX),
            "headers": [*NOT_MAP, {"h": 1}, {"h": None}, {"h": b"v"}, {**HEADERS_FULL, "h": "v"}, {"h": HEADERS_LONGEST["h"] + "v"}],
            "messages": [1, "a", {}, [], [1], [[]], [{"body": b"x"}, None], [{"body": b"x"}] * 257],
        },
        {"topic": "a", "body": b"x"},
    ),
    "RECV": (
        "6",
        [
            {"topic": "a"},
            {"topic": "a", "max": 1, "visibility_ms": 1, "wait_ms": 0, "ack": "explicit"},
            {"topic": "a", "max": 256, "visibility_ms": LEASE_MAX, "ack": "auto"},
            {"topic": "a", "max": None, "visibility_ms": None, "wait_ms": None, "ack": None},
        ],
        {"topic": [None, *NOT_TOPIC], "max": not_count(1, 256), "visibility_ms": VISIBILITY, "wait_ms": not_count(0, 60_000), "ack": [1, "", "AUTO", True]},
        {"topic": "a"},
    ),
    "ACK": (
        "6.3",
        [{"topic": "a", "receipts": [RECEIPT]}, {"topic": "a", "receipts": [b"", bytes(64)]}, {"topic": "a", "receipts": [RECEIPT] * 1024}],
        {"topic": [None, *NOT_TOPIC], "receipts": [None, *RECEIPTS_WRONG]},
        {"topic": "a", "receipts": [RECEIPT]},
    ),
    "NACK": (
        "6.3",
        [{"topic": "a", "receipts": [RECEIPT]}, {"topic": "a", "receipts": [RECEIPT], "delay_ms": 0}, {"topic": "a", "receipts": [RECEIPT], "delay_ms": DELAY_MAX}],
        {"topic": [None, 1], "receipts": [None, *RECEIPTS_WRONG], "delay_ms": not_count(0, DELAY_MAX)},
        {"topic": "a", "receipts": [RECEIPT]},
    ),
    "EXTEND": (
        "6.6",
        [{"topic": "a", "receipts": [RECEIPT], "visibility_ms": 1}, {"topic": "a", "receipts": [RECEIPT], "visibility_ms": LEASE_MAX}],
        {"topic": [None, 1], "receipts": [None, *RECEIPTS_WRONG], "visibility_ms": [None, *VISIBILITY]},
        {"topic": "a", "receipts": [RECEIPT], "visibility_ms": 1},
    ),
    "SUBSCRIBE": (
        "7.1",
        [{"topic": "a"}, {"topic": "a", "prefetch": 1, "visibility_ms": 1, "ack": "auto"}, {"topic": "a", "prefetch": 1024, "visibility_ms": LEASE_MAX, "ack": "explicit"}],
        {"topic": [None, *NOT_TOPIC], "prefetch": not_count(1, 1024), "visibility_ms": VISIBILITY, "ack": [1, "", "none"]},
        {"topic": "a"},
    ),
    "DELETE": ("8.1", [{"topic": "a", "id": ID}], {"topic": [None, 1], "id": [None, *NOT_TEXT, "", ID[1:], ID + "0", ID[:-1] + "U", ID[:-1] + "\u00e9"]}, {"topic": "a", "id": ID}),
    "PEEK": (
        "8.2",
        [{"topic": "a"}, {"topic": "a", "state": "ready", "limit": 1}, {"topic": "a", "state": "blocked", "limit": 256}, {"topic": "a", "state": "delayed"}, {"topic": "a", "state": "leased"}],
        {"topic": [None, *NOT_TOPIC], "state": [1, "", "all", "READY"], "after": [1, "text", []], "limit": not_count(1, 256)},
        {"topic": "a"},
    ),
    "STATS": (
        "8.3",
        [{}, {"topic": "a"}, {"topic": None}, {"after": "a", "limit": 1}, {"limit": 256}],
        {"topic": NOT_TOPIC, "after": NOT_TOPIC, "limit": not_count(1, 256)},
        {},
    ),
    "REDRIVE": (
        "8.4",
        [
            {"from": "a", "to": "b"},
            {"from": "a", "to": "b", "max": 1, "filter": {}},
            {"from": "a", "to": "b", "max": 1024, "filter": {"reason": "expired", "source": "c", "id": ID, "more": "x"}},
        ],
        {"from": [None, *NOT_TOPIC], "to": [None, *NOT_TOPIC, "a"], "max": not_count(1, 1024), "filter": [*NOT_MAP, {"reason": 1}, {"id": "x"}], "after": [1, "text", []]},
        {"from": "a", "to": "b"},
    ),
    "PURGE": (
        "8.5",
        [{"topic": "a"}, *({"topic": "a", "state": state} for state in ("ready", "delayed", "leased", "all")), {"topic": "a", "max": 1}, {"topic": "a", "max": 1024}],
        {"topic": [None, *NOT_TOPIC], "state": [1, "", "blocked"], "max": not_count(1, 1024)},
        {"topic": "a"},
    ),
    "CONFIGURE": (
        "8.6",
        [
            {},
            {"topic": "a"},
            {"topic": "a", "dlq": None},
            {"topic": "a", "dlq": "b", **{name: low for name, (low, _) in SETTINGS.items()}},
            {"topic": "a", **{name: high for name, (_, high) in SETTINGS.items()}},
            {"create": False, "visibility_ms": 1},
        ],
        {"topic": NOT_TOPIC, "dlq": [*NOT_TOPIC, "a"], **{name: not_count(*bounds) for name, bounds in SETTINGS.items()}},
        {"topic": "a"},
    ),
}


def requests():
    for operation, (section, right, wrong, base) in REQUESTS.items():
        def vector(name, wire, verdict, **more):
            named = {"name": f"{operation.lower()}-{name}", "section": section, "kind": "request", "operation": operation}
            return {**named, "body": parts(wire), "verdict": verdict, **more}

        for index, fields in enumerate(right):
            yield vector(f"ok-{index}", pack(fields), "ok")
        for index, wire in enumerate((b"", b"\xc0", b"\x90", b"\x01", b"\xa0", b"\x81", b"\xc1", pack(base) + b"\0", b"{}")):
            yield vector(f"no-map-{index}", wire, "err", field="")
        for field, values in wrong.items():
            for index, value in enumerate(values):
                yield vector(f"{field}-{index}", pack({**base, field: value}), "err", field=field)
        for field in base:
            if operation != "CONFIGURE":
                yield vector(f"without-{field}", pack({name: value for name, value in base.items() if name != field}), "err", field=field)
            if field in ("topic", "from", "to"):
                for name, value in (("same", base[field]), ("other", "other"), ("nil", None)):
                    wire = pack({**base, "more": 1}).replace(pack("more") + b"\x01", pack(field) + pack(value))
                    yield vector(f"twice-{field}-{name}", wire, "err", field=field)
    for name, text in (("stray", b"\xff"), ("cut", b"\xc3"), ("overlong", b"\xc0\xaf"), ("surrogate", b"\xed\xa0\x80"), ("mark", b"\xef\xbb\xbfx")):
        for field in ("key", "topic", "more"):
            wire = pack({"topic": "a", "body": b"x", "key": "k", "more": "k"})
            value = pack("a" if field == "topic" else "k")
            wire = wire.replace(pack(field) + value, pack(field) + bytes([0xA0 | len(text)]) + text)
            yield {
                "name": f"send-{field}-no-text-{name}", "section": "1.1", "kind": "request", "operation": "SEND",
                "body": wire.hex(), "verdict": "err", "field": "",
            }
    yield {
        "name": "send-body-too-large", "section": "5", "kind": "request", "operation": "SEND",
        "body": parts(pack({"topic": "a", "body": bytes(BODY_MAX + 1)})), "verdict": "err", "reason": "body_too_large",
    }
    yield {
        "name": "configure-create-no-bool", "section": "8.6", "kind": "request", "operation": "CONFIGURE",
        "body": pack({"create": 1}).hex(), "verdict": "err", "field": "create",
    }
    # Fields that belong to the whole request are judged before those of a message.
    yield {
        "name": "send-messages-without-topic", "section": "5.4", "kind": "request", "operation": "SEND",
        "body": pack({"messages": [{}]}).hex(), "verdict": "err", "field": "topic",
    }


PLAIN = {"priority": 4, "headers": {}, "e2e": False}


def shown(message):
    """A message as a reader sees it: with what its absence means."""
    found = {**PLAIN, **message}
    for name in ("body", "receipt"):
        if name in found:
            found[name] = found[name].hex()
    return found


def messages():
    least = {"id": ID, "body": b"", "receipt": RECEIPT, "deliveries": 1, "sent_at_ms": 1_800_000_000_000}
    full = {
        **least, "body": bytes(range(256)), "receipt": bytes(64), "deliveries": 1_000_000, "priority": 0, "key": "k", "group": "\u00fc",
        "headers": {"content-type": "text/plain", "": ""}, "e2e": True,
    }
    dead = {**least, "dead": {"topic": "a", "reason": "expired", "deliveries": 16, "at_ms": COUNT_MAX}}
    peeked = {"id": ID, "body": b"x", "deliveries": 0, "sent_at_ms": 0, "due_ms": 1_800_000_000_000}
    auto = {name: value for name, value in least.items() if name != "receipt"}
    later = {**least, "region": "eu", "trace": [1, {"a": None}]}

    def vector(name, section, wire, found):
        return {"name": f"messages-{name}", "section": section, "kind": "messages", "body": parts(wire), "messages": [shown(message) for message in found]}

    for name, section, found in (
        ("none", "6.1", []), ("least", "6.2", [least]), ("full", "6.2", [full]), ("dead", "3.4", [dead]),
        ("peeked", "8.2", [peeked]), ("auto", "6.2", [auto]), ("several", "6.2", [full, dead, least]), ("many", "6.1", [least] * 256),
    ):
        yield vector(name, section, pack({"messages": found}), found)
    yield vector("unknown-fields", "1.1", pack({"messages": [later], "cluster": 1}), [least])
    # Every encoding of a length or a number is as good as the shortest.
    long = (
        b"\xdf\0\0\0\1" + b"\xdb\0\0\0\x08messages" + b"\xdd\0\0\0\1" + b"\xde\0\4"
        + b"\xd9\2id" + b"\xda\0\x1a" + ID.encode() + b"\xa4body" + b"\xc6\0\0\0\1x"
        + b"\xaadeliveries" + b"\xcf\0\0\0\0\0\0\0\2" + b"\xaasent_at_ms" + b"\xd3\0\0\1\xa3\x18\x5c\x50\0"
    )
    yield vector("long-forms", "1.1", long, [{"id": ID, "body": b"x", "deliveries": 2, "sent_at_ms": 0x1A3185C5000}])


def records():
    empty = pack({"messages": []})
    one = pack({"messages": [{"id": ID, "body": b"x", "receipt": RECEIPT, "deliveries": 1, "sent_at_ms": 1}]})

    def framed(record):
        return len(record).to_bytes(4, "big") + record

    def vector(name, wire, verdict, found, rest=0):
        more = {"rest": rest} if verdict == "ok" else {}
        return {"name": f"records-{name}", "section": "7.1", "kind": "records", "payload": parts(wire), "verdict": verdict, "records": [r.hex() for r in found], **more}

    yield vector("first", framed(empty), "ok", [empty])
    yield vector("three", framed(empty) + framed(one) + framed(empty), "ok", [empty, one, empty])
    yield vector("incomplete", framed(empty) + framed(one)[:-1], "ok", [empty], len(framed(one)) - 1)
    yield vector("half-a-length", framed(empty) + b"\0\0", "ok", [empty], 2)
    yield vector("longest-begun", (2 * MIB).to_bytes(4, "big"), "ok", [], 4)
    yield vector("too-long", framed(empty) + (2 * MIB + 1).to_bytes(4, "big"), "err", [empty])
    yield vector("far-too-long", b"\xff\xff\xff\xff", "err", [])


SENT = {"id": remember("id"), "duplicate": False, "durability": remember("durability")}


def ask(operation, fields, reply, status=200, **more):
    return {"operation": operation, "request": parts(pack(plain(fields))), "status": status, "reply": reply, **more}


def wait(ms):
    return {"wait_ms": ms}


def send(name, fields, **more):
    return ask("SEND", {"topic": "a", **fields}, {**SENT, "id": remember(name)}, **more)


def got(name, body, receipt=None, deliveries=1, **more):
    """A message of a reply."""
    found = {"id": remember(name), "body": binary(body), "deliveries": deliveries, "sent_at_ms": remember(f"sent_{name}"), **more}
    return {**found, "receipt": remember(receipt)} if receipt else found


def receive(found, topic="a", **fields):
    return ask("RECV", {"topic": topic, "max": 10, **fields}, {"messages": found})


def settle(operation, outcomes, receipts, **fields):
    return ask(operation, {"topic": "a", "receipts": [Remembered(name) for name in receipts], **fields}, {"outcomes": outcomes})


def configure(**fields):
    known = {
        "visibility_ms": 30_000, "max_deliveries": 16, "dlq": "a/dlq", "dedup_window_ms": 300_000, "retention_ms": 0,
        "quota_messages": 0, "quota_bytes": 0, **fields,
    }
    return ask("CONFIGURE", {"topic": "a", **fields}, known)


def refused(operation, fields, status, reason, **more):
    return ask(operation, fields, {"reason": reason, **more}, status)


def conversations():
    stories = {
        "send-receive-acknowledge": ("6.3", [
            send("m", {"body": b"x"}), receive([got("m", b"x", "r")]), receive([]),
            settle("ACK", ["ok"], ["r"]), settle("ACK", ["gone"], ["r"]), receive([]),
        ]),
        "key-known": ("5.1", [
            send("m", {"body": b"x", "key": "k"}),
            ask("SEND", {"topic": "a", "body": b"x", "key": "k", "priority": 9}, {**SENT, "id": remember("m"), "duplicate": True}),
            refused("SEND", {"topic": "a", "body": b"y", "key": "k"}, 409, "idempotency_conflict"),
            receive([got("m", b"x", "r", key="k")]), settle("ACK", ["ok"], ["r"]),
            ask("SEND", {"topic": "a", "body": b"x", "key": "k"}, {**SENT, "id": remember("m"), "duplicate": True}),
            receive([]), send("n", {"body": b"y", "key": "other"}),
        ]),
        "key-forgotten": ("5.1", [
            configure(dedup_window_ms=40), send("m", {"body": b"x", "key": "k"}), wait(60), send("n", {"body": b"y", "key": "k"}),
            receive([got("m", b"x", "r", key="k"), got("n", b"y", "s", key="k")]),
        ]),
        "receipt-superseded": ("6.3", [
            send("m", {"body": b"x"}), receive([got("m", b"x", "r")], visibility_ms=20), wait(40), receive([got("m", b"x", "s", 2)]),
            settle("ACK", ["stale"], ["r"]), settle("NACK", ["stale"], ["r"]),
            ask("EXTEND", {"topic": "a", "receipts": [Remembered("r"), Remembered("s")], "visibility_ms": 60_000}, {"outcomes": ["stale", "ok"], "receipts": [None, remember("t")]}),
            settle("ACK", ["stale"], ["s"]), settle("ACK", ["ok"], ["t"]),
        ]),
        "receipt-late": ("6.4", [
            send("m", {"body": b"x"}), receive([got("m", b"x", "r")], visibility_ms=20), wait(40),
            settle("ACK", ["ok"], ["r"]), receive([]),
        ]),
        "receipt-of-nothing": ("6.3", [
            ask("ACK", {"topic": "none", "receipts": [RECEIPT]}, {"outcomes": ["gone"]}),
            send("m", {"body": b"x"}), ask("ACK", {"topic": "a", "receipts": [RECEIPT, b"", bytes(64)]}, {"outcomes": ["gone", "gone", "gone"]}),
            receive([got("m", b"x", "r")]), ask("ACK", {"topic": "b", "receipts": [Remembered("r")]}, {"outcomes": ["gone"]}),
        ]),
        "negative-acknowledgement": ("6.5", [
            send("m", {"body": b"x"}), receive([got("m", b"x", "r")]), settle("NACK", ["ok"], ["r"], delay_ms=20), receive([]),
            settle("ACK", ["stale"], ["r"]), wait(40), receive([got("m", b"x", "s", 2)]),
            settle("NACK", ["ok"], ["s"], delay_ms=0), receive([got("m", b"x", "t", 3)]),
        ]),
        "dead-letter": ("3.4", [
            configure(max_deliveries=1), send("m", {"body": b"x", "key": "k", "headers": {"h": "v"}}),
            receive([got("m", b"x", "r", key="k", headers={"h": "v"})]), settle("NACK", ["dead"], ["r"]), receive([]),
            receive([got("m", b"x", "s", key="k", headers={"h": "v"}, dead={"topic": "a", "reason": "nacked", "deliveries": 1, "at_ms": remember("at")})], "a/dlq"),
            ask("NACK", {"topic": "a/dlq", "receipts": [Remembered("s")], "delay_ms": 0}, {"outcomes": ["ok"]}),
            ask("REDRIVE", {"from": "a/dlq", "to": "a", "filter": {"reason": "expired"}}, {"moved": 0}),
            ask("REDRIVE", {"from": "a/dlq", "to": "a", "filter": {"reason": "nacked", "source": "a"}}, {"moved": 1}),
            receive([got("m", b"x", "t", key="k", headers={"h": "v"})]),
        ]),
        "dead-letter-by-time": ("3.2", [
            configure(max_deliveries=1), send("m", {"body": b"x"}), receive([got("m", b"x", "r")], visibility_ms=20), wait(40),
            settle("ACK", ["gone"], ["r"]),
            receive([got("m", b"x", "s", dead={"topic": "a", "reason": "expired", "deliveries": 1, "at_ms": remember("at")})], "a/dlq"),
        ]),
        "dead-letters-nowhere": ("4.2", [
            configure(max_deliveries=1, dlq=None), send("m", {"body": b"x"}), receive([got("m", b"x", "r")]),
            settle("NACK", ["ok"], ["r"], delay_ms=0), receive([got("m", b"x", "s", 2)]),
        ]),
        "group": ("3.5", [
            send("m", {"body": b"1", "group": "g"}), send("n", {"body": b"2", "group": "g", "priority": 9}), send("o", {"body": b"3"}),
            receive([got("m", b"1", "r", group="g"), got("o", b"3", "s")]),
            ask("PEEK", {"topic": "a", "state": "blocked"}, {"messages": [got("n", b"2", None, 0, group="g", priority=9)]}),
            settle("ACK", ["ok"], ["r"]), receive([got("n", b"2", "t", group="g", priority=9)]),
        ]),
        "priority": ("2", [
            send("m", {"body": b"1"}), send("n", {"body": b"2", "priority": 9}), send("o", {"body": b"3", "priority": 4}), send("p", {"body": b"4", "priority": 0}),
            receive([got("n", b"2", "r", priority=9), got("m", b"1", "s"), got("o", b"3", "t"), got("p", b"4", "u", priority=0)]),
        ]),
        "many-at-once": ("5.4", [
            ask("SEND", {"topic": "a", "messages": [{"body": b"1"}, {"body": b"2", "key": "k"}]}, {"ids": [remember("m"), remember("n")], "durability": remember("durability")}),
            ask(
                "SEND",
                {"topic": "a", "messages": [{"body": b"2", "key": "k"}, {"body": b"other", "key": "k"}, {"body": "text"}, {"body": b"3", "priority": 10}, {"body": b"4"}, {"body": bytes(BODY_MAX + 1)}]},
                {
                    "ids": [remember("n"), None, None, None, remember("o"), None],
                    "durability": remember("durability"),
                    "duplicates": [0],
                    "errors": [
                        {"at": 1, "status": 409, "error": {"msgpack": {"reason": "idempotency_conflict"}}},
                        {"at": 2, "status": 400, "error": {"msgpack": {"reason": "bad_payload", "detail": {"field": "body"}}}},
                        {"at": 3, "status": 400, "error": {"msgpack": {"reason": "bad_payload", "detail": {"field": "priority"}}}},
                        {"at": 5, "status": 413, "error": {"msgpack": {"reason": "body_too_large"}}},
                    ],
                },
            ),
            receive([got("m", b"1", "r"), got("n", b"2", "s", key="k"), got("o", b"4", "t")]),
        ]),
        "acknowledged-when-handed-out": ("3.1", [send("m", {"body": b"x"}), receive([got("m", b"x")], ack="auto"), receive([])]),
        "delay-and-time-to-live": ("3.3", [
            send("m", {"body": b"1", "delay_ms": 20}), send("n", {"body": b"2", "ttl_ms": 20}), send("o", {"body": b"3"}),
            ask("PEEK", {"topic": "a", "state": "delayed"}, {"messages": [{**got("m", b"1", None, 0), "due_ms": remember("due")}]}),
            wait(40), receive([got("m", b"1", "r"), got("o", b"3", "s")]),
        ]),
        "delete": ("8.1", [
            send("m", {"body": b"1"}), send("n", {"body": b"2"}),
            ask("DELETE", {"topic": "a", "id": Remembered("m")}, {"outcome": "deleted"}), ask("DELETE", {"topic": "a", "id": Remembered("m")}, {"outcome": "gone"}),
            receive([got("n", b"2", "r")]), ask("DELETE", {"topic": "a", "id": Remembered("n")}, {"outcome": "pending"}),
            settle("NACK", ["ok"], ["r"], delay_ms=0), receive([]),
        ]),
        "purge": ("8.5", [
            send("m", {"body": b"1", "group": "g"}), send("n", {"body": b"2", "group": "g"}), send("o", {"body": b"3", "delay_ms": 60_000}), send("p", {"body": b"4"}),
            receive([got("m", b"1", "r", group="g")], max=1),
            ask("PURGE", {"topic": "a", "state": "ready", "max": 1}, {"purged": 1, "more": True}),
            ask("PURGE", {"topic": "a", "state": "ready"}, {"purged": 1, "more": False}),
            ask("PURGE", {"topic": "a"}, {"purged": 2, "more": False}), settle("ACK", ["gone"], ["r"]),
        ]),
        "pages": ("8.2", [
            send("m", {"body": b"1"}), send("n", {"body": b"2"}),
            ask("PEEK", {"topic": "a", "limit": 1}, {"messages": [got("m", b"1", None, 0)], "next": remember("place")}),
            ask("PEEK", {"topic": "a", "limit": 1, "after": Remembered("place")}, {"messages": [got("n", b"2", None, 0)]}),
        ]),
        "settings": ("8.6", [
            configure(), configure(visibility_ms=20), send("m", {"body": b"x"}), receive([got("m", b"x", "r")]), wait(40), receive([got("m", b"x", "s", 2)]),
            ask("CONFIGURE", {"visibility_ms": 1_000}, {
                "visibility_ms": 1_000, "max_deliveries": 16, "dedup_window_ms": 300_000, "retention_ms": 0, "quota_messages": 0, "quota_bytes": 0, "create": True,
            }),
            ask("CONFIGURE", {"topic": "b", "quota_bytes": 1}, {
                "visibility_ms": 1_000, "max_deliveries": 16, "dlq": "b/dlq", "dedup_window_ms": 300_000, "retention_ms": 0, "quota_messages": 0, "quota_bytes": 1,
            }),
        ]),
        "quota": ("4.3", [
            configure(quota_messages=1), send("m", {"body": b"x"}), refused("SEND", {"topic": "a", "body": b"y"}, 429, "mailbox_quota"),
            receive([got("m", b"x", "r")]), settle("ACK", ["ok"], ["r"]), send("n", {"body": b"y"}), configure(quota_messages=1, quota_bytes=65),
            receive([got("n", b"y", "s")]), settle("ACK", ["ok"], ["s"]), send("o", {"body": b"z"}),
        ]),
        "topics-that-are-not-there": ("4.1", [
            receive([]),
            *(refused(operation, {"topic": "a"}, 404, "topic_unknown") for operation in ("PEEK", "STATS", "PURGE")),
            refused("DELETE", {"topic": "a", "id": ID}, 404, "topic_unknown"),
            refused("REDRIVE", {"from": "a", "to": "b"}, 404, "topic_unknown"),
            ask("STATS", {}, {"topics": []}),
            ask("CONFIGURE", {"create": False}, {
                "visibility_ms": 30_000, "max_deliveries": 16, "dedup_window_ms": 300_000, "retention_ms": 0, "quota_messages": 0, "quota_bytes": 0, "create": False,
            }),
            *(refused(operation, {"topic": "a", "body": b"x"}, 404, "topic_unknown") for operation in ("SEND", "RECV", "SUBSCRIBE")),
            configure(), send("m", {"body": b"x"}),
        ]),
        "ciphertext": ("5.3", [send("m", {"body": b"x"}, e2e=True), {**receive([got("m", b"x", "r", e2e=True)]), "reply_e2e": True}]),
        "counts": ("8.3", [
            send("m", {"body": b"1234567890", "key": "k"}), send("n", {"body": b"", "delay_ms": 60_000}), receive([got("m", b"1234567890", "r", key="k")]),
            send("o", {"body": b"x"}),
            ask("STATS", {"topic": "a"}, {
                "topic": "a", "ready": 1, "blocked": 0, "delayed": 1, "leased": 1, "bytes": remember("bytes"),
                "admitted": 3, "acked": 0, "deleted": 0, "expired": 0, "dead_lettered": 0, "redriven": 0, "delivered": 1, "oldest_ms": remember("oldest"),
                "settings": {
                    "visibility_ms": 30_000, "max_deliveries": 16, "dlq": "a/dlq", "dedup_window_ms": 300_000, "retention_ms": 0, "quota_messages": 0, "quota_bytes": 0,
                },
            }),
        ]),
        "another-tenant": ("1.3", [
            send("m", {"body": b"x"}),
            {**refused("PEEK", {"topic": "a"}, 404, "topic_unknown"), "tenant": "other"}, {**receive([]), "tenant": "other"},
            {**send("n", {"body": b"y"}), "tenant": "other"}, receive([got("m", b"x", "r")]),
            {**ask("ACK", {"topic": "a", "receipts": [Remembered("r")]}, {"outcomes": ["gone"]}), "tenant": "other"}, settle("ACK", ["ok"], ["r"]),
        ]),
    }
    for name, (section, steps) in stories.items():
        yield {"name": f"conversation-{name}", "section": section, "kind": "conversation", "steps": steps}


def mailbox():
    return [*requests(), *messages(), *records(), *conversations()]
