"""capability.json and the example of specs/capability-1.md."""

import base64
import hashlib

import capability as cap

KEY = bytes(range(32))
KID = "0123456789abcdef"
NONCE = "000102030405060708090a0b0c0d0e0f"
TENANT = "00112233445566778899aabbccddeeff"
OTHER_TENANT = "ffeeddccbbaa99887766554433221100"
NOW = 1_767_225_600_000
MINUTE = 60_000
HOUR = 3_600_000
BINDING = cap.text(hashlib.sha256(b"a tls-exporter value").digest())
OTHER_BINDING = cap.text(hashlib.sha256(b"another tls-exporter value").digest())
CERTIFICATE = hashlib.sha256(b"a certificate").hexdigest()
KEYS = [
    {"kid": KID, "state": "active", "secret": KEY.hex(), "ttl_max_ms": HOUR},
    {"kid": "1" * 16, "state": "next", "secret": "11" * 32, "ttl_max_ms": HOUR},
    {"kid": "2" * 16, "state": "verify-only", "secret": "22" * 32, "ttl_max_ms": HOUR, "retire_at_ms": NOW + MINUTE},
    {"kid": "3" * 16, "state": "verify-only", "secret": "33" * 32, "ttl_max_ms": HOUR, "retire_at_ms": NOW},
    {"kid": "4" * 16, "state": "retired", "ttl_max_ms": HOUR, "retire_at_ms": NOW},
]
REQUEST = {
    "tenant": TENANT,
    "app": 16,
    "op": 1,
    "verb": "send",
    "topic": "orders/eu/1",
    "payload_bytes": 100,
    "address": "192.0.2.7",
    "node": "node-a",
    "aud": "prod",
}

# Given by the public tests of libmacaroons: key "this is the key".
PUBLIC = (
    ("libmacaroons-root", [], "AgETaHR0cDovL2V4YW1wbGUub3JnLwIFa2V5aWQAAAYgfN7nklEcW8b1KEhYBd_psk54XijiqZMB-dcRxgnjjvc"),
    (
        "libmacaroons-caveat",
        ["account = 3735928559"],
        "AgETaHR0cDovL2V4YW1wbGUub3JnLwIFa2V5aWQAAhRhY2NvdW50ID0gMzczNTkyODU1OQAABiD1SAf23G7fiL8PcwazgiVio2JTPb9zObphdl2kvSWdhw",
    ),
    (
        "libmacaroons-two-caveats",
        ["account = 3735928559", "user = alice"],
        "AgETaHR0cDovL2V4YW1wbGUub3JnLwIFa2V5aWQAAhRhY2NvdW50ID0gMzczNTkyODU1OQACDHVzZXIgPSBhbGljZQAABiBL6WfNHqDGsmuvakqU7psFsViG2guoXoxCqTyNDhJe_A",
    ),
)


def tenant_and(*caveats, exp=NOW + 5 * MINUTE):
    return [f"tenant={TENANT}", *([] if exp is None else [f"exp={exp}"]), *caveats]


def example_caveats():
    return tenant_and("app=16", "verb=recv,send", "prefix=orders/")


def example_token():
    return cap.mint(KEY, KID, NONCE, NOW, example_caveats())


def chain(name, key, location, identifier, caveats):
    caveats = [caveat.encode() for caveat in caveats]
    wire = cap.encode(location, identifier, caveats, cap.sign(key, identifier, caveats))
    return {
        "name": name,
        "section": "4",
        "kind": "chain",
        "key": key.hex(),
        "location": None if location is None else location.hex(),
        "identifier": identifier.hex(),
        "caveats": [caveat.hex() for caveat in caveats],
        "wire": wire.hex(),
        "text": cap.text(wire),
    }


def chains():
    for name, caveats, published in PUBLIC:
        vector = chain(name, b"this is the key", b"http://example.org/", b"keyid", caveats)
        if vector["text"] != published:
            raise SystemExit(f"{name}: not the published bytes")
        yield vector
    ident = cap.identifier(KID, NONCE, NOW)
    yield chain("example", KEY, cap.LOCATION, ident, example_caveats())
    yield chain("no-location", KEY, None, b"", [])
    yield chain("empty-caveat", KEY, b"", b"i", ["", "a"])
    yield chain("key-of-one-byte", b"k", cap.LOCATION, ident, ["tenant=" + TENANT])
    yield chain("key-of-100-bytes", b"k" * 100, cap.LOCATION, ident, ["tenant=" + TENANT])
    yield chain("caveat-of-127-bytes", KEY, cap.LOCATION, ident, ["a" * 127])
    yield chain("caveat-of-128-bytes", KEY, cap.LOCATION, ident, ["a" * 128])
    yield chain("caveats-32", KEY, cap.LOCATION, ident, [f"node=n{n}" for n in range(32)])


