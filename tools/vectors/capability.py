"""Capabilities written from specs/capability-1.md alone, to check the TypeScript package against."""

import base64
import hashlib
import hmac as _hmac
import ipaddress
import re

LOCATION = b"omnigate"
MAX_BYTES = 4_096
MAX_CAVEATS = 32
SKEW_MS = 60_000


def hmac(key, data):
    return _hmac.new(key, data, hashlib.sha256).digest()


def text(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def field(kind, value):
    return bytes([kind]) + varint(len(value)) + value


def sign(key, identifier, caveats):
    """4: the chain."""
    signature = hmac(hmac(b"macaroons-key-generator", key), identifier)
    for caveat in caveats:
        signature = hmac(signature, caveat)
    return signature


def encode(location, identifier, caveats, signature):
    """3.1; location None leaves the field out."""
    out = b"\x02" + (b"" if location is None else field(1, location)) + field(2, identifier) + b"\0"
    for caveat in caveats:
        out += field(2, caveat) + b"\0"
    return out + b"\0" + field(6, signature)


def identifier(kid, nonce, iat):
    """3.3."""
    return b"\x01" + bytes.fromhex(kid) + bytes.fromhex(nonce) + iat.to_bytes(6, "big")


def mint(key, kid, nonce, iat, caveats):
    ident = identifier(kid, nonce, iat)
    caveats = [caveat.encode() if isinstance(caveat, str) else caveat for caveat in caveats]
    return encode(LOCATION, ident, caveats, sign(key, ident, caveats))


class Malformed(Exception):
    pass


class _Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def byte(self):
        if self.at >= len(self.data):
            raise Malformed("cut")
        self.at += 1
        return self.data[self.at - 1]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                if byte == 0 and shift > 7:
                    raise Malformed("not shortest")
                return value
            if shift > 14:
                raise Malformed("overflow")

    def field(self):
        kind = self.varint()
        if kind == 0:
            return 0, b""
        size = self.varint()
        if size > len(self.data) - self.at:
            raise Malformed("cut")
        self.at += size
        return kind, self.data[self.at - size : self.at]


def decode(data):
    """(location, identifier, caveats, signature) by 3.2, or Malformed."""
    if len(data) > MAX_BYTES:
        raise Malformed("long")
    reader = _Reader(data)
    if reader.byte() != 2:
        raise Malformed("version")
    kind, value = reader.field()
    location = None
    if kind == 1:
        location = value
        kind, value = reader.field()
    if kind != 2 or reader.field()[0] != 0:
        raise Malformed("identifier")
    ident, caveats = value, []
    while True:
        kind, value = reader.field()
        if kind == 0:
            break
        if kind != 2 or len(caveats) == MAX_CAVEATS or reader.field()[0] != 0:
            raise Malformed("caveat")
        caveats.append(value)
    kind, signature = reader.field()
    if kind != 6 or len(signature) != 32 or reader.at != len(data):
        raise Malformed("end")
    return location, ident, caveats, signature


def _number(value, top):
    return int(value) if re.fullmatch(r"0|[1-9][0-9]*", value) and int(value) <= top else None


def _ascending(entries):
    return all(a < b for a, b in zip(entries, entries[1:]))


def _list(value, ok):
    entries = value.split(",")
    if all(ok(entry) for entry in entries) and _ascending([entry.encode() for entry in entries]):
        return entries
    return None


def is_topic(topic):
    """5.4."""
    try:
        units = len(topic.encode("utf-16-le")) // 2
    except UnicodeEncodeError:
        return False
    if not 1 <= units <= 1_024 or re.search(r"[\x00-\x1f\x7f-\x9f\\]", topic):
        return False
    return all(segment not in ("", ".", "..") for segment in topic.split("/"))


def is_prefix(prefix):
    return "," not in prefix and is_topic(prefix[:-1] if prefix.endswith("/") else prefix)


def admits(prefix, topic):
    want, have = prefix.split("/"), topic.split("/")
    if want[-1] == "":
        return have[: len(want) - 1] == want[:-1] and len(have) >= len(want)
    return have[: len(want)] == want


def _network(entry):
    if "%" in entry:
        return None
    try:
        network = ipaddress.ip_network(entry)
    except ValueError:
        return None
    if str(network) != entry:
        return None
    if network.version == 6 and network.prefixlen >= 96 and network.network_address.ipv4_mapped is not None:
        return None
    return network


def _app(value):
    entries = [_number(entry, 65_535) for entry in value.split(",")]
    return entries if all(entries) and _ascending(entries) else None


def _verb(entry):
    return re.fullmatch(r"[a-z][a-z0-9_]{0,31}", entry) or _number(entry, 65_535) is not None


def _binding(value):
    if not re.fullmatch(r"[A-Za-z0-9_-]{43}", value):
        return None
    return value if text(base64.urlsafe_b64decode(value + "=")) == value else None


def _match(pattern):
    return lambda value: value if re.fullmatch(pattern, value) else None


CAVEATS = {
    "tenant": _match(r"[0-9a-f]{32}"),
    "exp": lambda value: _number(value, 2**48 - 1),
    "nbf": lambda value: _number(value, 2**48 - 1),
    "app": _app,
    "verb": lambda value: _list(value, _verb),
    "prefix": lambda value: _list(value, is_prefix),
    "ip": lambda value: _list(value, lambda entry: _network(entry) is not None),
    "node": lambda value: _list(value, lambda entry: re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", entry)),
    "aud": lambda value: _list(value, lambda entry: re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}", entry)),
    "rate": _match(r"[a-z][a-z0-9_-]{0,31}"),
    "max_bytes": lambda value: _number(value, 2**53 - 1),
    "max_inflight": lambda value: _number(value, 2**53 - 1),
    "tls": _binding,
    "cert": _match(r"[0-9a-f]{64}"),
}


def caveat(data):
    """(name, value) by 5.1, or None for an unknown one."""
    try:
        name, equals, value = data.decode().partition("=")
    except UnicodeDecodeError:
        return None
    parsed = CAVEATS[name](value) if equals and name in CAVEATS else None
    return None if parsed is None else (name, parsed)


def verify(data, keys, revocations, now):
    """6.1: ("ok", caveats, iat, key) or ("err", reason)."""
    if not data:
        return "err", "cap_missing"
    try:
        location, ident, caveats, signature = decode(data)
    except Malformed:
        return "err", "cap_malformed"
    if location != LOCATION or len(ident) != 31 or ident[0] != 1:
        return "err", "cap_malformed"
    kid, nonce, iat = ident[1:9].hex(), ident[9:25].hex(), int.from_bytes(ident[25:], "big")
    key = next((key for key in keys if key["kid"] == kid and key["state"] != "retired"), None)
    if key is None or now >= key.get("retire_at_ms", now + 1):
        return "err", "cap_kid"
    if sign(bytes.fromhex(key["secret"]), ident, caveats) != signature:
        return "err", "cap_invalid"
    parsed = [caveat(item) for item in caveats]
    if not parsed or parsed[0] is None or parsed[0][0] != "tenant":
        return "err", "cap_invalid"
    if None in parsed:
        return "err", "cap_scope"
    reason = _time(parsed, iat, key, now)
    if reason:
        return "err", reason
    for revocation in revocations:
        if revocation.get("nonce") == nonce:
            return "err", "cap_revoked"
        if revocation.get("tenant") == parsed[0][1] and iat <= revocation["issued_until_ms"]:
            return "err", "cap_revoked"
    return "ok", parsed, iat, key


def _values(caveats, name):
    return [value for kind, value in caveats if kind == name]


def _time(caveats, iat, key, now):
    if now >= key.get("retire_at_ms", now + 1):
        return "cap_kid"
    if now < max([iat, *_values(caveats, "nbf")]) - SKEW_MS:
        return "cap_not_yet"
    if now >= min([iat + key["ttl_max_ms"], *_values(caveats, "exp")]) + SKEW_MS:
        return "cap_expired"
    return None


def judge(data, keys, revocations, now, request):
    """6.1 and 6.2: the reason, or None where the request is allowed."""
    verdict, *rest = verify(data, keys, revocations, now)
    if verdict == "err":
        return rest[0]
    caveats = rest[0]
    values = lambda name: _values(caveats, name)  # noqa: E731
    tenants = set(values("tenant"))
    if request["tenant"] != caveats[0][1] or len(tenants) > 1 or tenants & {"0" * 32, "f" * 32}:
        return "tenant_mismatch"
    if len(set(values("tls"))) > 1 or len(set(values("cert"))) > 1:
        return "cap_binding"
    if len(set(values("rate"))) > 1:
        return "cap_scope"
    for name, seen in (("tls", "tls"), ("cert", "cert")):
        if any(request.get(seen) != value for value in values(name)):
            return "cap_binding"
    if any(request["node"] not in names for names in values("node")):
        return "cap_binding"
    if any(request["aud"] not in names for names in values("aud")):
        return "cap_binding"
    if any(not _in_networks(request.get("address"), entries) for entries in values("ip")):
        return "cap_binding"
    if any(request["payload_bytes"] > value for value in values("max_bytes")):
        return "cap_scope"
    if any(request["app"] not in apps for apps in values("app")):
        return "cap_scope"
    for verbs in values("verb"):
        if request["verb"] not in verbs and str(request["op"]) not in verbs:
            return "cap_scope"
    for prefixes in values("prefix"):
        topic = request.get("topic")
        if topic is None or not is_topic(topic) or not any(admits(prefix, topic) for prefix in prefixes):
            return "cap_scope"
    return None


def _in_networks(address, entries):
    if address is None:
        return False
    peer = ipaddress.ip_address(address.split("%")[0])
    if peer.version == 6 and peer.ipv4_mapped is not None:
        peer = peer.ipv4_mapped
    return any(peer in _network(entry) for entry in entries)
