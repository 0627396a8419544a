"""BLAKE3 with 32 bytes of output, hash mode only, from the BLAKE3 paper."""

import functools
import struct

IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
CHUNK_START, CHUNK_END, PARENT, ROOT = 1, 2, 4, 8
MASK = 0xFFFFFFFF
COLUMNS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15))
DIAGONALS = ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))


def schedule():
    """Message word indices of each of the seven rounds, in the order of use."""
    words = list(range(16))
    for _ in range(7):
        yield tuple(words)
        words = [words[i] for i in PERMUTATION]


ROUNDS = tuple(schedule())


@functools.lru_cache(maxsize=None)
def compress(chaining, block, counter, length, flags):
    m = struct.unpack("<16I", block)
    v = [*chaining, *IV[:4], counter & MASK, counter >> 32, length, flags]
    for order in ROUNDS:
        at = 0
        for a, b, c, d in COLUMNS + DIAGONALS:
            va, vb, vc, vd = v[a], v[b], v[c], v[d]
            va = (va + vb + m[order[at]]) & MASK
            vd ^= va
            vd = (vd >> 16 | vd << 16) & MASK
            vc = (vc + vd) & MASK
            vb ^= vc
            vb = (vb >> 12 | vb << 20) & MASK
            va = (va + vb + m[order[at + 1]]) & MASK
            vd ^= va
            vd = (vd >> 8 | vd << 24) & MASK
            vc = (vc + vd) & MASK
            vb ^= vc
            vb = (vb >> 7 | vb << 25) & MASK
            v[a], v[b], v[c], v[d] = va, vb, vc, vd
            at += 2
    return tuple(v[i] ^ v[i + 8] for i in range(8))


def chunk(data, counter, last):
    chaining = IV
    blocks = [data[at : at + 64] for at in range(0, len(data), 64)] or [b""]
    for index, block in enumerate(blocks):
        flags = CHUNK_START if index == 0 else 0
        if index == len(blocks) - 1:
            flags |= CHUNK_END | last
        chaining = compress(chaining, block.ljust(64, b"\0"), counter, len(block), flags)
    return chaining


def subtree(data, counter, last):
    if len(data) <= 1024:
        return chunk(data, counter, last)
    chunks = -(-len(data) // 1024)
    left = 1 << (chunks - 1).bit_length() - 1
    words = subtree(data[: left * 1024], counter, 0) + subtree(data[left * 1024 :], counter + left, 0)
    return compress(IV, struct.pack("<16I", *words), 0, 64, PARENT | last)


@functools.lru_cache(maxsize=None)
def blake3(data):
    return struct.pack("<8I", *subtree(data, 0, ROOT))