def forms():
    """(name, bytes) that are no macaroon of 3.2, and some that are."""
    whole = example_token()
    ident = cap.identifier(KID, NONCE, NOW)
    sig = cap.field(6, b"s" * 32)
    head = b"\x02" + cap.field(1, cap.LOCATION) + cap.field(2, ident) + b"\0"
    yield "whole", whole
    yield "empty", b""
    yield "version-only", b"\x02"
    yield "version-1-text", b"0021location http://example.org/\n"
    yield "version-2-json", b'{"v":2}'
    yield "version-3", b"\x03" + whole[1:]
    yield "trailing-zero", whole + b"\0"
    yield "twice", whole + whole
    yield "cut-by-1", whole[:-1]
    yield "without-signature", whole[:-34]
    yield "signature-31", head + b"\0" + cap.field(6, b"s" * 31)
    yield "signature-33", head + b"\0" + cap.field(6, b"s" * 33)
    yield "signature-0", head + b"\0" + cap.field(6, b"")
    yield "no-caveats", head + b"\0" + sig
    yield "location-behind-identifier", b"\x02" + cap.field(2, ident) + cap.field(1, cap.LOCATION) + b"\0\0" + sig
    yield "location-twice", b"\x02" + cap.field(1, cap.LOCATION) * 2 + cap.field(2, ident) + b"\0\0" + sig
    yield "identifier-twice", b"\x02" + cap.field(2, ident) * 2 + b"\0\0" + sig
    yield "identifier-missing", b"\x02" + cap.field(1, cap.LOCATION) + b"\0\0" + sig
    yield "unknown-field", b"\x02" + cap.field(2, ident) + cap.field(3, b"x") + b"\0\0" + sig
    yield "third-party", head + cap.field(2, b"caveat") + cap.field(4, b"vid") + b"\0\0" + sig
    yield "third-party-with-location", head + cap.field(1, b"loc") + cap.field(2, b"c") + cap.field(4, b"v") + b"\0\0" + sig
    yield "caveat-with-location", head + cap.field(1, b"loc") + cap.field(2, b"c") + b"\0\0" + sig
    yield "caveat-without-end", head + cap.field(2, b"c") + cap.field(2, b"d") + b"\0\0" + sig
    yield "caveat-empty", head + cap.field(2, b"") + b"\0\0" + sig
    yield "caveats-32", head + (cap.field(2, b"c") + b"\0") * 32 + b"\0" + sig
    yield "caveats-33", head + (cap.field(2, b"c") + b"\0") * 33 + b"\0" + sig
    yield "caveats-10000", head + (cap.field(2, b"") + b"\0") * 10_000 + b"\0" + sig
    pad = 4_096 - len(head) - len(b"\0" + sig) - 4
    yield "bytes-4096", head + cap.field(2, b"c" * pad) + b"\0\0" + sig
    yield "bytes-4097", head + cap.field(2, b"c" * (pad + 1)) + b"\0\0" + sig
    yield "length-not-shortest", b"\x02\x02\x9f\x00" + ident + b"\0\0" + sig
    yield "length-0-in-two-bytes", b"\x02\x02\x80\x00" + b"\0\0" + sig
    yield "length-of-three-bytes", b"\x02\x02\x80\x80\x01" + b"\0" * 64
    yield "length-of-ten-bytes", b"\x02\x02" + b"\xff" * 9 + b"\x01" + b"\0" * 64
    yield "length-of-eleven-bytes", b"\x02\x02" + b"\xff" * 10 + b"\x01" + b"\0" * 64
    yield "length-beyond-the-end", b"\x02\x02\x7f" + ident
    yield "length-16383", b"\x02\x02\xff\x7f" + ident
    yield "length-cut", b"\x02\x02\xff"
    yield "type-in-two-bytes", b"\x02\x82\x00" + bytes([31]) + ident + b"\0\0" + sig
    yield "no-location", b"\x02" + cap.field(2, ident) + b"\0\0" + sig
    yield "location-empty", b"\x02" + cap.field(1, b"") + cap.field(2, ident) + b"\0\0" + sig
    yield "location-of-another", b"\x02" + cap.field(1, b"Omnigate") + cap.field(2, ident) + b"\0\0" + sig
    yield "identifier-format-0", b"\x02" + cap.field(1, cap.LOCATION) + cap.field(2, b"\0" + ident[1:]) + b"\0\0" + sig
    yield "identifier-30", b"\x02" + cap.field(1, cap.LOCATION) + cap.field(2, ident[:-1]) + b"\0\0" + sig
    yield "identifier-32", b"\x02" + cap.field(1, cap.LOCATION) + cap.field(2, ident + b"\0") + b"\0\0" + sig


