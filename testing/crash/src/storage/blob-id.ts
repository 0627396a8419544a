import { blake3 } from '@napi-rs/blake-hash';

const LEAF_BYTES = 65_536;

/** The id of a blob by specs/storage-1.md §3, written a second time, so that the node is not asked what is right. */
export function blobId(bytes: Buffer): string {
  const leaves: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += LEAF_BYTES) leaves.push(hash(0, bytes.subarray(at, at + LEAF_BYTES)));
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(bytes.length));
  const root = leaves.length === 0 ? blake3(Buffer.alloc(0)) : nodeOf(leaves);
  return `b3m:${hash(2, size, root).toString('hex')}`;
}

function nodeOf(leaves: readonly Buffer[]): Buffer {
  const [first] = leaves;
  if (leaves.length === 1 && first !== undefined) return first;
  let left = 1;
  while (left * 2 < leaves.length) left *= 2;
  return hash(1, nodeOf(leaves.slice(0, left)), nodeOf(leaves.slice(left)));
}

function hash(domain: number, ...parts: Uint8Array[]): Buffer {
  return blake3(Buffer.concat([Buffer.of(domain), ...parts]));
}
