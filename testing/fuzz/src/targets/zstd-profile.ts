/** Bits of the literals header; those from this type on are Huffman streams (RFC 8878 §3.1.1.3.1.1). */
const LITERALS_TYPE_MASK = 3;
const HUFFMAN = 2;

/**
 * Why bytes may be refused as malformed by one decoder although another takes
 * them, or undefined when they may not. Written from RFC 8878 and apart from the
 * guard, to judge the cases where two disagree. Most reasons are the profile of
 * specs/oap-1.md §11. The last one is that decoders, builds of libzstd among
 * them, notice more or less of the damage in a Huffman stream: some take one
 * whose bits are used up before its last literal.
 */
export function whyRefused(bytes: Uint8Array): string | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 5 || view.getUint32(0, true) !== 0xfd2f_b528) return 'it does not begin with a zstd frame';
  const descriptor = view.getUint8(4);
  const sizeFlag = descriptor >> 6;
  const single = (descriptor & 0x20) !== 0;
  if ((descriptor & 0x08) !== 0) return 'the reserved bit is set';
  if ((descriptor & 0x03) !== 0) return 'it has a dictionary id';
  if (sizeFlag === 0 && !single) return 'it has no content size';
  let at = 5 + (single ? 0 : 1) + ([single ? 1 : 0, 2, 4, 8][sizeFlag] ?? 0);
  const window = single ? undefined : windowOf(view.getUint8(5));
  let hasHuffman = false;
  for (;;) {
    if (at + 3 > bytes.length) return undefined;
    const header = view.getUint8(at) | (view.getUint8(at + 1) << 8) | (view.getUint8(at + 2) << 16);
    const size = header >> 3;
    if (window !== undefined && size > window) return 'a block is larger than the window';
    const type = (header >> 1) & 3;
    if (type === 2 && ((bytes[at + 3] ?? 0) & LITERALS_TYPE_MASK) >= HUFFMAN) hasHuffman = true;
    at += 3 + (type === 1 ? 1 : size);
    if ((header & 1) !== 0) break;
  }
  if ((descriptor & 0x04) !== 0) at += 4;
  if (at < bytes.length) return 'something follows the first frame';
  return hasHuffman ? 'it has a Huffman stream' : undefined;
}

function windowOf(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}
