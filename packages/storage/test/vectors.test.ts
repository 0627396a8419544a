import { readFileSync } from 'node:fs';
import { OapError } from '@omnigate/kernel';
import t from 'tap';
import { loadBlake3 } from '../src/hash/blake3.ts';
import { LEAF_BYTES } from '../src/limits.ts';
import * as bodies from '../src/transfer/request-body.ts';
import { clipRanges, leavesIn } from '../src/transfer/ranges.ts';
import { LeafHashes } from '../src/tree/leaf-hashes.ts';
import { aliasText, idText, parseBlobName } from '../src/tree/blob-name.ts';
import { HASH_BYTES, leavesOf, leftLeaves, Levels, TreeHash } from '../src/tree/merkle.ts';
import { proofSteps } from '../src/tree/proof-steps.ts';
import { ProofError, readProof } from './fixtures/proof-reader.ts';

type Parts = string | readonly { readonly hex?: string; readonly times?: number; readonly fill?: string; readonly bytes?: number }[];

interface Vector {
  readonly name: string;
  readonly kind: string;
  readonly size_bytes: number;
  readonly hash: string;
  readonly leaves: number;
  readonly root: string;
  readonly content: Parts;
  readonly leaf_hashes: readonly string[];
  readonly id: string;
  readonly alias: string;
  readonly text: string;
  readonly form: string | null;
  readonly ranges: readonly (readonly [number, number])[] | null;
  readonly body: Parts;
  readonly verdict: 'ok' | 'err';
  readonly leaf?: number;
  readonly operation: string;
  readonly field?: string;
}

const { vectors } = JSON.parse(
  readFileSync(new URL('../../../specs/vectors/storage.json', import.meta.url), 'utf8'),
) as { vectors: Vector[] };
const of = (kind: string): Vector[] => vectors.filter((vector) => vector.kind === kind);

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
const tree = new TreeHash(native);

/** The leaf hashes of some content. */
function hashesOf(bytes: Buffer): LeafHashes {
  const hashes = new LeafHashes(tree);
  const memory = Buffer.concat([Buffer.of(9), bytes]);
  for (let at = 0; at < bytes.length; at += LEAF_BYTES) {
    hashes.push(tree.leaf(memory, 1 + at, Math.min(memory.length, 1 + at + LEAF_BYTES)));
  }
  t.equal(memory[0], 9, 'the byte before a leaf is what it was');
  return hashes;
}

await t.test('both implementations of BLAKE3 give the published hashes, in one piece and in several', (t) => {
  t.equal(native.implementation, 'native', 'the native library loads here');
  t.equal(wasm.implementation, 'wasm');
  for (const { name, size_bytes: size, hash } of of('blake3')) {
    const bytes = Buffer.from(Array.from({ length: size }, (_, index) => index % 251));
    for (const blake3 of [native, wasm]) {
      t.equal(Buffer.from(blake3.hash(bytes)).toString('hex'), hash, `${blake3.implementation} ${name}`);
      const [one, other] = [blake3.hasher(), blake3.hasher()];
      for (let at = 0; at < size; at += 700) {
        one.update(bytes.subarray(at, at + 700));
        other.update(Buffer.of(1));
      }
      t.equal(Buffer.from(one.digest()).toString('hex'), hash, `${blake3.implementation} ${name}, in pieces, beside another`);
    }
  }
  t.end();
});

await t.test('roots of trees of any size', (t) => {
  for (const { name, leaves, root } of of('tree')) {
    const hashes = new LeafHashes(tree);
    const row = Buffer.alloc(leaves * HASH_BYTES);
    for (let index = 0; index < leaves; index++) {
      const number = Buffer.alloc(4);
      number.writeUInt32BE(index);
      const hash = native.hash(number);
      hashes.push(hash);
      row.set(hash, index * HASH_BYTES);
    }
    t.equal(Buffer.from(hashes.finish().root).toString('hex'), root, name);
    if (leaves > 0) t.equal(Buffer.from(new Levels(tree, row).root).toString('hex'), root, `${name}, levels`);
  }
  t.end();
});

await t.test('ids, aliases and leaf hashes', (t) => {
  for (const vector of of('id')) {
    const bytes = bytesOf(vector.content);
    t.equal(bytes.length, vector.size_bytes);
    const hashes = hashesOf(bytes);
    t.equal(hashes.count, vector.leaf_hashes.length);
    const { root, stored } = hashes.finish();
    t.equal(Buffer.from(root).toString('hex'), vector.root, vector.name);
    t.equal(idText(tree.id(bytes.length, root)), vector.id, vector.name);
    t.equal(aliasText(native.hash(bytes)), vector.alias, vector.name);
    if (hashes.count > 1) t.equal(Buffer.from(stored).toString('hex'), vector.leaf_hashes.join(''), 'what is stored');
  }
  t.end();
});

