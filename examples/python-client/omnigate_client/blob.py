"""Ids of blobs, and the proof that leaves belong to them (storage-1.md §3, §4). Knows no connection."""

from .blake3 import blake3

LEAF_BYTES = 65_536
GROUP_LEAVES = 16
HASH_BYTES = 32


class BadProof(Exception):
    """What was sent does not belong to the id; `leaf` is the first leaf that must not be used."""

    def __init__(self, leaf: int, problem: str):
        super().__init__(f'leaf {leaf}: {problem}')
        self.leaf = leaf


def leaf_hash(data: bytes) -> bytes:
    return blake3(b'\x00' + data)


def node_hash(left: bytes, right: bytes) -> bytes:
    return blake3(b'\x01' + left + right)


def split(count: int) -> int:
    """The largest power of two that is smaller than `count`, which is above 1."""
    return 1 << (count - 1).bit_length() - 1


def root_of(leaf_hashes: list) -> bytes:
    """The root of the tree over leaf hashes (§3.1)."""
    if not leaf_hashes:
        return blake3(b'')
    if len(leaf_hashes) == 1:
        return leaf_hashes[0]
    border = split(len(leaf_hashes))
    return node_hash(root_of(leaf_hashes[:border]), root_of(leaf_hashes[border:]))


def id_of_root(size_bytes: int, root: bytes) -> str:
    return 'b3m:' + blake3(b'\x02' + size_bytes.to_bytes(8, 'big') + root).hex()


def id_of(data: bytes) -> str:
    """The id of a blob with these bytes."""
    leaves = [leaf_hash(data[at : at + LEAF_BYTES]) for at in range(0, len(data), LEAF_BYTES)]
    return id_of_root(len(data), root_of(leaves))


def alias_of(data: bytes) -> str:
    """What `b3sum` prints, as the alias of a blob (§3.4)."""
    return 'b3:' + blake3(data).hex()


def form_of(text: str):
    """'id', 'alias' or None (§3.3, §3.4)."""
    for form, prefix in (('id', 'b3m:'), ('alias', 'b3:')):
        digits = text[len(prefix) :]
        if text.startswith(prefix) and len(digits) == 64 and all(digit in '0123456789abcdef' for digit in digits):
            return form
    return None


def verified(blob_id: str, size_bytes: int, root: bytes, ranges, chunks):
    """Yields the bytes asked for as their leaves are proved; `chunks` is the sequence of §4, cut anywhere.

    `ranges` is a list of (start, end), or None for everything. Raises BadProof
    before a byte of a wrong leaf is handed out.
    """
    if id_of_root(size_bytes, root) != blob_id:
        raise BadProof(0, 'size and root are not those of the id')
    leaves = (size_bytes + LEAF_BYTES - 1) // LEAF_BYTES
    wanted = [(0, size_bytes)] if ranges is None else [(start, min(end, size_bytes)) for start, end in ranges]
    yield from _Walk(size_bytes, wanted, chunks).run(leaves, root)


class _Walk:
    def __init__(self, size_bytes: int, ranges: list, chunks):
        self._size, self._ranges = size_bytes, ranges
        self._chunks = iter(chunks)
        self._held = bytearray()

    def run(self, leaves: int, root: bytes):
        if leaves > 0:
            yield from self._node(0, leaves, root)
        elif root != root_of([]):
            raise BadProof(0, 'the root of an empty blob is wrong')
        if self._held or any(self._chunks):
            raise BadProof(leaves, 'bytes behind the end')

    def _node(self, first: int, count: int, expected: bytes):
        if not self._wants(first, count):
            return
        if count > GROUP_LEAVES:
            left, right = self._take(first, HASH_BYTES), self._take(first, HASH_BYTES)
            self._compare(first, node_hash(left, right), expected)
            border = split(count)
            yield from self._node(first, border, left)
            yield from self._node(first + border, count - border, right)
            return
        hashes = [expected]
        if count > 1:
            hashes = [self._take(first, HASH_BYTES) for _ in range(count)]
            self._compare(first, root_of(hashes), expected)
        for leaf, expected_leaf in enumerate(hashes, first):
            if self._wants(leaf, 1):
                start = leaf * LEAF_BYTES
                data = self._take(leaf, min(LEAF_BYTES, self._size - start))
                self._compare(leaf, leaf_hash(data), expected_leaf)
                yield from self._cut(start, data)

    def _wants(self, first: int, count: int) -> bool:
        start, end = first * LEAF_BYTES, (first + count) * LEAF_BYTES
        return any(low < end and high > start for low, high in self._ranges)

    def _cut(self, start: int, data: bytes):
        for low, high in self._ranges:
            part = data[max(low - start, 0) : max(high - start, 0)]
            if part:
                yield part

    def _take(self, leaf: int, count: int) -> bytes:
        while len(self._held) < count:
            chunk = next(self._chunks, None)
            if chunk is None:
                raise BadProof(leaf, 'the sequence ends early')
            self._held += chunk
        taken = bytes(self._held[:count])
        del self._held[:count]
        return taken

    def _compare(self, leaf: int, found: bytes, expected: bytes) -> None:
        if found != expected:
            raise BadProof(leaf, 'its hash is not the one of the tree')
