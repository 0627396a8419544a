"""zstd frames made by hand, and the guard of specs/oap-1.md 11.3 a second time."""

import struct

MAGIC = bytes.fromhex("28b52ffd")
RAW, RLE, COMPRESSED, RESERVED = range(4)
WINDOW_MAX = 1_048_576
RATIO_FLOOR = 65_536
BLOCK_MAX = 131_072
BLOCKS_MAX = 64


def block(kind, size, content=b"", last=False):
    """One block with a header that says `size`, whatever the content is."""
    return struct.pack("<I", size << 3 | kind << 1 | last)[:3] + content


def raw(content, last=False):
    return block(RAW, len(content), content, last)


def rle(byte, count, last=False):
    return block(RLE, count, bytes([byte]), last)


def single(content_bytes, *blocks, width=None, bits=0, tail=b""):
    """A single-segment frame; width is that of the content size field, 1, 2, 4 or 8."""
    width = width or next(w for w, top in ((1, 1 << 8), (2, 65_792), (4, 1 << 32), (8, 1 << 64)) if content_bytes < top)
    flag = {1: 0, 2: 1, 4: 2, 8: 3}[width]
    size = (content_bytes - 256 if width == 2 else content_bytes).to_bytes(width, "little")
    return MAGIC + bytes([flag << 6 | 0x20 | bits]) + size + b"".join(blocks) + tail


def windowed(window, content_bytes, *blocks, width=4, bits=0, tail=b""):
    """A frame with a window descriptor byte; width 0 leaves the content size out."""
    flag = {0: 0, 2: 1, 4: 2, 8: 3}[width]
    size = (content_bytes - 256 if width == 2 else content_bytes).to_bytes(width, "little")
    return MAGIC + bytes([flag << 6 | bits, window]) + size + b"".join(blocks) + tail


def guard(data, max_ratio=10, max_decompressed=8_388_608):
    """("ok", content size) or ("err", reason)."""
    malformed = ("err", "comp_malformed")
    if len(data) < 6 or data[:4] != MAGIC:
        return malformed
    descriptor, at, window = data[4], 5, None
    is_single = bool(descriptor & 0x20)
    if not is_single:
        base = 1 << (10 + (data[5] >> 3))
        window, at = base + base // 8 * (data[5] & 7), 6
        if window > WINDOW_MAX:
            return "err", "comp_window"
    width = (1 if is_single else 0, 2, 4, 8)[descriptor >> 6]
    if descriptor & 0x0B or width == 0 or len(data) - at < width:
        return malformed
    content = int.from_bytes(data[at : at + width], "little") + (256 if width == 2 else 0)
    at += width
    if content > max_decompressed:
        return "err", "comp_output"
    if is_single:
        window = content
        if window > WINDOW_MAX:
            return "err", "comp_window"
    ratio_cap = max(max_ratio * len(data), RATIO_FLOOR)
    if content > ratio_cap:
        return "err", "comp_ratio"
    end = len(data) - (4 if descriptor & 4 else 0)
    blocks = data[at : max(at, end)]
    verdict = walk(blocks, min(window, BLOCK_MAX), content, ratio_cap, max_decompressed)
    return ("ok", content) if verdict is None else ("err", verdict)


def walk(data, block_max, content, ratio_cap, max_decompressed):
    """The reason to refuse the blocks, or None."""
    at = total = compressed = 0
    for _ in range(BLOCKS_MAX):
        if len(data) - at < 3:
            return "comp_malformed"
        head = int.from_bytes(data[at : at + 3], "little")
        at += 3
        last, kind, size = head & 1, head >> 1 & 3, head >> 3
        if size > block_max or kind == RESERVED:
            return "comp_malformed"
        if kind == COMPRESSED:
            if size < 2:
                return "comp_malformed"
            compressed += 1
            at += size
        else:
            if size == 0 and not last:
                return "comp_blocks"
            total += size
            at += size if kind == RAW else 1
        if at > len(data):
            return "comp_malformed"
        if total > max_decompressed:
            return "comp_output"
        if total > ratio_cap:
            return "comp_ratio"
        if last:
            fits = total <= content <= total + compressed * block_max
            return None if fits and at == len(data) else "comp_malformed"
    return "comp_blocks"
