"""The part of MessagePack that OAP/1 uses, in its shortest encoding."""

import struct


def pack(value):
    """Bytes of None, bool, int, str, bytes, list or dict."""
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return pack_int(value)
    if isinstance(value, float):
        return b"\xcb" + struct.pack(">d", value)
    if isinstance(value, str):
        text = value.encode()
        return pack_length(len(text), 0xA0, 32, 0xD9) + text
    if isinstance(value, bytes):
        return pack_length(len(value), None, 0, 0xC4) + value
    if isinstance(value, list):
        return pack_count(len(value), 0x90, 0xDC) + b"".join(map(pack, value))
    if isinstance(value, dict):
        pairs = b"".join(pack(key) + pack(item) for key, item in value.items())
        return pack_count(len(value), 0x80, 0xDE) + pairs
    raise TypeError(type(value))


def pack_int(value):
    if 0 <= value < 128 or -32 <= value < 0:
        return struct.pack(">b" if value < 0 else ">B", value)
    if value < 0:
        raise ValueError("OAP/1 has no integer below -32")
    for mark, form, limit in ((0xCC, "B", 1 << 8), (0xCD, "H", 1 << 16), (0xCE, "I", 1 << 32)):
        if value < limit:
            return struct.pack(">B" + form, mark, value)
    return struct.pack(">BQ", 0xCF, value)


def pack_length(count, fix, fix_limit, first):
    if fix is not None and count < fix_limit:
        return struct.pack(">B", fix | count)
    if count < 1 << 8:
        return struct.pack(">BB", first, count)
    if count < 1 << 16:
        return struct.pack(">BH", first + 1, count)
    return struct.pack(">BI", first + 2, count)


def pack_count(count, fix, first):
    if count < 16:
        return struct.pack(">B", fix | count)
    return struct.pack(">BH", first, count)