await t.test('texts that are an id, an alias, or neither', (t) => {
  for (const { name, text, form } of of('text')) t.equal(parseBlobName(text)?.form ?? null, form, name);
  t.end();
});

/** What a node with this content sends. */
function proofOf(bytes: Buffer, ranges: Vector['ranges']): Buffer {
  const { stored } = hashesOf(bytes).finish();
  const node = (first: number, count: number): Uint8Array =>
    new Levels(tree, Buffer.from(stored).subarray(first * HASH_BYTES, (first + count) * HASH_BYTES)).root;
  const parts: Uint8Array[] = [];
  const wanted = leavesIn(clipRanges(ranges ?? undefined, bytes.length));
  for (const { kind, first, count } of proofSteps(leavesOf(bytes.length), wanted)) {
    if (kind === 'group') parts.push(Buffer.from(stored).subarray(first * HASH_BYTES, (first + count) * HASH_BYTES));
    else if (kind === 'leaves') parts.push(bytes.subarray(first * LEAF_BYTES, (first + count) * LEAF_BYTES));
    else {
      const left = leftLeaves(count);
      parts.push(node(first, left), node(first + left, count - left));
    }
  }
  return Buffer.concat(parts);
}

async function* inChunks(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

await t.test('proofs: what is sent, and what a client makes of it', async (t) => {
  for (const vector of of('proof')) {
    const { name, ranges, verdict } = vector;
    const body = bytesOf(vector.body);
    const terms = { id: Buffer.from(vector.id.slice(4), 'hex'), sizeBytes: vector.size_bytes, root: Buffer.from(vector.root, 'hex'), ranges: ranges ?? undefined };
    const read = async (chunkBytes: number): Promise<Map<number, Uint8Array>> => {
      const leaves = new Map<number, Uint8Array>();
      try {
        for await (const { leaf, bytes } of readProof(tree, terms, inChunks(body, chunkBytes))) leaves.set(leaf, bytes);
      } catch (error) {
        t.equal(verdict, 'err', `${name}: ${(error as Error).message}`);
        t.ok(error instanceof ProofError);
        if (vector.leaf !== undefined) t.equal((error as ProofError).leaf, vector.leaf, `${name} names the leaf`);
        t.notOk(vector.leaf !== undefined && leaves.has(vector.leaf), `${name}: nothing of the leaf was handed out`);
        return leaves;
      }
      t.equal(verdict, 'ok', name);
      return leaves;
    };
    for (const chunkBytes of [65_536, 50_000]) {
      const leaves = await read(chunkBytes);
      if (verdict !== 'ok') continue;
      const bytes = bytesOf(vector.content);
      for (const [leaf, got] of leaves) t.ok(bytes.subarray(leaf * LEAF_BYTES, (leaf + 1) * LEAF_BYTES).equals(got), `${name}, leaf ${leaf}`);
      for (const [start, end] of clipRanges(ranges ?? undefined, bytes.length)) {
        for (let leaf = Math.floor(start / LEAF_BYTES); leaf * LEAF_BYTES < end; leaf++) t.ok(leaves.has(leaf), `${name} has leaf ${leaf}`);
      }
    }
    if (verdict === 'ok') t.ok(proofOf(bytesOf(vector.content), ranges).equals(body), `${name}: exactly these bytes`);
  }
});

const PARSERS: Readonly<Record<string, (payload: Uint8Array) => unknown>> = {
  GET: bodies.parseGet,
  HAS: bodies.parseHas,
  PUT: bodies.parsePut,
  STAT: bodies.parseStat,
  PIN: bodies.parsePin,
  UNPIN: bodies.parseId,
  LIST: bodies.parseList,
  GC: bodies.parseNothing,
  SCRUB: bodies.parseScrub,
};

await t.test('request bodies: each field that is wrong is named', (t) => {
  for (const { name, operation, body, verdict, field } of of('request')) {
    const parse = (): unknown => PARSERS[operation]?.(bytesOf(body));
    if (verdict === 'ok') {
      t.doesNotThrow(parse, name);
      continue;
    }
    try {
      parse();
      t.fail(`${name} was taken`);
    } catch (error) {
      t.ok(error instanceof OapError);
      t.match(error, { reason: 'bad_payload', detail: { field } }, name);
    }
  }
  t.end();
});
