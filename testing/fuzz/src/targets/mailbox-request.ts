import { isTopic } from '@omnigate/capability';
import { decodeMap, OapError } from '@omnigate/kernel/wire';
import { encode } from '@msgpack/msgpack';
import { expect } from '../engine/target.ts';
import type { Target } from '../engine/target.ts';
import { loadInternal, modulesOf } from '../internals.ts';
import { vectorBytes } from '../vectors.ts';
import { changedMap, messagePackWords, randomMap } from './messagepack-maker.ts';

/** What is used of the mailbox's reader of fields. */
interface Fields {
  has(name: string): boolean;
  isNil(name: string): boolean;
  int(name: string, min: number, max: number, absent?: number): number;
  bool(name: string, absent: boolean): boolean;
  bin(name: string): Uint8Array;
  cursor(name: string, bytes: number): string;
  text(name: string): string;
  topic(name: string): string;
  optionalTopic(name: string): string | undefined;
  optionalName(name: string): string | undefined;
  oneOf(name: string, values: readonly string[], absent: string): string;
  receipts(): Uint8Array[];
  headers(): Readonly<Record<string, string>> | undefined;
  filter(): Readonly<Record<string, string>>;
  optionalMaps(name: string, countMax: number): readonly Fields[] | undefined;
}

interface FieldsModule {
  readonly Fields: { of(payload: Uint8Array): Fields };
}

interface ScanModule {
  readonly scanTopics: (payload: Uint8Array) => readonly { readonly field: string; readonly topic: string }[];
}

interface ReceiptModule {
  readonly parseReceipt: (bytes: Uint8Array) => object | undefined;
}

const TOPICS = ['topic', 'from', 'to', 'dlq'];
const NUMBERS = ['max', 'wait_ms', 'visibility_ms', 'prefetch', 'delay_ms', 'ttl_ms', 'priority', 'max_deliveries', 'quota_bytes'];
const NAMES = ['key', 'group'];
const OTHERS = ['messages', 'body', 'headers', 'receipts', 'ack', 'state', 'filter', 'after', 'create', 'id'];
const NAME_BYTES_MAX = 256;
const MESSAGES_MAX = 256;
/** Requests of several operations. */
const GOOD = [
  { topic: 'orders/eu', body: new Uint8Array(9), key: 'k', group: 'g', headers: { a: 'b' }, priority: 4, delay_ms: 1, ttl_ms: 1_000 },
  { topic: 'orders', messages: [{ body: new Uint8Array(2), key: 'k' }, { body: new Uint8Array(0) }] },
  { topic: 'orders', receipts: [new Uint8Array(27), new Uint8Array(27)], visibility_ms: 1_000 },
  { from: 'orders/dlq', to: 'orders', max: 10, filter: { reason: 'expired', source: 'orders' }, after: new Uint8Array(17) },
  { topic: 'orders', state: 'ready', max: 1, dlq: null, create: true, ack: 'auto', wait_ms: 0, prefetch: 64 },
  { topic: `${'ü'.repeat(120)}/x` },
] as const;

/**
 * Requests to the mailbox. The scan that a capability is judged by and the
 * decoder that is obeyed see the same topics, and each field is what the
 * specification says or is refused by its name.
 */
export async function openMailboxRequest(): Promise<Target> {
  const { Fields } = await loadInternal<FieldsModule>('mailbox', 'codec/fields');
  const { scanTopics } = await loadInternal<ScanModule>('mailbox', 'codec/topic-scan');
  const { parseReceipt } = await loadInternal<ReceiptModule>('mailbox', 'broker/receipt');
  const fields = [...TOPICS, ...NUMBERS, ...NAMES, ...OTHERS];
  return {
    name: 'mailbox-request',
    covers: [modulesOf('mailbox', 'codec/'), modulesOf('mailbox', 'broker/receipt'), modulesOf('kernel', 'wire/messagepack')],
    seeds: [
      ...vectorBytes('errors', 'body'),
      ...GOOD.map((request) => encode(request)),
    ],
    dictionary: messagePackWords(fields),
    generate: (random) => (random.oneIn(4) ? randomMap(random, fields) : changedMap(random, random.pick(GOOD), fields)),
    run(input) {
      const scanned = scan(input);
      const decoded = refusedAs('', () => Fields.of(input));
      if (decoded === undefined) return false;
      if (scanned !== undefined) judgeTopics(scanned, decoded);
      for (const name of TOPICS) {
        const topic = refusedAs(name, () => decoded.topic(name));
        expect(topic === undefined || isTopic(topic), 'topic', () => `${JSON.stringify(topic)} is taken as topic`);
        refusedAs(name, () => decoded.optionalTopic(name));
      }
      for (const name of NUMBERS) {
        const number = refusedAs(name, () => decoded.int(name, 1, 1_000, 5));
        expect(number === undefined || (number >= 1 && number <= 1_000 && Number.isInteger(number)), 'bounds', () => `${name} is ${String(number)}`);
        refusedAs(name, () => decoded.int(name, 0, Number.MAX_SAFE_INTEGER));
      }
      for (const name of NAMES) {
        const text = refusedAs(name, () => decoded.optionalName(name));
        expect(text === undefined || (text !== '' && Buffer.byteLength(text) <= NAME_BYTES_MAX), 'bounds', () => `${name} is ${JSON.stringify(text)}`);
      }
      refusedAs('create', () => decoded.bool('create', false));
      refusedAs('body', () => decoded.bin('body'));
      refusedAs('after', () => decoded.cursor('after', 17));
      refusedAs('state', () => decoded.oneOf('state', ['ready', 'delayed'], 'ready'));
      refusedAs('headers', () => decoded.headers());
      refusedAs('filter', () => decoded.filter());
      for (const part of refusedAs('messages', () => decoded.optionalMaps('messages', MESSAGES_MAX)) ?? []) refusedAs('body', () => part.bin('body'));
      for (const receipt of refusedAs('receipts', () => decoded.receipts()) ?? []) parseReceipt(receipt);
      return scanned !== undefined && decodeMap(input) !== undefined;
    },
  };

  /** The topics; undefined when it refuses the whole, or a topic that is there twice. */
  function scan(input: Uint8Array): ReturnType<ScanModule['scanTopics']> | undefined {
    try {
      return scanTopics(input);
    } catch (error) {
      if (error instanceof OapError && error.reason === 'bad_payload' && isTopicField(error)) return undefined;
      throw error;
    }
  }
}

/** One field of the request, as a name in a refusal. */
function isTopicField(error: OapError): boolean {
  const { field } = error.detail as { readonly field: string };
  return field === '' || TOPICS.includes(field);
}

/** What a capability was judged by is what the broker will do, name for name. */
function judgeTopics(scanned: readonly { readonly field: string; readonly topic: string }[], decoded: Fields): void {
  const judged = new Map(scanned.map(({ field, topic }) => [field, topic]));
  for (const name of TOPICS) {
    let text: string | undefined;
    if (decoded.has(name) && !decoded.isNil(name)) text = refusedAs(name, () => decoded.text(name));
    expect(text === judged.get(name), 'topic-scan', () => `the scan sees ${name} as ${JSON.stringify(judged.get(name))}, the decoder as ${JSON.stringify(text)}`);
  }
}

/** What it returns; undefined when it refuses with `bad_payload` and this field, which is all that it may throw. */
function refusedAs<T>(field: string, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof OapError && error.reason === 'bad_payload' && (error.detail as { readonly field: unknown }).field === field) return undefined;
    throw error;
  }
}
