import { isDeepStrictEqual } from 'node:util';
import { encode } from '@msgpack/msgpack';
import { OapError } from '@omnigate/kernel/wire';
import { Random, seedOf } from '../engine/random.ts';
import { expect } from '../engine/target.ts';
import type { Target } from '../engine/target.ts';
import { loadInternal, modulesOf } from '../internals.ts';
import { vectorBytes } from '../vectors.ts';
import { changedMap, messagePackWords, randomMap } from './messagepack-maker.ts';

interface Named {
  readonly form: string;
  readonly hex: string;
  readonly text: string;
}

type Ranges = readonly (readonly [start: number, end: number])[];

interface Put {
  readonly sizeBytes: number | undefined;
  readonly mediaType: string | undefined;
  readonly expect: Named | undefined;
  readonly offsetBytes: number | undefined;
  readonly pinTtlMs: number | undefined;
}

interface BodyModule {
  readonly parseGet: (payload: Uint8Array) => { readonly id: Named; readonly ranges: Ranges | undefined; readonly proof: boolean };
  readonly parseHas: (payload: Uint8Array) => readonly Named[];
  readonly parsePut: (payload: Uint8Array) => Put;
  readonly parseId: (payload: Uint8Array) => Named;
  readonly parseStat: (payload: Uint8Array) => Named | undefined;
  readonly parsePin: (payload: Uint8Array) => { readonly id: Named; readonly ttlMs: number | undefined };
  readonly parseList: (payload: Uint8Array) => { readonly cursor: string | undefined; readonly limit: number };
  readonly parseNothing: (payload: Uint8Array) => void;
  readonly parseScrub: (payload: Uint8Array) => { readonly id: Named | undefined; readonly cursor: string | undefined };
}

interface RangesModule {
  readonly clipRanges: (ranges: Ranges | undefined, sizeBytes: number) => Ranges;
  readonly leavesIn: (ranges: Ranges) => readonly { readonly first: number; readonly count: number }[];
}

interface Limits {
  readonly LEAF_BYTES: number;
}

const FIELDS = ['id', 'ids', 'ranges', 'proof', 'size_bytes', 'media_type', 'expect', 'offset_bytes', 'pin_ttl_ms', 'ttl_ms', 'cursor', 'limit'];
const ID = `b3m:${'0123456789abcdef'.repeat(4)}`;
/** Requests of several operations. */
const GOOD = [
  { id: ID, ranges: [[0, 10], [10, 70_000], [1_000_000, 9_007_199_254_740_991]], proof: true },
  { ids: [ID, ID.replace('b3m', 'b3')] },
  { size_bytes: 10, media_type: 'text/plain', expect: ID, offset_bytes: 65_536, pin_ttl_ms: 1_000 },
  { cursor: '0123456789abcdef'.repeat(4), limit: 10, id: ID, ttl_ms: 5 },
] as const;
/** Leaves that are counted one by one. */
const LEAVES_MAX = 4_096;

/** Bodies of requests to the storage: each is read, and read again from what was read; ranges give the leaves that counting gives. */
export async function openStorageRequest(): Promise<Target> {
  const body = await loadInternal<BodyModule>('storage', 'transfer/request-body');
  const { clipRanges, leavesIn } = await loadInternal<RangesModule>('storage', 'transfer/ranges');
  const { LEAF_BYTES } = await loadInternal<Limits>('storage', 'limits');
  return {
    name: 'storage-request',
    covers: [modulesOf('storage', 'transfer/'), modulesOf('storage', 'tree/blob-name'), modulesOf('kernel', 'wire/messagepack')],
    seeds: [
      ...vectorBytes('storage', 'body'),
      ...GOOD.map((request) => encode(request)),
    ],
    dictionary: [...messagePackWords([...FIELDS, ID]), encode([0, 1]), encode([65_536, 65_537]), encode([[0, 1]])],
    generate: (random) => (random.oneIn(4) ? randomMap(random, FIELDS) : changedMap(random, random.pick(GOOD), FIELDS)),
    run(input) {
      const taken = [
        readGet(input),
        same(input, body.parsePut, (put) => ({ size_bytes: put.sizeBytes, media_type: put.mediaType, expect: put.expect?.text, offset_bytes: put.offsetBytes, pin_ttl_ms: put.pinTtlMs })),
        same(input, body.parseHas, (ids) => ({ ids: ids.map(({ text }) => text) })),
        same(input, body.parseId, (id) => ({ id: id.text })),
        same(input, body.parseStat, (id) => ({ id: id?.text })),
        same(input, body.parsePin, ({ id, ttlMs }) => ({ id: id.text, ttl_ms: ttlMs })),
        same(input, body.parseList, ({ cursor, limit }) => ({ cursor, limit })),
        same(input, body.parseScrub, ({ id, cursor }) => ({ id: id?.text, cursor })),
      ];
      attempt(() => { body.parseNothing(input); });
      return taken.filter(Boolean).length > 3;
    },
  };

  function readGet(input: Uint8Array): boolean {
    const get = attempt(() => body.parseGet(input));
    if (get === undefined) return false;
    judgeRanges(get.ranges, new Random(seedOf(input)));
    return same(input, body.parseGet, ({ id, ranges, proof }) => ({ id: id.text, ranges, proof }));
  }

  function judgeRanges(ranges: Ranges | undefined, random: Random): void {
    const sizeBytes = random.below(LEAVES_MAX) * LEAF_BYTES + random.below(3) - (random.oneIn(2) ? 0 : 1);
    const size = Math.max(0, sizeBytes);
    const clipped = attempt(() => clipRanges(ranges, size));
    if (clipped === undefined) {
      expect(ranges?.some(([start]) => start >= size) === true, 'ranges', () => `${JSON.stringify(ranges)} of ${size} bytes are refused`);
      return;
    }
    const wanted = new Set<number>();
    for (const [start, end] of clipped) {
      expect(start < end && end <= size, 'ranges', () => `${start} to ${end} of ${size} bytes`);
      for (let leaf = Math.floor(start / LEAF_BYTES); leaf * LEAF_BYTES < end; leaf++) wanted.add(leaf);
    }
    const leaves = leavesIn(clipped).flatMap(({ first, count }) => Array.from({ length: count }, (_, nth) => first + nth));
    expect(leaves.length === wanted.size && leaves.every((leaf) => wanted.has(leaf)), 'ranges', () => `${JSON.stringify(clipped)} have other leaves`);
  }
}

/** That what was read of a body is what is read of a body with just that. */
function same<T>(input: Uint8Array, parse: (payload: Uint8Array) => T, bodyOf: (parsed: T) => object): boolean {
  const parsed = attempt(() => ({ value: parse(input) }));
  if (parsed === undefined) return false;
  const again = parse(encode(bodyOf(parsed.value), { ignoreUndefined: true }));
  expect(isDeepStrictEqual(wellFormed(again), wellFormed(parsed.value)), 'round-trip', () => `${JSON.stringify(parsed.value)} is read back as ${JSON.stringify(again)}`);
  return true;
}

/** With U+FFFD for halves of surrogate pairs, which a request can have and an encoder cannot write. */
function wellFormed(value: unknown): unknown {
  return typeof value === 'object' ? (JSON.parse(JSON.stringify(value).replace(/\\ud[89a-f][0-9a-f]{2}/g, '\ufffd')) as unknown) : value;
}

/** What it returns; undefined when it refuses as it may. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof OapError && ['bad_payload', 'blob_too_large', 'range_invalid'].includes(error.reason)) return undefined;
    throw error;
  }
}
