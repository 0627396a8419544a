"""storage.json."""

from blake3 import blake3
from msgpack import pack

LEAF = 65_536
GROUP = 16
TTL_MAX = 315_360_000_000

# From test_vectors.json of the BLAKE3 project: byte i of the input is i mod 251.
PUBLIC = {
    0: "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
    1: "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
    1023: "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11",
    1024: "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
    1025: "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444",
    2048: "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a",
    102400: "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085",
}


def count_up(size):
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def leaf_hash(data):
    return blake3(b"\0" + data)


def node(hashes):
    if not hashes:
        return blake3(b"")
    if len(hashes) == 1:
        return hashes[0]
    k = half(len(hashes))
    return blake3(b"\1" + node(hashes[:k]) + node(hashes[k:]))


def half(count):
    """The largest power of two smaller than count."""
    k = 1
    while k * 2 < count:
        k *= 2
    return k


def id_of(size, root):
    return "b3m:" + blake3(b"\2" + size.to_bytes(8, "big") + root).hex()


class Blob:
    """A blob whose leaf i is one byte, repeated."""

    def __init__(self, size):
        self.size = size
        self.fills = [index * 7 % 5 + 1 for index in range(-(-size // LEAF))]
        self.leaves = [bytes([fill]) * min(LEAF, size - index * LEAF) for index, fill in enumerate(self.fills)]
        self.hashes = [leaf_hash(leaf) for leaf in self.leaves]
        self.root = node(self.hashes)
        self.id = id_of(size, self.root)

    @property
    def content(self):
        return [{"fill": f"{fill:02x}", "bytes": len(leaf)} for fill, leaf in zip(self.fills, self.leaves)]

    def wanted(self, ranges):
        if ranges is None:
            return [True] * len(self.leaves)
        spans = [(start // LEAF, -(-min(end, self.size) // LEAF)) for start, end in ranges]
        return [any(first <= index < last for first, last in spans) for index in range(len(self.leaves))]

    def proof(self, ranges):
        """Parts of the sequence of section 4: hashes as bytes, a leaf as its index."""
        wanted = self.wanted(ranges)

        def walk(first, count):
            if not any(wanted[first : first + count]):
                return
            if count > GROUP:
                k = half(count)
                yield node(self.hashes[first : first + k]) + node(self.hashes[first + k : first + count])
                yield from walk(first, k)
                yield from walk(first + k, count - k)
                return
            if count > 1:
                yield b"".join(self.hashes[first : first + count])
            yield from (index for index in range(first, first + count) if wanted[index])

        return list(walk(0, len(self.leaves)))

    def shown(self, parts):
        return [{"hex": part.hex()} if isinstance(part, bytes) else self.content[part] for part in parts]


def hashes():
    for size, published in PUBLIC.items():
        if blake3(count_up(size)).hex() != published:
            raise SystemExit(f"blake3 of {size} bytes is not what BLAKE3 publishes")
    yield from (
        {"name": f"blake3-{size}", "section": "1", "kind": "blake3", "size_bytes": size, "hash": published}
        for size, published in PUBLIC.items()
    )


def trees():
    for count in (*range(0, 20), 31, 32, 33, 63, 64, 65, 100, 128, 129, 1000):
        leaves = [blake3(index.to_bytes(4, "big")) for index in range(count)]
        yield {"name": f"tree-{count}", "section": "3.1", "kind": "tree", "leaves": count, "root": node(leaves).hex()}


def ids():
    for size in (0, 1, 2, LEAF - 1, LEAF, LEAF + 1, 2 * LEAF, 3 * LEAF - 1, 3 * LEAF, 5 * LEAF):
        blob = Blob(size)
        whole = b"".join(blob.leaves)
        yield {
            "name": f"id-{size}",
            "section": "3.2",
            "kind": "id",
            "content": blob.content,
            "size_bytes": size,
            "leaf_hashes": [value.hex() for value in blob.hashes],
            "root": blob.root.hex(),
            "id": blob.id,
            "alias": "b3:" + blake3(whole).hex(),
        }


TEXTS = {
    "id": ("b3m:" + "0" * 64, "id"),
    "alias": ("b3:" + "f" * 64, "alias"),
    "upper-case": ("b3m:" + "A" * 64, None),
    "upper-case-scheme": ("B3M:" + "0" * 64, None),
    "short": ("b3m:" + "0" * 63, None),
    "long": ("b3m:" + "0" * 65, None),
    "no-scheme": ("0" * 64, None),
    "other-scheme": ("sha256:" + "0" * 64, None),
    "space": (" b3m:" + "0" * 64, None),
    "line-end": ("b3m:" + "0" * 64 + "\n", None),
    "not-hexadecimal": ("b3m:" + "g" * 64, None),
    "empty": ("", None),
}


def texts():
    for name, (text, form) in TEXTS.items():
        yield {"name": f"text-{name}", "section": "3.3", "kind": "text", "text": text, "form": form}


def proof(name, blob, ranges, parts=None, verdict="ok", **changed):
    vector = {
        "name": f"proof-{name}",
        "section": "4" if verdict == "ok" else "4.1",
        "kind": "proof",
        "id": blob.id,
        "size_bytes": blob.size,
        "root": blob.root.hex(),
        "ranges": ranges,
        "body": blob.shown(blob.proof(ranges)) if parts is None else parts,
        "verdict": verdict,
    }
    if verdict == "ok":
        vector["content"] = blob.content
    return {**vector, **changed}


def good_proofs():
    for leaves in (0, 1, 2, 3, 16, 17, 18, 32, 33, 40):
        blob = Blob(leaves * LEAF)
        yield proof(f"whole-{leaves}", blob, None)
    yield proof("short-last-leaf", Blob(17 * LEAF + 5), None)
    yield proof("one-byte", Blob(1), None)
    big = Blob(70 * LEAF + 100)
    for name, ranges in {
        "first-byte": [[0, 1]],
        "last-byte": [[big.size - 1, big.size]],
        "to-the-end": [[69 * LEAF, 2**53 - 1]],
        "one-leaf": [[20 * LEAF, 21 * LEAF]],
        "over-a-border": [[20 * LEAF - 1, 20 * LEAF + 1]],
        "over-a-group": [[16 * LEAF - 1, 16 * LEAF + 1]],
        "two-in-a-leaf": [[5, 6], [6, 7]],
        "far-apart": [[0, 10], [40 * LEAF, 40 * LEAF + 10], [70 * LEAF, 70 * LEAF + 100]],
        "everything": [[0, big.size]],
    }.items():
        yield proof(f"ranges-{name}", big, ranges)


def flip(part, at=0):
    data = bytearray(bytes.fromhex(part["hex"]))
    data[at] ^= 1
    return {"hex": data.hex()}


def bad_proofs():
    blob = Blob(40 * LEAF)
    parts = blob.shown(blob.proof(None))
    is_hash = [index for index, part in enumerate(parts) if "hex" in part]
    for index in is_hash:
        last = len(parts[index]["hex"]) // 2 - 1
        for at in (0, 31, 32, last):
            yield proof(f"hash-{index}-byte-{at}", blob, None, [*parts[:index], flip(parts[index], at), *parts[index + 1 :]], "err")
    for leaf in (0, 1, 15, 16, 38, 39):
        at = [index for index, part in enumerate(parts) if "fill" in part][leaf]
        fill = parts[at]["fill"]
        for name, pieces in {
            "first-bit": [{"hex": f"{int(fill, 16) ^ 0x80:02x}"}, {"fill": fill, "bytes": LEAF - 1}],
            "last-bit": [{"fill": fill, "bytes": LEAF - 1}, {"hex": f"{int(fill, 16) ^ 1:02x}"}],
        }.items():
            yield proof(f"leaf-{leaf}-{name}", blob, None, [*parts[:at], *pieces, *parts[at + 1 :]], "err", leaf=leaf)
    yield proof("leaves-swapped", blob, None, [*parts[:3], parts[4], parts[3], *parts[5:]], "err", leaf=0)
    yield proof("a-byte-more", blob, None, [*parts, {"hex": "00"}], "err")
    yield proof("a-byte-less", blob, None, [*parts[:-1], {"fill": parts[-1]["fill"], "bytes": LEAF - 1}], "err")
    yield proof("nothing", blob, None, [], "err")
    yield proof("a-leaf-missing", blob, None, parts[:-1], "err")
    other = Blob(41 * LEAF)
    yield proof("another-blob", blob, None, other.shown(other.proof(None)), "err")
    yield proof("root-of-another-blob", blob, None, None, "err", root=other.root.hex())
    yield proof("size-of-another-blob", blob, None, None, "err", size_bytes=blob.size - 1)
    one = blob.shown(blob.proof([[0, 1]]))
    two = blob.shown(blob.proof([[LEAF, LEAF + 1]]))
    yield proof("the-next-leaf", blob, [[0, 1]], [*one[:-1], two[-1]], "err", leaf=0)
    # The fifth leaf of five as the third of three: all hashes agree with the root, and only the size is a lie.
    five = Blob(5 * LEAF)
    row = [node(five.hashes[:2]), node(five.hashes[2:4]), five.hashes[4]]
    if node(row) != five.root:
        raise SystemExit("the forged hashes do not make the root")
    forged = [{"hex": b"".join(row).hex()}, five.content[4]]
    yield proof("fifth-of-five-as-third-of-three", five, [[2 * LEAF, 3 * LEAF]], forged, "err", size_bytes=3 * LEAF)
    one_leaf = Blob(LEAF)
    yield proof("inner-node-as-leaf", one_leaf, None, [{"hex": "00" * LEAF}], "err", leaf=0)


NAME = "b3m:" + "0123456789abcdef" * 4
ALIAS = "b3:" + "0123456789abcdef" * 4
COUNT_MAX = 2**53 - 1
NOT_TEXT = (None, 1, True, b"b3m:", [NAME], {})
NOT_COUNT = (None, "1", True, 1.5, -1, b"1", [], COUNT_MAX + 1)

# By operation: bodies that are right, and for each field values that are not.
BODIES = {
    "GET": (
        [
            {"id": NAME},
            {"id": ALIAS},
            {"id": NAME, "proof": True, "more": 1},
            {"id": NAME, "ranges": [[0, 1]]},
            {"id": NAME, "ranges": [[0, 1], [1, COUNT_MAX]]},
            {"id": NAME, "ranges": [[n * 2, n * 2 + 1] for n in range(256)]},
        ],
        {
            "id": [*NOT_TEXT, "b3m:", NAME.upper()],
            "ranges": [
                None, 1, "0-1", {}, [], [1], [[]], [[1]], [[0, 1, 2]], [[1, 1]], [[2, 1]], [[-1, 1]], [[0, 1.5]],
                [["0", 1]], [[0, COUNT_MAX + 1]], [[5, 6], [0, 1]], [[0, 5], [4, 6]], [[0, 1], None],
                [[n * 2, n * 2 + 1] for n in range(257)],
            ],
            "proof": [None, 1, "true", []],
        },
        {"id": NAME},
    ),
    "HAS": (
        [{"ids": [NAME]}, {"ids": [NAME, ALIAS, NAME]}, {"ids": [NAME] * 1024}],
        {"ids": [None, 1, NAME, {}, [], [1], [NAME, None], [NAME, "b3m:"], [NAME] * 1025]},
        {"ids": [NAME]},
    ),
    "PUT": (
        [
            {},
            {"size_bytes": 0},
            {"size_bytes": 17_179_869_184, "media_type": "text/plain; charset=utf-8", "pin_ttl_ms": 0},
            {"expect": NAME, "offset_bytes": 65_536, "pin_ttl_ms": TTL_MAX},
            {"media_type": "a" * 255},
        ],
        {
            "size_bytes": list(NOT_COUNT),
            "media_type": [None, 1, "", "a" * 256, "a\nb", "\u00e4", b"text/plain"],
            "expect": [*NOT_TEXT, ALIAS, "b3m:"],
            "offset_bytes": [*NOT_COUNT, 1, 65_535],
            "pin_ttl_ms": [*NOT_COUNT, TTL_MAX + 1],
        },
        {"expect": NAME},
    ),
    "STAT": ([{}, {"id": NAME}, {"id": ALIAS}], {"id": [*NOT_TEXT, ""]}, {}),
    "PIN": (
        [{"id": NAME}, {"id": NAME, "ttl_ms": 1}, {"id": ALIAS, "ttl_ms": TTL_MAX}],
        {"id": list(NOT_TEXT), "ttl_ms": [*NOT_COUNT, 0, TTL_MAX + 1]},
        {"id": NAME},
    ),
    "UNPIN": ([{"id": NAME}], {"id": list(NOT_TEXT)}, {"id": NAME}),
    "LIST": (
        [{}, {"limit": 1}, {"limit": 1000, "cursor": "x"}],
        {"cursor": [None, 1, "", "x" * 129], "limit": [*NOT_COUNT, 0, 1001]},
        {},
    ),
    "GC": ([{}, {"more": None}], {}, {}),
    "SCRUB": ([{}, {"id": NAME}, {"cursor": "x"}], {"id": list(NOT_TEXT), "cursor": [None, 1, "", "x" * 129]}, {}),
}
REQUIRED = {"GET": "id", "HAS": "ids", "PIN": "id", "UNPIN": "id"}


def shorten(wire):
    """Hexadecimal text, or parts where the same id is named a thousand times."""
    item = pack(NAME)
    times = wire.count(item)
    if times < 100:
        return wire.hex()
    head = wire[: wire.index(item)]
    if wire != head + item * times:
        raise SystemExit("parts do not make the whole")
    return [{"hex": head.hex()}, {"hex": item.hex(), "times": times}]


def requests():
    for operation, (right, wrong, base) in BODIES.items():
        def vector(name, wire, verdict, **more):
            named = {"name": f"{operation.lower()}-{name}", "section": "5.1", "kind": "request", "operation": operation}
            return {**named, "body": shorten(wire), "verdict": verdict, **more}

        for index, body in enumerate(right):
            yield vector(f"ok-{index}", pack(body), "ok")
        for index, wire in enumerate((b"\xc0", b"\x90", b"\x01", b"\xa0", b"\x81", b"\xc1", pack(base) + b"\0", b"{}")):
            yield vector(f"no-map-{index}", wire, "err", field="body")
        if operation in REQUIRED:
            yield vector("nothing", b"", "err", field=REQUIRED[operation])
            yield vector("empty-map", pack({}), "err", field=REQUIRED[operation])
        else:
            yield vector("nothing", b"", "ok")
        for field, values in wrong.items():
            for index, value in enumerate(values):
                yield vector(f"{field}-{index}", pack({**base, field: value}), "err", field=field)
    yield {
        "name": "put-offset-without-expect", "section": "5.4", "kind": "request", "operation": "PUT",
        "body": pack({"offset_bytes": 0}).hex(), "verdict": "err", "field": "offset_bytes",
    }
    yield {
        "name": "get-first-of-two-faults", "section": "5.1", "kind": "request", "operation": "GET",
        "body": pack({"proof": 1, "ranges": 1, "id": NAME}).hex(), "verdict": "err", "field": "ranges",
    }


def storage():
    return [*hashes(), *trees(), *ids(), *texts(), *good_proofs(), *bad_proofs(), *requests()]
