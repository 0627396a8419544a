import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode, encode } from '@msgpack/msgpack';
import type { OapError, RequestBody, Service, ServiceReply, ServiceRequest } from '@omnigate/kernel';
import { Flag } from '@omnigate/kernel/wire';
import t from 'tap';
import type { Test } from 'tap';
import { MailboxOp } from '../src/broker/call.ts';
import { BACKLOG_BYTES_MAX } from '../src/limits.ts';
import { mailboxService } from '../src/service.ts';
import { EngineClock } from '../src/engine/engine-clock.ts';

/** What a request got. */
class Reply implements ServiceReply {
  ended = false;
  flags = 0;
  error: OapError | undefined;
  readonly parts: Uint8Array[] = [];
  /** What `write` says: whether there is room. */
  room = true;
  readonly roomBytes = 0;
  consumedBytes = 0;
  readonly #done: Promise<void>;
  #resolve: () => void = () => undefined;
  #wake: () => void = () => undefined;

  constructor() {
    this.#done = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** The decoded answer; rejects with the error. */
  async body(): Promise<Record<string, unknown>> {
    await this.#done;
    if (this.error !== undefined) throw this.error;
    return decode(Buffer.concat(this.parts)) as Record<string, unknown>;
  }

  /** Resolves when there are so many parts. */
  async part(count: number): Promise<void> {
    while (this.parts.length < count) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  end(_status: number, payload: Uint8Array = new Uint8Array(0), flags = 0): void {
    if (this.ended) return;
    this.ended = true;
    this.flags = flags;
    this.parts.push(payload);
    this.#resolve();
  }

  write(_status: number, payload: Uint8Array): boolean {
    this.parts.push(payload);
    this.#wake();
    return this.room;
  }

  fail(error: OapError): void {
    this.ended = true;
    this.error = error;
    this.#resolve();
  }

  consumed(bytes: number): void {
    this.consumedBytes += bytes;
  }
}

interface Site {
  readonly path: string;
  readonly service: Service;
  readonly failures: unknown[];
  /** Calls an operation; topics that are judged are collected. */
  readonly call: (op: number, fields: unknown, options?: Partial<ServiceRequest>) => { reply: Reply; body: RequestBody | undefined };
  readonly judged: string[];
}

async function open(t: Test, path = join(mkdtempSync(join(tmpdir(), 'omnigate-mailbox-')), 'mailbox')): Promise<Site> {
  const failures: unknown[] = [];
  const judged: string[] = [];
  const service = mailboxService({ path, logger: { error: () => undefined } });
  await service.start?.({ fail: (error) => failures.push(error) });
  t.teardown(async () => {
    await service.stop?.();
    rmSync(join(path, '..'), { recursive: true, force: true });
  });
  const call: Site['call'] = (op, fields, options = {}) => {
    const reply = new Reply();
    const payload = fields instanceof Uint8Array ? fields : encode(fields);
    const request: ServiceRequest = {
      app: 16, code: op, flags: 0, tenant0: 1, tenant1: -2, tenant2: 3, tenant3: -4, corrHi: 0, corrLo: 1, complete: true, oneWay: false, payload,
      checkTopic: (topic) => judged.push(topic),
      ...options,
    };
    return { reply, body: service.onRequest(request, reply) };
  };
  return { path, service, failures, call, judged };
}

const refusalOf = (run: () => unknown): string => {
  try {
    run();
    return 'none';
  } catch (error) {
    return (error as OapError).reason;
  }
};

await t.test('a request goes to the thread and back, in one frame or in many', async (t) => {
  const { call, judged } = await open(t);
  const sent = await call(MailboxOp.SEND, { topic: 'a', body: Buffer.from('x') }, { flags: Flag.APP_E2E }).reply.body();
  t.match(sent, { duplicate: false, durability: 'disk' });
  const received = call(MailboxOp.RECV, { topic: 'a' }).reply;
  t.match(await received.body(), { messages: [{ id: sent['id'], e2e: true }] });
  t.equal(received.flags, Flag.APP_E2E);
  const whole = encode({ topic: 'b', body: Buffer.from('in parts') });
  const { reply, body } = call(MailboxOp.SEND, whole.subarray(0, 5), { complete: false });
  for (const byte of whole.subarray(5)) body?.onData?.(Uint8Array.of(byte));
  body?.onEnd?.();
  t.match(await reply.body(), { duplicate: false });
  t.equal(reply.consumedBytes, whole.length);
  t.same(judged, ['a', 'a', 'b']);
});

await t.test('what is wrong with a request is said before the thread hears of it', async (t) => {
  const { call, judged } = await open(t);
  t.equal(refusalOf(() => call(99, {})), 'op_unknown');
  t.equal(refusalOf(() => call(0, {})), 'op_unknown');
  t.equal(refusalOf(() => call(MailboxOp.RECV, { topic: 'a' }, { oneWay: true })), 'op_unknown');
  t.equal(refusalOf(() => call(MailboxOp.SEND, { topic: 'a', body: Buffer.from('x') }, { oneWay: true })), 'none');
  t.equal(refusalOf(() => call(MailboxOp.SEND, Buffer.from('no map'))), 'bad_payload');
  judged.length = 0;
  const twice = Buffer.concat([Buffer.from([0x82]), encode('topic'), encode('mine'), encode('topic'), encode('yours')]);
  t.equal(refusalOf(() => call(MailboxOp.STATS, twice)), 'bad_payload');
  const thenNil = Buffer.concat([Buffer.from([0x82]), encode('topic'), encode('mine'), encode('topic'), encode(null)]);
  for (const op of [MailboxOp.STATS, MailboxOp.CONFIGURE]) t.equal(refusalOf(() => call(op, thenNil)), 'bad_payload', 'not judged by a topic and answered for all');
  t.same(judged, [], 'and nobody is asked');
  call(MailboxOp.STATS, {});
  t.equal(judged.at(-1), '', 'a request without a topic is judged as one');
  const error = await call(MailboxOp.PEEK, { topic: 'none' }).reply.body().catch((thrown: unknown) => thrown as OapError);
  t.match(error, { reason: 'topic_unknown', status: 404 });
});

await t.test('a subscription waits for its reader, and its messages come back when it goes', async (t) => {
  const { call } = await open(t);
  const { reply, body } = call(MailboxOp.SUBSCRIBE, { topic: 'a', prefetch: 10 });
  await reply.part(1);
  reply.room = false;
  await call(MailboxOp.SEND, { topic: 'a', body: Buffer.from('1') }).reply.body();
  await reply.part(2);
  await call(MailboxOp.SEND, { topic: 'a', body: Buffer.from('2') }).reply.body();
  t.match(await call(MailboxOp.STATS, { topic: 'a' }).reply.body(), { leased: 1, ready: 1 }, 'nothing further while the first is not away');
  body?.onDrain?.();
  await reply.part(3);
  reply.ended = true;
  body?.onCancel?.();
  t.match(await call(MailboxOp.STATS, { topic: 'a' }).reply.body(), { leased: 0, ready: 2 });
});

await t.test('a subscription that is full gets a message again when its lease ran out, though nobody asks for anything', async (t) => {
  const { call } = await open(t);
  const { reply } = call(MailboxOp.SUBSCRIBE, { topic: 'a', prefetch: 1, visibility_ms: 30 });
  await reply.part(1);
  await call(MailboxOp.SEND, { topic: 'a', body: Buffer.from('x') }).reply.body();
  await reply.part(4);
  const deliveries = reply.parts.slice(1).map((part) => (decode(part.subarray(4)) as { messages: { deliveries: number }[] }).messages[0]?.deliveries);
  t.same(deliveries, [1, 2, 3]);
});

await t.test('an answer that finds nobody is taken back', async (t) => {
  const { call } = await open(t);
  await call(MailboxOp.SEND, { topic: 'a', body: Buffer.from('1') }).reply.body();
  const { reply } = call(MailboxOp.RECV, { topic: 'a' });
  // The peer is gone, and the answer is already on its way.
  reply.ended = true;
  const { messages } = (await call(MailboxOp.RECV, { topic: 'a', wait_ms: 5_000 }).reply.body()) as { messages: { deliveries: number }[] };
  t.same(messages.map(({ deliveries }) => deliveries), [1]);
});

await t.test('work that waits is bounded', async (t) => {
  const { call } = await open(t);
  const body = Buffer.alloc(262_144);
  let refused = '';
  const replies: Reply[] = [];
  for (let n = 0; n <= BACKLOG_BYTES_MAX / body.length + 10 && refused === ''; n++) {
    const reason = refusalOf(() => replies.push(call(MailboxOp.SEND, { topic: 'a', body }).reply));
    if (reason !== 'none') refused = reason;
  }
  t.equal(refused, 'mailbox_busy');
  await Promise.all(replies.map((reply) => reply.body()));
  t.match(await call(MailboxOp.STATS, { topic: 'a' }).reply.body(), { ready: replies.length }, 'what was taken was done');
});

await t.test('a thread that fails answers everybody, and the service is told', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'omnigate-mailbox-'));
  const { call, failures, service, path } = await open(t, join(folder, 'mailbox'));
  writeFileSync(path, 'a file where the folder should be');
  const error = await call(MailboxOp.STATS, {}).reply.body().catch((thrown: unknown) => thrown as OapError);
  t.match(error, { reason: 'internal' });
  t.equal(failures.length, 1);
  await service.stop?.();
  rmSync(path);
  await service.start?.({ fail: (thrown) => failures.push(thrown) });
  t.same(await call(MailboxOp.STATS, {}).reply.body(), { topics: [] }, 'and it can be started again');
});

await t.test('the clock follows neither jumps nor restarts into the past', (t) => {
  let wall = 1_000;
  let monotonic = 50;
  const clock = new EngineClock(0, () => wall, () => monotonic);
  t.equal(clock.now(), 1_000);
  wall = 9_000_000;
  monotonic += 5;
  t.equal(clock.now(), 1_005);
  t.equal(new EngineClock(2_000, () => 1_000, () => 0).now(), 2_000, 'the clock went back between two starts');
  t.end();
});