def form(name, wire):
    try:
        location, identifier, _, _ = cap.decode(wire)
        macaroon = True
        capability = location == cap.LOCATION and len(identifier) == 31 and identifier[0] == 1
    except cap.Malformed:
        macaroon = capability = False
    shown = wire.hex()
    if len(wire) > 8_192:
        shown = [{"hex": wire[:60].hex()}, {"hex": "020000", "times": (len(wire) - 95) // 3}, {"hex": wire[-35:].hex()}]
        if b"".join(bytes.fromhex(part["hex"]) * part.get("times", 1) for part in shown) != wire:
            raise SystemExit(f"{name}: parts do not make the whole")
    return {"name": f"form-{name}", "section": "3.2", "kind": "form", "wire": shown, "macaroon": macaroon, "capability": capability}


def caveats():
    """Texts that are caveats and texts that nearly are."""
    yield from (
        f"tenant={TENANT}", f"tenant={TENANT.upper()}", f"tenant={TENANT[:-1]}", f"tenant={TENANT}0", "tenant=", "tenant", f"tenant = {TENANT}",
        f" tenant={TENANT}", f"tenant={TENANT} ", f"tenant={TENANT}\n", f"Tenant={TENANT}", f"tenant=={TENANT}", "tenant=" + "0" * 32,
        "exp=0", "exp=1767225600000", "exp=01", "exp=-1", "exp=+1", "exp=1.0", "exp=1e3", "exp=", "exp=281474976710655", "exp=281474976710656",
        "exp=99999999999999999999999", "exp=٣", "nbf=0", "nbf=281474976710655", "nbf=281474976710656",
        "app=16", "app=1,16,17", "app=0", "app=65535", "app=65536", "app=16,1", "app=16,16", "app=16,", "app=,16", "app=", "app=016", "app=9,10", "app=10,9", "app=16, 17",
        "verb=send", "verb=recv,send", "verb=send,recv", "verb=send,send", "verb=SEND", "verb=0", "verb=65535", "verb=65536", "verb=01", "verb=1,10,9", "verb=1,9,10",
        "verb=1,send", "verb=send,1", "verb=a-b", "verb=a_b", "verb=_a", "verb=" + "a" * 32, "verb=" + "a" * 33, "verb=",
        "prefix=orders/", "prefix=orders", "prefix=a/,b/", "prefix=b/,a/", "prefix=a/,a/", "prefix=a,a/", "prefix=a/b/c/", "prefix=/", "prefix=/a", "prefix=a//", "prefix=a//b",
        "prefix=.", "prefix=..", "prefix=a/../b", "prefix=a/./b", "prefix=a/..", "prefix=../a", "prefix=...", "prefix=.a", "prefix=a.", "prefix=a/.../b", "prefix=", "prefix=a,",
        "prefix=a\\b", "prefix=a\x00b", "prefix=a\nb", "prefix=a\x7fb", "prefix=a\u0085b", "prefix=a b", "prefix=a%2e%2e", "prefix=ä/ö/", "prefix=a=b", "prefix=\U0001f600/",
        "prefix=\uff5e,\U00010000", "prefix=\U00010000,\uff5e", "prefix=\ufeffa", "prefix=" + "a" * 1_024, "prefix=" + "a" * 1_024 + "/", "prefix=" + "a" * 1_025,
        "ip=192.0.2.0/24", "ip=192.0.2.7/32", "ip=0.0.0.0/0", "ip=192.0.2.7/24", "ip=192.0.2.0", "ip=192.0.2.0/33", "ip=192.0.2.0/024", "ip=192.0.02.0/24", "ip=256.0.0.0/8",
        "ip=1.2.3/24", "ip=1.2.3.4.5/32", "ip=192.0.2.0/", "ip=192.0.2.0/255.255.255.0", "ip=10.0.0.0/8,192.168.0.0/16", "ip=192.168.0.0/16,10.0.0.0/8",
        "ip=2001:db8::/32", "ip=2001:DB8::/32", "ip=2001:0db8::/32", "ip=2001:db8:0:0:0:0:0:0/32", "ip=::/0", "ip=::1/128", "ip=::/128", "ip=::/129", "ip=2001:db8::1/32",
        "ip=2001:db8:0:1::/64", "ip=2001:db8::1:0:0:1/128", "ip=2001:db8:0:0:1::1/128", "ip=1:0:0:2::/64", "ip=1::2:0:0/96", "ip=1:2:3:4:5:6:7:8/128", "ip=1:2:3:4:5:6:7:0/128",
        "ip=1:2:3:4:5:6:7::/128", "ip=::ffff:192.0.2.0/120", "ip=::ffff:c000:200/120", "ip=::ffff:0:0/96", "ip=::fffe:0:0/95", "ip=fe80::%1/64", "ip=1:::2/128", "ip=:/128", "ip=g::/16", "ip=12345::/16",
        "node=a", "node=node-a.example_1", "node=-a", "node=", "node=a b", "node=" + "a" * 64, "node=" + "a" * 65, "node=A,a", "node=a,A", "node=ä",
        "aud=prod", "aud=https://example.org/prod", "aud=/a", "aud=" + "a" * 128, "aud=" + "a" * 129, "aud=a,b", "aud=b,a",
        "rate=batch", "rate=Batch", "rate=b", "rate=9", "rate=" + "a" * 32, "rate=" + "a" * 33, "rate=a,b", "rate=",
        "max_bytes=0", "max_bytes=9007199254740991", "max_bytes=9007199254740992", "max_bytes=1_000", "max_inflight=1", "max_inflight=0", "max_inflight=00",
        f"tls={BINDING}", f"tls={BINDING}=", f"tls={BINDING[:-1]}", f"tls={BINDING[:-1]}B", "tls=" + "A" * 43, "tls=" + "A" * 42 + "+",
        f"cert={CERTIFICATE}", f"cert={CERTIFICATE.upper()}", f"cert={CERTIFICATE[:-1]}", "cert=" + ":".join(["ab"] * 32),
        "", "=", "=a", "account = 3735928559", "time < 2030-01-01T00:00", "scope=all", "EXP=1", "exp", "constructor=1", "__proto__=1", "toString=",
    )


def caveat_vectors():
    raw = [text.encode() for text in caveats()]
    raw += [b"prefix=\xff", b"prefix=\xc0\xae", b"prefix=\xed\xa0\x80", b"prefix=a\xe2\x82", b"\xfftenant=" + TENANT.encode()]
    for index, data in enumerate(raw):
        yield {"name": f"caveat-{index + 1}", "section": "5.1", "kind": "caveat", "bytes": data.hex(), "known": cap.caveat(data) is not None}


def topic_vectors():
    pairs = [
        (prefix, topic)
        for prefix in ("a/", "a", "a/b/", "a/b", "ä/", "a.b/")
        for topic in (
            "a", "a/", "a/b", "a/b/", "a/b/c", "a/bc", "ab", "ab/c", "b", "b/a", "A/b", "a//b", "/a/b", "a/./b", "a/../b", "a/..", "./a/b", "..", "", "/", "a/...", "a/.b", "a/b.",
            "a/b\\c", "a/\x00", "a/\n", "a/\u009f", "a/ ", "a/%2e%2e/b", "a/b,c", "ä/b", "a\u0308/b", "a.b/c", "axb/c", "a/\U0001f600", "a/" + "x" * 1_022, "a/" + "x" * 1_023,
            "a/" + "\U0001f600" * 511, "a/" + "\U0001f600" * 511 + "x",
        )
    ]
    for index, (prefix, topic) in enumerate(pairs):
        admits = cap.is_topic(topic) and cap.admits(prefix, topic)
        yield {"name": f"topic-{index + 1}", "section": "5.4", "kind": "topic", "prefix": prefix, "topic": topic, "admits": admits}


def token_vector(name, section, token, request=None, now=NOW, revocations=(), **changes):
    request = {key: value for key, value in {**(request or REQUEST), **changes}.items() if value is not None}
    reason = cap.judge(token, KEYS, revocations, now, request)
    vector = {"name": name, "section": section, "kind": "request", "token": token.hex(), "now_ms": now, "request": request}
    if revocations:
        vector["revocations"] = list(revocations)
    return {**vector, "verdict": "ok"} if reason is None else {**vector, "verdict": "err", "reason": reason}


def minted(*caveats, key=KEY, kid=KID, iat=NOW, exp=NOW + 5 * MINUTE):
    return cap.mint(key, kid, NONCE, iat, tenant_and(*caveats, exp=exp))


def requests():
    whole = example_token()
    yield token_vector("example-allowed", "6.2", whole)
    yield token_vector("nothing", "6.1", b"")
    yield token_vector("rubbish", "6.1", b"\x02rubbish")
    yield token_vector("location-missing", "3.3", cap.encode(None, cap.identifier(KID, NONCE, NOW), [], b"s" * 32))
    yield token_vector("text-on-the-wire", "3.4", cap.text(whole).encode())
    for at in (5, 15, 25, 40, 60, 100, len(whole) - 1):
        flipped = bytearray(whole)
        flipped[at] ^= 1
        yield token_vector(f"bit-flipped-at-{at}", "6.1", bytes(flipped))
    yield token_vector("caveat-removed", "4", cap.encode(cap.LOCATION, cap.identifier(KID, NONCE, NOW), [c.encode() for c in example_caveats()[:-1]], whole[-32:]))
    swapped = [c.encode() for c in (*example_caveats()[:2], *reversed(example_caveats()[2:]))]
    yield token_vector("caveats-swapped", "4", cap.encode(cap.LOCATION, cap.identifier(KID, NONCE, NOW), swapped, whole[-32:]))
    yield token_vector("kid-unknown", "7.1", minted(kid="9" * 16))
    yield token_vector("kid-of-another-key", "7.1", minted(kid="1" * 16))
    yield token_vector("key-next", "7.1", minted(kid="1" * 16, key=b"\x11" * 32))
    yield token_vector("key-verify-only", "7.1", minted(kid="2" * 16, key=b"\x22" * 32))
    yield token_vector("key-verify-only-ending", "7.1", minted(kid="2" * 16, key=b"\x22" * 32), now=NOW + MINUTE - 1)
    yield token_vector("key-verify-only-ended", "7.1", minted(kid="2" * 16, key=b"\x22" * 32), now=NOW + MINUTE)
    yield token_vector("key-past-its-end", "7.1", minted(kid="3" * 16, key=b"\x33" * 32))
    yield token_vector("key-retired", "7.1", minted(kid="4" * 16, key=b"\x44" * 32))
    yield token_vector("no-caveats", "5.2", cap.mint(KEY, KID, NONCE, NOW, []))
    yield token_vector("tenant-second", "5.2", cap.mint(KEY, KID, NONCE, NOW, ["app=16", f"tenant={TENANT}"]))
    yield token_vector("tenant-misspelled", "5.2", cap.mint(KEY, KID, NONCE, NOW, [f"tenant={TENANT.upper()}"]))
    yield token_vector("tenant-behind-an-unknown", "6.1", cap.mint(KEY, KID, NONCE, NOW, ["scope=all", f"tenant={TENANT}"]))
    yield token_vector("tenant-alone", "5.2", cap.mint(KEY, KID, NONCE, NOW, [f"tenant={TENANT}"]))
    for name, tenant in (("zeros", "0" * 32), ("ones", "f" * 32)):
        yield token_vector(f"tenant-{name}", "5.2", cap.mint(KEY, KID, NONCE, NOW, [f"tenant={tenant}"]), tenant=tenant)
        yield token_vector(f"request-tenant-{name}", "6.2", whole, tenant=tenant)
    yield token_vector("tenant-of-another", "6.2", whole, tenant=OTHER_TENANT)
    yield token_vector("tenant-twice", "5.3", minted(f"tenant={TENANT}"))
    yield token_vector("tenant-changed", "5.3", minted(f"tenant={OTHER_TENANT}"))
    yield token_vector("tenant-changed-asked", "5.3", minted(f"tenant={OTHER_TENANT}"), tenant=OTHER_TENANT)
    for name, caveat in (("word", "scope=all"), ("value", "exp=soon"), ("empty", ""), ("space", "app = 16"), ("bytes", b"\xff\xfe")):
        yield token_vector(f"unknown-{name}", "5.1", minted(caveat))
    exp = NOW + 5 * MINUTE
    for name, at in (("before-the-end", exp + MINUTE - 1), ("at-the-end", exp + MINUTE), ("long-past", exp + HOUR)):
        yield token_vector(f"exp-{name}", "6.3", whole, now=at)
    for name, at in (("within-skew", NOW - MINUTE), ("beyond-skew", NOW - MINUTE - 1)):
        yield token_vector(f"iat-{name}", "6.3", whole, now=at)
    nbf = minted(f"nbf={NOW + 2 * MINUTE}")
    for name, at in (("within-skew", NOW + MINUTE), ("beyond-skew", NOW + MINUTE - 1)):
        yield token_vector(f"nbf-{name}", "6.3", nbf, now=at)
    yield token_vector("nbf-largest", "5.3", minted(f"nbf={NOW + 2 * MINUTE}", f"nbf={NOW}"))
    yield token_vector("exp-smallest", "5.3", minted(f"exp={NOW - MINUTE}", f"exp={NOW + HOUR}"))
    for name, at in (("before-the-longest-life", NOW + HOUR + MINUTE - 1), ("at-the-longest-life", NOW + HOUR + MINUTE)):
        yield token_vector(f"exp-missing-{name}", "6.3", minted(exp=None), now=at)
        yield token_vector(f"exp-too-late-{name}", "6.3", minted(exp=NOW + 10 * HOUR), now=at)
    yield token_vector("revoked-nonce", "8.1", whole, revocations=[{"nonce": NONCE}])
    yield token_vector("revoked-nonce-of-another", "8.1", whole, revocations=[{"nonce": "f" * 32}])
    for name, at in (("before", NOW - 1), ("at", NOW), ("behind", NOW + 1)):
        yield token_vector(f"revoked-tenant-{name}-iat", "8.1", whole, revocations=[{"tenant": TENANT, "issued_until_ms": at}])
    yield token_vector("revoked-tenant-of-another", "8.1", whole, revocations=[{"tenant": OTHER_TENANT, "issued_until_ms": NOW}])
    yield token_vector("app-denied", "6.2", whole, app=17)
    yield token_vector("app-lists-both-met", "5.3", minted("app=1,16", "app=16,17"))
    yield token_vector("app-lists-one-met", "5.3", minted("app=1,16", "app=17"))
    yield token_vector("verb-denied", "5.5", whole, verb="purge", op=11)
    yield token_vector("verb-by-code", "5.5", minted("verb=1"), verb="")
    yield token_vector("verb-by-code-denied", "5.5", minted("verb=2"), verb="send")
    yield token_vector("verb-name-and-code", "5.3", minted("verb=send", "verb=1"))
    yield token_vector("verb-unnamed-denied", "5.5", minted("verb=send"), verb="")
    for name, topic in (("none", None), ("outside", "invoices/1"), ("itself", "orders"), ("alike", "ordersx/1"), ("dots", "orders/../invoices"), ("slash", "orders//1"), ("deep", "orders/a/b/c")):
        yield token_vector(f"topic-{name}", "5.4", whole, topic=topic)
    yield token_vector("topic-second-entry", "5.4", minted("prefix=invoices/,orders/"))
    yield token_vector("topic-two-caveats", "5.3", minted("prefix=orders/", "prefix=orders/eu/"))
    yield token_vector("topic-two-caveats-denied", "5.3", minted("prefix=orders/", "prefix=orders/us/"))
    yield token_vector("topic-free-dots", "5.4", minted(), topic="orders/../invoices")
    for name, address in (("inside", "192.0.2.7"), ("mapped", "::ffff:192.0.2.7"), ("outside", "192.0.3.7"), ("other-family", "2001:db8::1"), ("none", None)):
        yield token_vector(f"ip-{name}", "5.6", minted("ip=192.0.2.0/24"), address=address)
    for name, address in (("inside", "2001:db8::1"), ("zone", "2001:db8::1%eth0"), ("outside", "2001:db9::1"), ("v4", "192.0.2.7")):
        yield token_vector(f"ip6-{name}", "5.6", minted("ip=2001:db8::/32"), address=address)
    yield token_vector("ip6-any-is-no-v4", "5.6", minted("ip=::/0"))
    yield token_vector("ip-any", "5.6", minted("ip=0.0.0.0/0,::/0"))
    yield token_vector("ip-odd-prefix", "5.6", minted("ip=192.0.2.4/30"))
    yield token_vector("ip-two-caveats-denied", "5.3", minted("ip=192.0.2.0/24", "ip=192.0.2.0/30"))
    yield token_vector("node-allowed", "6.2", minted("node=node-a,node-b"))
    yield token_vector("node-denied", "6.2", minted("node=node-b"))
    yield token_vector("aud-allowed", "6.2", minted("aud=prod"))
    yield token_vector("aud-denied", "6.2", minted("aud=staging"))
    yield token_vector("rate-allowed", "5.7", minted("rate=batch", "rate=batch"))
    yield token_vector("rate-two", "5.7", minted("rate=batch", "rate=bulk"))
    yield token_vector("max-bytes-at", "5.8", minted("max_bytes=100"))
    yield token_vector("max-bytes-beyond", "5.8", minted("max_bytes=99"))
    yield token_vector("max-bytes-smallest", "5.3", minted("max_bytes=50", "max_bytes=1000"))
    yield token_vector("max-inflight", "5.8", minted("max_inflight=4"))
    yield token_vector("tls-same", "5.9", minted(f"tls={BINDING}"), tls=BINDING)
    yield token_vector("tls-other", "5.9", minted(f"tls={BINDING}"), tls=OTHER_BINDING)
    yield token_vector("tls-none", "5.9", minted(f"tls={BINDING}"))
    yield token_vector("tls-two", "5.3", minted(f"tls={BINDING}", f"tls={OTHER_BINDING}"), tls=BINDING)
    yield token_vector("tls-two-the-second", "5.3", minted(f"tls={BINDING}", f"tls={OTHER_BINDING}"), tls=OTHER_BINDING)
    yield token_vector("cert-same", "5.9", minted(f"cert={CERTIFICATE}"), cert=CERTIFICATE)
    yield token_vector("cert-none", "5.9", minted(f"cert={CERTIFICATE}"))
    yield token_vector("cert-two", "5.3", minted(f"cert={CERTIFICATE}", "cert=" + "0" * 64), cert=CERTIFICATE)
    yield token_vector("cert-two-the-second", "5.3", minted(f"cert={CERTIFICATE}", "cert=" + "0" * 64), cert="0" * 64)
    yield token_vector("order-time-before-tenant", "6.2", whole, tenant=OTHER_TENANT, now=NOW + HOUR)
    yield token_vector("order-tenant-before-binding", "6.2", minted("ip=10.0.0.0/8"), tenant=OTHER_TENANT)
    yield token_vector("order-binding-before-scope", "6.2", minted("ip=10.0.0.0/8", "app=17"))
    yield token_vector("order-kid-before-chain", "6.1", minted(kid="9" * 16)[:-1] + b"\0")
    yield token_vector("order-chain-before-caveats", "6.1", minted("scope=all")[:-1] + b"\0")
    yield token_vector("order-unknown-before-time", "6.1", minted("scope=all"), now=NOW + HOUR)
    yield token_vector("order-time-before-revoked", "6.1", whole, now=NOW + HOUR, revocations=[{"nonce": NONCE}])


def capabilities():
    """The file's keys, and its vectors."""
    return {"keys": KEYS}, [
        *chains(),
        *(form(name, wire) for name, wire in forms()),
        *caveat_vectors(),
        *topic_vectors(),
        *requests(),
    ]


def example():
    """Markdown of the example in the specification."""
    token = example_token()
    cuts = [("version", 1), ("location", 10), ("identifier", 33), ("end of the header", 1)]
    for caveat in example_caveats():
        cuts += [(caveat, 2 + len(caveat)), ("end of the caveat", 1)]
    cuts += [("end of the caveats", 1), ("signature", 34)]
    lines, at = [], 0
    for label, size in cuts:
        part = token[at : at + size]
        at += size
        for start in range(0, size, 16):
            hexes = part[start : start + 16].hex(" ")
            lines.append(f"{hexes:<48}{label if start == 0 else ''}".rstrip())
    if at != len(token):
        raise SystemExit("the example is not cut to its end")
    shown = cap.text(token)
    lines += ["", *(shown[start : start + 76] for start in range(0, len(shown), 76))]
    if base64.urlsafe_b64decode(shown + "=" * (-len(shown) % 4)) != token:
        raise SystemExit("the text of the example is not its bytes")
    return "```text\n" + "\n".join(lines) + "\n```"
