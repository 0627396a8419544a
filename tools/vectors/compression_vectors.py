"""compression.json."""

import zstd
from zstd import BLOCK_MAX, COMPRESSED, RESERVED, block, guard, raw, rle, single, windowed

TEXT = b"Omnigate carries frames. Omnigate carries frames. Omnigate carries frames."
# What the zstd command line 1.5.4 makes of TEXT at level 19, without and with a checksum.
TEXT_FRAME = bytes.fromhex("28b52ffd204a050100c84f6d6e6967617465206361727269657320667261" "6d65732e200100c9d11c03")
TEXT_SUMMED = bytes.fromhex("28b52ffd244a050100c84f6d6e6967617465206361727269657320667261" "6d65732e200100c9d11c03" "c916b5f5")
W_128K, W_1M = 0x38, 0x50


def parts(data):
    """Runs of one byte as {fill, bytes}, the rest as {hex}; plain hex where that is shorter."""
    out, at, plain = [], 0, 0
    while at < len(data):
        end = at
        while end < len(data) and data[end] == data[at]:
            end += 1
        if end - at >= 256:
            if at > plain:
                out.append({"hex": data[plain:at].hex()})
            out.append({"fill": f"{data[at]:02x}", "bytes": end - at})
            plain = end
        at = end
    if plain == 0:
        return data.hex()
    return out + ([{"hex": data[plain:].hex()}] if plain < len(data) else [])


def case(name, data, expected, decoded=None, **limits):
    """decoded: the content; None when a decoder must refuse what the guard lets pass."""
    verdict, result = guard(data, **limits)
    if (result if verdict == "err" else verdict) != expected:
        raise SystemExit(f"{name}: expected {expected}, the guard says {verdict} {result}")
    out = {"name": name, "section": "11.3", "payload": parts(data), **limits, "verdict": verdict}
    if verdict == "err":
        return out | {"reason": result}
    out["content_bytes"] = result
    if decoded is None:
        return out | {"section": "11.4", "decode": "comp_malformed"}
    return out | {"decode": "ok", "decoded": parts(decoded)}


def accepted():
    runs = raw(b"a" * 7_000) + rle(0x62, 63_000, True)
    return [
        case("empty-content", single(0, raw(b"", True)), "ok", b""),
        case("raw-block", single(5, raw(b"hello", True)), "ok", b"hello"),
        case("rle-block", single(200, rle(0x61, 200, True)), "ok", b"a" * 200),
        case("size-field-2", single(300, raw(b"a" * 44), rle(0x62, 256, True)), "ok", b"a" * 44 + b"b" * 256),
        case("size-field-2-least", single(256, rle(0x61, 256, True)), "ok", b"a" * 256),
        case("size-field-4", single(5, raw(b"hello", True), width=4), "ok", b"hello"),
        case("size-field-8", single(5, raw(b"hello", True), width=8), "ok", b"hello"),
        case("window-1-kib", windowed(0x00, 5, raw(b"hello", True)), "ok", b"hello"),
        case("window-1-mib", windowed(W_1M, 5, raw(b"hello", True)), "ok", b"hello"),
        case("window-and-size-field-2", windowed(0x00, 256, rle(0x61, 256, True), width=2), "ok", b"a" * 256),
        case("unused-bit", single(5, raw(b"hello", True), bits=0x10), "ok", b"hello"),
        case("compressed-block", TEXT_FRAME, "ok", TEXT),
        case("checksum", TEXT_SUMMED, "ok", TEXT),
        case("empty-last-block", single(5, raw(b"hello"), raw(b"", True)), "ok", b"hello"),
        case("blocks-64", single(64, *(raw(b"a") for _ in range(63)), raw(b"a", True)), "ok", b"a" * 64),
        case("floor-65536", windowed(W_128K, 65_536, rle(0x61, 65_536, True)), "ok", b"a" * 65_536),
        case("ratio-9.97", windowed(W_128K, 70_000, runs), "ok", b"a" * 7_000 + b"b" * 63_000),
    ]


