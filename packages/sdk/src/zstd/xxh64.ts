const PRIME_1 = 0x9e3779b185ebca87n;
const PRIME_2 = 0xc2b2ae3d27d4eb4fn;
const PRIME_3 = 0x165667b19e3779f9n;
const PRIME_4 = 0x85ebca77c2b2ae63n;
const PRIME_5 = 0x27d4eb2f165667c5n;
const STRIPE_BYTES = 32;

const wrap = (value: bigint): bigint => BigInt.asUintN(64, value);
const rotate = (value: bigint, bits: bigint): bigint => wrap((value << bits) | (value >> (64n - bits)));
const round = (accumulator: bigint, lane: bigint): bigint =>
  wrap(rotate(wrap(accumulator + wrap(lane * PRIME_2)), 31n) * PRIME_1);

/**
 * The low 32 bits of XXH64 with seed 0: the content checksum of a zstd frame
 * (RFC 8878 §3.1.1). It takes about 15 ms a MiB, which is enough for frames that
 * nodes have no reason to send: the transport already checks what it carries.
 */
export function xxh64Low32(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let position = 0;
  let hash = PRIME_5;
  if (bytes.length >= STRIPE_BYTES) {
    let a = wrap(PRIME_1 + PRIME_2);
    let b = PRIME_2;
    let c = 0n;
    let d = wrap(-PRIME_1);
    for (; position + STRIPE_BYTES <= bytes.length; position += STRIPE_BYTES) {
      a = round(a, view.getBigUint64(position, true));
      b = round(b, view.getBigUint64(position + 8, true));
      c = round(c, view.getBigUint64(position + 16, true));
      d = round(d, view.getBigUint64(position + 24, true));
    }
    hash = wrap(rotate(a, 1n) + rotate(b, 7n) + rotate(c, 12n) + rotate(d, 18n));
    for (const lane of [a, b, c, d]) hash = wrap((hash ^ round(0n, lane)) * PRIME_1 + PRIME_4);
  }
  hash = wrap(hash + BigInt(bytes.length));
  for (; position + 8 <= bytes.length; position += 8) {
    hash = wrap(rotate(hash ^ round(0n, view.getBigUint64(position, true)), 27n) * PRIME_1 + PRIME_4);
  }
  if (position + 4 <= bytes.length) {
    const lane = wrap(BigInt(view.getUint32(position, true)) * PRIME_1);
    hash = wrap(rotate(hash ^ lane, 23n) * PRIME_2 + PRIME_3);
    position += 4;
  }
  for (; position < bytes.length; position += 1) {
    const lane = wrap(BigInt(view.getUint8(position)) * PRIME_5);
    hash = wrap(rotate(hash ^ lane, 11n) * PRIME_1);
  }
  hash = wrap((hash ^ (hash >> 33n)) * PRIME_2);
  hash = wrap((hash ^ (hash >> 29n)) * PRIME_3);
  return Number((hash ^ (hash >> 32n)) & 0xffff_ffffn);
}
