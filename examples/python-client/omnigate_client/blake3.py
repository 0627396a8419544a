"""BLAKE3 with 32 bytes of output, from its public specification.

The chunks of an input are hashed side by side, in the lanes of large integers:
64 bits a lane, of which a 32-bit word takes the lower half, so that carries and
shifted bits fall into the upper half and are masked away. That makes megabytes a
second of plain Python.
"""

import struct

CHUNK_BYTES = 1_024
BLOCK_BYTES = 64
BLOCK_WORDS = 16
CHUNK_BLOCKS = CHUNK_BYTES // BLOCK_BYTES
# Chunks hashed side by side: more would not be faster, and this bounds the memory.
LANES_MAX = 256

_CHUNK_START, _CHUNK_END, _PARENT, _ROOT = 1, 2, 4, 8
_IV = (
    0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
    0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19,
)
_PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
_QUARTERS = (
    (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
    (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14),
)


def blake3(data: bytes) -> bytes:
    """The 32 bytes that `b3sum` prints in hexadecimal."""
    nodes = []
    full = max(0, (len(data) - 1) // CHUNK_BYTES)
    for first in range(0, full, LANES_MAX):
        count = min(LANES_MAX, full - first)
        nodes += _full_chunks(data[first * CHUNK_BYTES : (first + count) * CHUNK_BYTES], first, count)
    nodes.append(_last_chunk(data[full * CHUNK_BYTES :], full, _ROOT if full == 0 else 0))
    while len(nodes) > 1:
        nodes = _parents(nodes)
    return struct.pack('<8I', *nodes[0])


def _full_chunks(data: bytes, first: int, count: int) -> list:
    """Chaining values of whole chunks, none of which is the last of the input."""
    words = struct.unpack(f'<{len(data) // 4}I', data)
    counters = range(first, first + count)
    low, high = _pack([counter & 0xFFFFFFFF for counter in counters]), _pack([counter >> 32 for counter in counters])
    lanes = _Lanes(count)
    state = [lanes.same(word) for word in _IV]
    for block in range(CHUNK_BLOCKS):
        flags = (_CHUNK_START if block == 0 else 0) | (_CHUNK_END if block == CHUNK_BLOCKS - 1 else 0)
        at = block * BLOCK_WORDS
        message = [_pack(words[at + word :: CHUNK_BYTES // 4]) for word in range(BLOCK_WORDS)]
        state = lanes.compress(state, message, low, high, BLOCK_BYTES, flags)
    return lanes.unpack(state)


def _last_chunk(data: bytes, counter: int, root: int) -> tuple:
    lanes = _Lanes(1)
    state = list(_IV)
    last = max(0, (len(data) - 1) // BLOCK_BYTES)
    for block in range(last + 1):
        piece = data[block * BLOCK_BYTES : (block + 1) * BLOCK_BYTES]
        flags = (_CHUNK_START if block == 0 else 0) | (_CHUNK_END | root if block == last else 0)
        message = struct.unpack('<16I', piece.ljust(BLOCK_BYTES, b'\0'))
        state = lanes.compress(state, message, counter & 0xFFFFFFFF, counter >> 32, len(piece), flags)
    return lanes.unpack(state)[0]


def _parents(nodes: list) -> list:
    """The level above: pairs from the left, and one that is left over goes up as it is."""
    pairs = len(nodes) // 2
    lanes = _Lanes(pairs)
    lefts, rights = zip(*nodes[0 : 2 * pairs : 2]), zip(*nodes[1 : 2 * pairs : 2])
    message = [_pack(words) for side in (lefts, rights) for words in side]
    flags = _PARENT | (_ROOT if len(nodes) == 2 else 0)
    above = lanes.unpack(lanes.compress([lanes.same(word) for word in _IV], message, 0, 0, BLOCK_BYTES, flags))
    return above + nodes[2 * pairs :]


class _Lanes:
    """The compression function on `count` inputs at once."""

    def __init__(self, count: int):
        self._count = count
        self._ones = _pack([1] * count)
        self._mask = self._ones * 0xFFFFFFFF

    def same(self, word: int) -> int:
        return self._ones * word

    def compress(self, chaining: list, message, low: int, high: int, length: int, flags: int) -> list:
        mask = self._mask
        v = [*chaining, *map(self.same, _IV[:4]), low, high, self.same(length), self.same(flags)]
        for (a, b, c, d), first, second in _STEPS:
            for word, turn_d, turn_b in ((message[first], 16, 12), (message[second], 8, 7)):
                v[a] = (v[a] + v[b] + word) & mask
                mixed = v[d] ^ v[a]
                v[d] = (mixed >> turn_d | mixed << 32 - turn_d) & mask
                v[c] = (v[c] + v[d]) & mask
                mixed = v[b] ^ v[c]
                v[b] = (mixed >> turn_b | mixed << 32 - turn_b) & mask
        return [v[i] ^ v[i + 8] for i in range(8)]

    def unpack(self, state: list) -> list:
        """For each lane its eight words."""
        form = f'<{self._count}Q'
        return list(zip(*(struct.unpack(form, word.to_bytes(8 * self._count, 'little')) for word in state)))


def _pack(words) -> int:
    return int.from_bytes(struct.pack(f'<{len(words)}Q', *words), 'little')


def _steps() -> list:
    """The quarters of all seven rounds, with the two message words that each takes."""
    order = tuple(range(BLOCK_WORDS))
    steps = []
    for _ in range(7):
        steps += [(quarter, order[2 * i], order[2 * i + 1]) for i, quarter in enumerate(_QUARTERS)]
        order = tuple(order[index] for index in _PERMUTATION)
    return steps


_STEPS = _steps()