def refused():
    hello = raw(b"hello", True)
    runs = raw(b"a" * 7_000) + rle(0x62, 64_000, True)
    malformed = [
        ("no-bytes", b""),
        *((f"cut-{count:02}", TEXT_SUMMED[:count]) for count in range(1, len(TEXT_SUMMED))),
        ("trailing-byte", TEXT_FRAME + b"\x00"),
        ("two-frames", TEXT_FRAME + TEXT_FRAME),
        ("magic-of-version-0.7", bytes.fromhex("27b52ffd") + TEXT_FRAME[4:]),
        ("skippable", bytes.fromhex("502a4d1800000000")),
        ("skippable-then-frame", bytes.fromhex("5f2a4d1801000000aa") + TEXT_FRAME),
        ("gzip", bytes.fromhex("1f8b08000000000000030300000000000000")),
        ("reserved-bit", single(5, hello, bits=0x08)),
        *((f"dictionary-{bits}", single(5, hello, bits=bits)) for bits in (1, 2, 3)),
        ("content-size-absent", windowed(0x00, 0, hello, width=0)),
        ("block-type-3", single(5, block(RESERVED, 5, b"hello", True))),
        ("raw-beyond-window", windowed(0x00, 1_025, raw(b"a" * 1_025, True))),
        ("raw-at-128-kib-and-1", windowed(W_1M, BLOCK_MAX + 1, raw(b"a" * (BLOCK_MAX + 1), True))),
        ("rle-beyond-window", windowed(0x00, 1_025, rle(0x61, 1_025, True))),
        ("compressed-beyond-window", single(100, block(COMPRESSED, 101, b"a" * 101, True))),
        ("compressed-size-0", single(5, block(COMPRESSED, 0), hello)),
        ("compressed-size-1", single(5, block(COMPRESSED, 1, b"a"), hello)),
        ("content-size-too-small", single(4, raw(b"hell"), rle(0x6F, 1, True))),
        ("content-size-too-large", single(6, hello)),
        ("content-size-out-of-reach", windowed(0x00, 1_030, raw(b"hello"), block(COMPRESSED, 2, b"\0\0", True))),
        ("checksum-cut", single(5, hello, bits=0x04, tail=b"\0\0\0")),
        ("checksum-missing", single(5, hello, bits=0x04)),
        ("no-last-block", single(5, raw(b"hello"))),
    ]
    return [
        *(case(name, data, "comp_malformed") for name, data in malformed),
        case("window-1.875-gib-in-10-bytes", zstd.MAGIC + bytes.fromhex("80a701000000"), "comp_window"),
        case("window-next-above-1-mib", windowed(W_1M + 1, 5, hello), "comp_window"),
        case("window-3.75-tib", windowed(0xFF, 5, hello), "comp_window"),
        case("window-before-dictionary", windowed(0xFF, 5, hello, bits=1), "comp_window"),
        case("window-before-content-size", windowed(0xFF, 0, hello, width=0), "comp_window"),
        case("window-of-single-segment", single(1_048_577, hello), "comp_window"),
        case("output-2-gib-in-13-bytes", single(2**31, width=8), "comp_output"),
        case("output-2-pow-64", single(2**64 - 1, hello), "comp_output"),
        case("output-8-mib-and-1", windowed(W_1M, 8_388_609, hello), "comp_output"),
        case("output-negotiated", single(4_097, rle(0x61, 4_097, True)), "comp_output", max_decompressed=4_096),
        case("ratio-10.1", windowed(W_128K, 71_000, runs), "comp_ratio"),
        case("ratio-floor-and-1", windowed(W_128K, 65_537, rle(0x61, 65_537, True)), "comp_ratio"),
        case("ratio-32768", windowed(W_1M, 1_048_576, *(rle(0, BLOCK_MAX) for _ in range(7)), rle(0, BLOCK_MAX, True)), "comp_ratio"),
        case("ratio-of-blocks", windowed(W_128K, 5, rle(0x61, 65_537, True)), "comp_ratio"),
        case("output-of-blocks", windowed(W_128K, 5, rle(0x61, 4_097, True)), "comp_output", max_decompressed=4_096),
        case("blocks-65", single(65, *(raw(b"a") for _ in range(64)), raw(b"a", True)), "comp_blocks"),
        case("blocks-64-none-last", single(64, *(raw(b"a") for _ in range(64))), "comp_blocks"),
        case("empty-raw-block", single(5, raw(b""), hello), "comp_blocks"),
        case("empty-rle-block", single(5, rle(0x61, 0), hello), "comp_blocks"),
    ]


def undecodable():
    """What only a decoder notices."""
    return [
        case("checksum-wrong", TEXT_SUMMED[:-1] + b"\x00", "ok"),
        case("content-size-not-what-decodes", single(75, TEXT_FRAME[6:], width=1), "ok"),
        case("compressed-block-of-nonsense", single(200, block(COMPRESSED, 8, b"\xff" * 8, True)), "ok"),
    ]


def compressions():
    return accepted() + refused() + undecodable()
