import { encode } from '@msgpack/msgpack';
import { decodeMap, OapError } from '@omnigate/kernel/wire';
import { Random, seedOf } from '../engine/random.ts';
import { expect } from '../engine/target.ts';
import type { Target } from '../engine/target.ts';
import { loadInternal, modulesOf } from '../internals.ts';
import { changedMap, messagePackWords, randomMap } from './messagepack-maker.ts';

interface RecordReaderModule {
  readonly RecordReader: new () => { push(bytes: Uint8Array, onRecord: (record: Uint8Array) => void): void };
}

interface MessageModule {
  readonly readDeliveredMessage: (value: unknown) => { readonly stored: { readonly id: string; readonly deliveries: number; readonly sentAtMs: number } };
}

interface Limits {
  readonly MAILBOX_RECORD_BYTES_MAX: number;
}

const FIELDS = ['messages', 'id', 'body', 'deliveries', 'sent_at_ms', 'priority', 'key', 'group', 'headers', 'e2e', 'dead', 'receipt', 'topic', 'reason', 'at_ms'];

/** The payload of a subscription: in whatever pieces it comes, its records are those of the whole. */
export async function openSdkRecords(): Promise<Target> {
  const { RecordReader } = await loadInternal<RecordReaderModule>('sdk', 'mailbox/record-reader');
  const { readDeliveredMessage } = await loadInternal<MessageModule>('sdk', 'mailbox/stored-message');
  const { MAILBOX_RECORD_BYTES_MAX } = await loadInternal<Limits>('sdk', 'limits');
  const message = { id: '01ARZ3NDEKTSV4RRFFQ69G5FAV', body: new Uint8Array(5), deliveries: 1, sent_at_ms: 1, receipt: new Uint8Array(27) };
  const record = framed(encode({ messages: [message, { ...message, key: 'k', headers: { a: 'b' }, dead: { topic: 'a', reason: 'expired', deliveries: 2, at_ms: 3 } }] }));
  return {
    name: 'sdk-records',
    covers: [modulesOf('sdk', 'mailbox/'), modulesOf('kernel', 'wire/messagepack')],
    seeds: [new Uint8Array(4), record, new Uint8Array(Buffer.concat([record, new Uint8Array(4), record])), framed(encode({ messages: [] }))],
    dictionary: [...messagePackWords(FIELDS), Uint8Array.of(0, 0, 0, 0), Uint8Array.of(0, 0x20, 0, 0), Uint8Array.of(0, 0x20, 0, 1), Uint8Array.of(0, 0, 0, 9), record],
    generate: (random) => framed(random.oneIn(4) ? randomMap(random, FIELDS) : listed(changedMap(random, message, FIELDS))),
    mend: (input) => (input.length < 4 ? input : framed(input.slice(4))),
    run(input) {
      const whole = byReference(input);
      const random = new Random(seedOf(input));
      const cuts = Array.from({ length: 1 + random.below(8) }, () => random.below(input.length + 1)).sort((a, b) => a - b);
      for (const places of [[], cuts, cuts.flatMap((cut) => [cut, Math.min(input.length, cut + 1)]).sort((a, b) => a - b)]) same(whole, read(input, places), places);
      return whole.records.map(readRecord).some(Boolean);
    },
  };

  function read(input: Uint8Array, cuts: readonly number[]): Records {
    const reader = new RecordReader();
    const records: Buffer[] = [];
    let from = 0;
    for (const to of [...cuts, input.length]) {
      const chunk = input.slice(from, to);
      from = to;
      try {
        reader.push(chunk, (each) => records.push(Buffer.from(each)));
      } catch (error) {
        if (!isBadResponse(error)) throw error;
        return { records, refused: true };
      }
      chunk.fill(0xee);
    }
    return { records, refused: false };
  }

  function byReference(input: Uint8Array): Records {
    const bytes = Buffer.from(input);
    const records: Buffer[] = [];
    let at = 0;
    while (at + 4 <= bytes.length) {
      const length = bytes.readUInt32BE(at);
      if (length > MAILBOX_RECORD_BYTES_MAX) return { records, refused: true };
      if (at + 4 + length > bytes.length) break;
      records.push(bytes.subarray(at + 4, at + 4 + length));
      at += 4 + length;
    }
    return { records, refused: false };
  }

  function readRecord(bytes: Uint8Array): boolean {
    const messages = decodeMap(bytes)?.messages;
    if (!Array.isArray(messages)) return false;
    try {
      for (const value of messages as unknown[]) {
        const { id, deliveries, sentAtMs } = readDeliveredMessage(value).stored;
        expect(typeof id === 'string' && Number.isSafeInteger(deliveries) && Number.isSafeInteger(sentAtMs), 'bounds', () => `message ${id}`);
      }
      return messages.length > 0;
    } catch (error) {
      if (isBadResponse(error)) return false;
      throw error;
    }
  }
}

interface Records {
  readonly records: readonly Uint8Array[];
  readonly refused: boolean;
}

function same(whole: Records, other: Records, cuts: readonly number[]): void {
  const equal = whole.refused === other.refused && whole.records.length === other.records.length && whole.records.every((each, nth) => Buffer.compare(each, other.records[nth] as Uint8Array) === 0);
  expect(equal, 'split', () => `cut at ${cuts.join(', ')}: ${other.records.length} records instead of ${whole.records.length}`);
}

/** A record with its length in front. */
function framed(record: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + record.length);
  new DataView(bytes.buffer).setUint32(0, record.length);
  bytes.set(record, 4);
  return bytes;
}

/** A record whose one message is this map. */
function listed(map: Uint8Array): Uint8Array {
  return new Uint8Array(Buffer.concat([Uint8Array.of(0x81), encode('messages'), Uint8Array.of(0x91), map]));
}

function isBadResponse(error: unknown): boolean {
  return error instanceof OapError && error.reason === 'bad_response';
}
