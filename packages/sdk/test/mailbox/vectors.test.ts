import { readFileSync } from 'node:fs';
import { decode } from '@msgpack/msgpack';
import { decodeMap, OapError } from '@omnigate/kernel/wire';
import t from 'tap';
import { RecordReader } from '../../src/mailbox/record-reader.ts';
import { OutgoingMessage } from '../../src/mailbox/send.ts';
import { SendWriter } from '../../src/mailbox/send-writer.ts';
import { readDeliveredMessage, readPeekedMessage } from '../../src/mailbox/stored-message.ts';

type Parts = string | readonly { readonly hex?: string; readonly times?: number; readonly fill?: string; readonly bytes?: number }[];

interface MessageFields {
  readonly id: string;
  /** Hexadecimal, as `receipt`. */
  readonly body: string;
  readonly receipt?: string;
  readonly deliveries: number;
  readonly sent_at_ms: number;
  readonly priority: number;
  readonly key?: string;
  readonly group?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly e2e: boolean;
  readonly dead?: { readonly topic: string; readonly reason: string; readonly deliveries: number; readonly at_ms: number };
  readonly due_ms?: number;
}

interface SendFields {
  readonly topic: string;
  readonly body: Uint8Array;
  readonly messages?: unknown;
  readonly key?: string | null;
  readonly group?: string;
  readonly priority?: number;
  readonly delay_ms?: number;
  readonly ttl_ms?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly more?: unknown;
}

interface Vector {
  readonly name: string;
  readonly kind: string;
  readonly operation: string;
  readonly body: Parts;
  readonly messages: readonly MessageFields[];
  readonly payload: Parts;
  readonly verdict: 'ok' | 'err';
  readonly records: readonly string[];
}

const { vectors } = JSON.parse(readFileSync(new URL('../../../../specs/vectors/mailbox.json', import.meta.url), 'utf8')) as { vectors: Vector[] };
const of = (kind: string): Vector[] => vectors.filter((vector) => vector.kind === kind);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function bytesOf(parts: Parts): Buffer {
  if (typeof parts === 'string') return Buffer.from(parts, 'hex');
  return Buffer.concat(
    parts.map(({ hex, times = 1, fill = '', bytes = 0 }) => (hex === undefined ? Buffer.alloc(bytes, fill, 'hex') : Buffer.concat(Array<Buffer>(times).fill(Buffer.from(hex, 'hex'))))),
  );
}

await t.test('messages are read as they are meant', (t) => {
  for (const { name, body, messages } of of('messages')) {
    const found = decodeMap(bytesOf(body))?.messages as readonly unknown[];
    t.equal(found.length, messages.length, name);
    messages.forEach((wanted, index) => {
      const { stored, receipt } = readDeliveredMessage(found[index]);
      const { dead } = stored;
      t.same(
        {
          id: stored.id, body: hex(stored.body), receipt: receipt === undefined ? undefined : hex(receipt), deliveries: stored.deliveries, sent_at_ms: stored.sentAtMs,
          priority: stored.priority, key: stored.key, group: stored.group, headers: stored.headers, e2e: stored.e2e,
          dead: dead === undefined ? undefined : { topic: dead.topic, reason: dead.reason, deliveries: dead.deliveries, at_ms: dead.atMs },
          due_ms: readPeekedMessage(found[index]).dueMs,
        },
        { receipt: undefined, key: undefined, group: undefined, dead: undefined, due_ms: undefined, ...wanted },
        `${name} ${index}`,
      );
    });
  }
  t.end();
});

await t.test('records are cut as they are meant, at every place', (t) => {
  for (const { name, payload, verdict, records } of of('records')) {
    const bytes = bytesOf(payload);
    for (let at = 0; at <= bytes.length; at++) {
      const reader = new RecordReader();
      const found: string[] = [];
      const read = (): void => {
        for (const piece of [bytes.subarray(0, at), bytes.subarray(at)]) reader.push(piece, (record) => found.push(hex(record)));
      };
      if (verdict === 'ok') read();
      else t.throws(read, OapError, `${name} at ${at}`);
      t.same(found, records, `${name} at ${at}`);
    }
  }
  t.end();
});

await t.test('a SEND is written with the fields that it has in the vectors', (t) => {
  const requests = of('request').filter(({ operation, verdict }) => operation === 'SEND' && verdict === 'ok');
  for (const { name, body } of requests) {
    const { topic, body: content, messages, key, group, priority, delay_ms: delayMs, ttl_ms: ttlMs, headers, more } = decode(bytesOf(body)) as SendFields;
    // What a client does not write: fields that are nil or unknown.
    if (messages !== undefined || more !== undefined || key === null) continue;
    const message = new OutgoingMessage(content, { key, group, priority, delayMs, ttlMs, headers });
    t.same(decode(SendWriter.alone(topic, message.encoded())), decodeMap(bytesOf(body)), name);
    const writer = new SendWriter(topic);
    writer.add(message);
    writer.add(message);
    const fields = Object.fromEntries(Object.entries(decodeMap(bytesOf(body)) ?? {}).filter(([field]) => field !== 'topic'));
    t.same(decode(writer.take(2)), { topic, messages: [fields, fields] }, `${name}, two at once`);
  }
  t.ok(requests.length > 0);
  t.end();
});
