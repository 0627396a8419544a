import { encode } from '@msgpack/msgpack';
import { createHeader, decodeErrorBody, decodeGoAway, decodeMap, decodeRevoked, encodeError, Flag, OapError, Status } from '@omnigate/kernel/wire';
import type { FrameHeader } from '@omnigate/kernel/wire';
import { Random, seedOf } from '../engine/random.ts';
import { expect } from '../engine/target.ts';
import type { Target } from '../engine/target.ts';
import { loadInternal, modulesOf } from '../internals.ts';
import { vectorBytes } from '../vectors.ts';
import { changedMap, messagePackWords, randomMap } from './messagepack-maker.ts';

type Fields = Readonly<Record<string, unknown>>;

interface SettingsModule {
  readonly readSettings: (fields: Fields) => object;
  readonly readDefaults: (fields: Fields) => object;
  readonly readStats: (fields: Fields, settings: Fields) => object;
}

interface MessageModule {
  readonly readPeekedMessage: (value: unknown) => object;
}

interface FieldsModule {
  readonly asFields: (value: unknown, name: string) => Fields;
}

interface HelloModule {
  readonly readHelloReply: (url: string, header: FrameHeader, payload: Uint8Array, renewable: boolean) => object;
}

const FIELDS = [
  'reason', 'message', 'retry_after_ms', 'detail', 'drain_ms', 'revocation_seq', 'version', 'max_frame', 'topic', 'ready', 'blocked', 'delayed', 'leased', 'bytes', 'admitted', 'acked',
  'deleted', 'expired', 'dead_lettered', 'redriven', 'delivered', 'oldest_ms', 'settings', 'visibility_ms', 'max_deliveries', 'dlq', 'dedup_window_ms', 'retention_ms', 'quota_messages',
  'quota_bytes', 'create', 'id', 'body', 'deliveries', 'sent_at_ms', 'headers', 'due_ms',
];
const SETTINGS = { visibility_ms: 30_000, max_deliveries: 10, dlq: null, dedup_window_ms: 0, retention_ms: 0, quota_messages: 0, quota_bytes: 0, create: true };
const COUNTS = { ready: 1, blocked: 0, delayed: 0, leased: 0, bytes: 9, admitted: 1, acked: 0, deleted: 0, expired: 0, dead_lettered: 0, redriven: 0, delivered: 0 };
/** Replies as a good node gives them. */
const GOOD = [{ topic: 'orders', ...COUNTS, settings: SETTINGS }, SETTINGS, { reason: 'app_unknown', message: 'No.', retry_after_ms: 5 }, { reason: 'drain', drain_ms: 5 }, { id: 'x', body: new Uint8Array(2), deliveries: 1, sent_at_ms: 1, due_ms: 2 }] as const;
/** Longest text of an error, and no more than that of a message for people. */
const MESSAGE_CHARS_MAX = 1_024;

/** What a client reads of a node besides records: errors, HELLO replies, events, statistics. A bad node costs a client one clear error. */
export async function openSdkReplies(): Promise<Target> {
  const { readSettings, readDefaults, readStats } = await loadInternal<SettingsModule>('sdk', 'mailbox/settings');
  const { readPeekedMessage } = await loadInternal<MessageModule>('sdk', 'mailbox/stored-message');
  const { asFields } = await loadInternal<FieldsModule>('sdk', 'fields');
  const { readHelloReply } = await loadInternal<HelloModule>('sdk', 'hello');
  return {
    name: 'sdk-replies',
    covers: [modulesOf('sdk', 'mailbox/'), modulesOf('sdk', 'fields'), modulesOf('sdk', 'hello'), modulesOf('sdk', 'capability.'), modulesOf('kernel', 'wire/')],
    seeds: [...vectorBytes('errors', 'body'), ...vectorBytes('hello', 'reply'), ...GOOD.map((reply) => encode(reply))],
    dictionary: messagePackWords([...FIELDS, 'cap_expired', 'tenant_mismatch', 'draining']),
    generate: (random) => (random.oneIn(4) ? randomMap(random, FIELDS) : changedMap(random, random.pick(GOOD), FIELDS)),
    run(input) {
      const random = new Random(seedOf(input));
      const status = random.pick([...Object.values(Status), random.below(65_536)]);
      const readable = readError(status, input);
      const header = { ...createHeader(), flags: Flag.RESP | Flag.START | Flag.END, code: random.oneIn(2) ? Status.OK : status };
      const hello = readHelloReply('oap://127.0.0.1:1', header, input, random.oneIn(2));
      expect(!(hello instanceof OapError) || hello.message.length > 0, 'error', () => 'an error without a message');
      const { reason, drainMs } = decodeGoAway(input);
      expect(typeof reason === 'string' && Number.isSafeInteger(drainMs) && drainMs >= 0, 'bounds', () => `GOAWAY ${reason} ${drainMs}`);
      const sequence = decodeRevoked(input);
      expect(sequence === undefined || (Number.isSafeInteger(sequence) && sequence >= 0), 'bounds', () => `REVOKED ${String(sequence)}`);
      const fields = decodeMap(input);
      if (fields === undefined) return false;
      const taken = [
        attempt(() => readSettings(fields)),
        attempt(() => readDefaults(fields)),
        attempt(() => readStats(fields, asFields(fields.settings, 'settings'))),
        attempt(() => readPeekedMessage(fields)),
      ];
      return readable || taken.some((value) => value !== undefined);
    },
  };
}

/** An error body as a client reads it, and once more after it was written again. */
function readError(status: number, input: Uint8Array): boolean {
  const error = decodeErrorBody(status, input, '1');
  expect(/^[a-z][a-z0-9_]{0,63}$/.test(error.reason), 'error', () => `the reason is ${JSON.stringify(error.reason)}`);
  expect((error.what ?? '').length <= MESSAGE_CHARS_MAX, 'error', () => `a message of ${(error.what ?? '').length} characters`);
  if (error.reason === 'bad_response') return false;
  const again = decodeErrorBody(status, encodeError(error), '1');
  const same = again.reason === error.reason && again.retryAfterMs === error.retryAfterMs && again.retryable === error.retryable;
  expect(same, 'round-trip', () => `${error.reason} is read back as ${again.reason}`);
  return true;
}

/** What it returns; undefined when it refuses as it may. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof OapError && error.reason === 'bad_response') return undefined;
    throw error;
  }
}
