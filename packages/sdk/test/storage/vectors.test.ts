import { readFileSync } from 'node:fs';
import { OapError } from '@omnigate/kernel/wire';
import t from 'tap';
import { loadBlake3 } from '../../src/storage/blake3.ts';
import { parseBlobName } from '../../src/storage/blob-id.ts';
import { BlobHasher } from '../../src/storage/blob-hasher.ts';
import { BlobTree, RootBuilder } from '../../src/storage/blob-tree.ts';
import { ProofReader } from '../../src/storage/proof-reader.ts';
import { clipRanges } from '../../src/storage/ranges.ts';

type Parts = string | readonly { readonly hex?: string; readonly times?: number; readonly fill?: string; readonly bytes?: number }[];

interface Vector {
  readonly name: string;
  readonly kind: string;
  readonly size_bytes: number;
  readonly hash: string;
  readonly leaves: number;
  readonly root: string;
  readonly content: Parts;
  readonly id: string;
  readonly alias: string;
  readonly text: string;
  readonly form: string | null;
  readonly ranges: readonly (readonly [number, number])[] | null;
  readonly body: Parts;
  readonly verdict: 'ok' | 'err';
  readonly leaf?: number;
}

const { vectors } = JSON.parse(
  readFileSync(new URL('../../../../specs/vectors/storage.json', import.meta.url), 'utf8'),
) as { vectors: Vector[] };
const of = (kind: string): Vector[] => vectors.filter((vector) => vector.kind === kind);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function bytesOf(parts: Parts): Buffer {
  if (typeof parts === 'string') return Buffer.from(parts, 'hex');
  return Buffer.concat(
    parts.map(({ hex, times = 1, fill = '', bytes = 0 }) =>
      hex === undefined ? Buffer.alloc(bytes, Number.parseInt(fill, 16)) : Buffer.concat(Array<Buffer>(times).fill(Buffer.from(hex, 'hex'))),
    ),
  );
}

const native = await loadBlake3();
const wasm = await loadBlake3(() => Promise.reject(new Error('no binary for this machine')));
const tree = new BlobTree(native);

await t.test('both implementations of BLAKE3 give the published hashes', async (t) => {
  for (const { name, size_bytes: size, hash } of of('blake3')) {
    const bytes = Buffer.from(Array.from({ length: size }, (_, index) => index % 251));
    for (const blake3 of [native, wasm]) {
      t.equal(hex(blake3.hash(bytes)), hash, name);
      const [one, other] = [await blake3.hasher(), await blake3.hasher()];
      for (let at = 0; at < size; at += 700) {
        one.update(bytes.subarray(at, at + 700));
        other.update(Buffer.of(1));
      }
      t.equal(hex(one.digest()), hash, `${name}, in pieces, beside another`);
    }
  }
});

await t.test('roots of trees of any size', (t) => {
  for (const { name, leaves, root } of of('tree')) {
    const builder = new RootBuilder(tree);
    for (let index = 0; index < leaves; index++) {
      const number = Buffer.alloc(4);
      number.writeUInt32BE(index);
      builder.push(native.hash(number));
    }
    t.equal(hex(builder.root()), root, name);
  }
  t.end();
});

await t.test('ids and aliases, however the bytes are cut', async (t) => {
  for (const { name, content, size_bytes: sizeBytes, id, alias } of of('id')) {
    const bytes = bytesOf(content);
    for (const pieceBytes of [1_000, 65_536, 65_537, 200_000, Infinity]) {
      const hasher = await BlobHasher.create(native);
      for (let at = 0; at < bytes.length; at += pieceBytes) hasher.update(bytes.subarray(at, at + pieceBytes));
      t.same(hasher.finish(), { id, b3: alias, sizeBytes }, `${name}, pieces of ${pieceBytes}`);
    }
  }
});

await t.test('texts that are an id, an alias, or neither', (t) => {
  for (const { name, text, form } of of('text')) t.equal(parseBlobName(text)?.form ?? null, form, name);
  t.end();
});

/** Reads a proof that comes in pieces. */
function read({ id, size_bytes: sizeBytes, root, ranges }: Vector, body: Uint8Array, pieceBytes: number): { readonly bytes: Buffer; readonly error?: OapError } {
  const clipped = clipRanges(ranges ?? undefined, sizeBytes) ?? [];
  const reader = new ProofReader(tree, { id, sizeBytes, root: Buffer.from(root, 'hex'), ranges: clipped });
  const parts: Uint8Array[] = [];
  try {
    for (let at = 0; at < body.length; at += pieceBytes) {
      reader.push(body.subarray(at, at + pieceBytes));
      for (let piece = reader.next(); piece !== undefined; piece = reader.next()) parts.push(piece);
    }
    reader.end();
    return { bytes: Buffer.concat(parts) };
  } catch (error) {
    if (error instanceof OapError) return { bytes: Buffer.concat(parts), error };
    throw error;
  }
}

/** The bytes of the ranges, which a good proof gives. */
function wantedBytes({ content, ranges, size_bytes: sizeBytes }: Vector): Buffer {
  const bytes = bytesOf(content);
  return Buffer.concat((clipRanges(ranges ?? undefined, sizeBytes) ?? []).map(([start, end]) => bytes.subarray(start, end)));
}

const proofs = of('proof');

await t.test('proofs: what is handed out, however the frames are cut', (t) => {
  for (const vector of proofs) {
    const { name, verdict, id, root, size_bytes: sizeBytes, leaf } = vector;
    const isOfTheId = `b3m:${hex(tree.id(sizeBytes, Buffer.from(root, 'hex')))}` === id;
    for (const pieceBytes of [997, 50_000, 65_536, 65_537]) {
      const { bytes, error } = read(vector, bytesOf(vector.body), pieceBytes);
      if (verdict === 'ok') {
        t.equal(error, undefined, name);
        t.ok(bytes.equals(wantedBytes(vector)), `${name}, pieces of ${pieceBytes}`);
      } else {
        t.ok(error !== undefined || !isOfTheId, `${name} is refused`);
        if (leaf !== undefined) t.match(error, { reason: 'blob_unverified', detail: { id, leaf } }, `${name} names the leaf`);
      }
    }
  }
  t.end();
});

await t.test('a proof that is damaged anywhere, cut or prolonged gives nothing but good bytes, and is refused', (t) => {
  for (const vector of proofs.filter(({ verdict }) => verdict === 'ok')) {
    const body = bytesOf(vector.body);
    const wanted = wantedBytes(vector);
    const places = new Set([0, 31, 32, 511, 512, 513, body.length - 1, ...Array.from({ length: 9 }, (_, n) => Math.floor((n * body.length) / 9))]);
    for (const at of places) {
      if (at >= body.length || at < 0) continue;
      const damaged = Buffer.from(body);
      damaged[at] = (damaged[at] as number) ^ 0x40;
      const cases = [damaged, body.subarray(0, at), Buffer.concat([body, Buffer.of(0)])];
      for (const [index, bad] of cases.entries()) {
        const { bytes, error } = read(vector, bad, 65_536);
        t.ok(error !== undefined && wanted.subarray(0, bytes.length).equals(bytes), `${vector.name}, case ${index} at ${at}`);
      }
    }
  }
  t.end();
});
