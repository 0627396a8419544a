import t from 'tap';
import type { Call } from '../src/call.ts';
import { defineService } from '../src/define-service.ts';
import type { Operation } from '../src/define-service.ts';
import { CALL_BYTES_MAX, STREAM_WINDOW_BYTES, STREAM_WINDOW_BYTES_MIN } from '../src/limits.ts';
import { ControlOp } from '../src/wire/control.ts';
import type { Frame } from '../src/wire/frame.ts';
import { Flag } from '../src/wire/header.ts';
import { OapError } from '../src/wire/oap-error.ts';
import { Reject } from '../src/wire/reject.ts';
import { errorOf, rightError } from './fixtures/attack.ts';
import { cancel, credit, frame, last, part, pattern, ping, request, start, textOf } from './fixtures/frames.ts';
import { reachableBytes } from './fixtures/memory.ts';
import { TestNode } from './fixtures/node.ts';
import { Peer } from './fixtures/peer.ts';
import { settled, turn, until } from './fixtures/until.ts';

const APP = 700;
const at = (code: number): { app: number; code: number } => ({ app: APP, code });
const isLast = ({ flags, app }: Frame): boolean => app === APP && (flags & Flag.END) !== 0;
const isCredit = ({ app, code }: Frame): boolean => app === 0 && code === ControlOp.CREDIT;

async function nodeOf(operations: Readonly<Record<number, Operation>>): Promise<TestNode> {
  return await TestNode.start({ services: [defineService({ appProtoId: APP, name: 'defined', access: 'open', operations })] });
}

void t.test('what an operation gives back is the reply', async (t) => {
  async function* parts(): AsyncGenerator<Uint8Array | string> {
    yield 'one ';
    await turn();
    yield Buffer.from('two ');
    yield 'three';
  }
  await using node = await nodeOf({
    0: () => 'text',
    1: async () => Promise.resolve(Uint8Array.of(1, 2, 3)),
    2: () => undefined,
    3: () => parts(),
    4: async (call) => `${call.code} ${call.tenant} ${call.corrId} ${call.endToEnd} ${await call.text()}`,
  });
  await using peer = await Peer.open(node.address);
  const tenant = '00112233445566778899aabbccddeeff';
  peer.send(request(1, '', at(0)), request(2, '', at(1)), request(3, '', at(2)), request(4, '', at(3)));
  peer.send(request(2n ** 64n - 1n, 'grüß', { ...at(4), tenant }), frame(6, Flag.REQ | Flag.START | Flag.END | Flag.APP_E2E, 'x', at(4)));
  t.equal(textOf(await peer.take(1)), 'text');
  t.same((await peer.take(2)).payload, Uint8Array.of(1, 2, 3));
  t.equal((await peer.take(3)).payload.length, 0);
  t.equal(textOf(await peer.take(2n ** 64n - 1n)), `4 ${tenant} 18446744073709551615 false grüß`);
  const marked = await peer.take(6);
  t.equal(textOf(marked), `4 ${'0'.repeat(32)} 6 true x`);
  t.equal(marked.flags & Flag.APP_E2E, Flag.APP_E2E);
  await until('the parts', () => peer.inbox.some(isLast));
  t.equal(peer.inbox.map(textOf).join(''), 'one two three');
  await node.calm(1);
});

void t.test('what an operation throws', async (t) => {
  async function* breaking(): AsyncGenerator<string> {
    yield 'a part';
    await turn();
    throw new Error('boom');
  }
  await using node = await nodeOf({
    0: () => {
      throw new OapError(Reject.bad_payload, { message: 'No.' });
    },
    1: async () => Promise.reject(new OapError(Reject.bad_payload)),
    2: () => {
      throw new Error('boom');
    },
    3: async () => Promise.reject(new Error('boom')),
    4: () => breaking(),
    5: () => 7 as never,
  });
  await using peer = await Peer.open(node.address);
  for (const [code, reason] of [[0, 'bad_payload'], [1, 'bad_payload'], [9, 'op_unknown'], [2, 'internal'], [3, 'internal'], [4, 'internal'], [5, 'internal']] as const) {
    await until('the service to run', () => node.bus.route(APP)?.available === true);
    peer.send(request(code, '', at(code)));
    t.strictSame(errorOf(await peer.take((reply) => reply.app === APP && reply.code >= 400)), rightError(reason, { corr: code, app: APP }), `operation ${code}`);
    await turn(2);
    t.equal(node.bus.route(APP)?.available, reason !== 'internal', 'only what is no refusal is a crash');
  }
  t.equal(node.rejected('service_crashed'), 4);
  t.equal(node.metrics.glitches, 0, 'what a service refuses is no offence');
  await node.calm(1);
});

void t.test('a streamed request is read part by part', async (t) => {
  let read: (() => void) | undefined;
  const seen: number[] = [];
  await using node = await nodeOf({
    0: async (call) => {
      let bytes = 0;
      for await (const piece of call) {
        seen.push(piece.length);
        bytes += piece.length;
        await new Promise<void>((resolve) => (read = resolve));
      }
      return `${bytes}`;
    },
  });
  await using peer = await Peer.open(node.address);
  const half = STREAM_WINDOW_BYTES / 2;
  peer.send(start(1, new Uint8Array(half), at(0)), part(1, new Uint8Array(half), at(0)));
  await until('the first part', () => seen.length === 1);
  await settled(() => peer.inbox.length, 20);
  t.equal(peer.inbox.filter(isCredit).length, 0, 'nothing may follow before something is read');
  read?.();
  await until('the second part', () => seen.length === 2);
  const grant = await peer.take(isCredit);
  t.equal(Buffer.from(grant.payload).readUInt32BE(), half);
  peer.send(last(1, 'end', at(0)));
  read?.();
  await until('the third part', () => seen.length === 3);
  read?.();
  t.equal(textOf(await peer.take(({ app }) => app === APP)), `${STREAM_WINDOW_BYTES + 3}`);
  t.strictSame(seen, [half, half, 3]);
  await node.calm(1);
});

void t.test('the whole request is collected up to a bound', async (t) => {
  const sizes: number[] = [];
  await using node = await nodeOf({
    0: async (call) => {
      const bytes = await call.bytes();
      sizes.push(bytes.length);
      return bytes;
    },
  });
  await using peer = await Peer.open(node.address);
  const body = pattern(CALL_BYTES_MAX, 3);
  const third = Math.floor(body.length / 3);
  peer.send(start(1, body.subarray(0, third), at(0)), part(1, body.subarray(third, 2 * third), at(0)), last(1, body.subarray(2 * third), at(0)));
  const got: Uint8Array[] = [];
  for (let ended = false; !ended; ) {
    const reply = await peer.take(({ app }) => app === APP);
    got.push(reply.payload);
    ended = isLast(reply);
  }
  t.equal(Buffer.concat(got).compare(body), 0);
  peer.send(start(2, body.subarray(0, 2 * third), at(0)));
  await peer.take(({ corrId, app }) => corrId === 2n && app === 0);
  peer.send(part(2, body.subarray(0, third + 10), at(0)));
  t.strictSame(errorOf(await peer.take(({ corrId, app }) => corrId === 2n && app === APP)), rightError('stream_too_large', { corr: 2, app: APP }));
  peer.send(request(3, '', at(0)), start(4, '', at(0)), last(4, '', at(0)));
  t.equal((await peer.take(3)).payload.length, 0);
  t.equal((await peer.take(4)).payload.length, 0);
  t.strictSame(sizes, [CALL_BYTES_MAX, 0, 0]);
  await node.calm(1);
});

void t.test('a peer that lets go', async (t) => {
  const told: string[] = [];
  const waitFor = async (call: Call): Promise<never> => {
    await new Promise((resolve) => {
      call.signal.addEventListener('abort', resolve);
    });
    told.push('aborted');
    throw new Error('what the operation makes of it');
  };
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        yield new Uint8Array(100_000);
        await turn();
      }
    } finally {
      told.push('returned');
    }
  }
  await using node = await nodeOf({
    0: waitFor,
    1: async (call) => {
      await call.bytes().catch((error: unknown) => {
        told.push((error as OapError).reason);
        throw error;
      });
      return '';
    },
    2: () => endless(),
  });
  await using peer = await Peer.open(node.address, { initial_window: STREAM_WINDOW_BYTES_MIN });
  const route = node.bus.route(APP);
  peer.send(request(1, '', at(0)), start(2, 'x', at(1)), request(3, '', at(2)));
  await until('all to run', () => route?.requests === 3);
  await turn(5);
  peer.send(cancel(1), cancel(2), cancel(3));
  await until('all to be told', () => told.length === 3);
  t.strictSame(told.toSorted(), ['aborted', 'cancelled', 'returned']);
  await node.calm(1);
  told.length = 0;
  peer.send(request(1, '', at(0)), start(2, 'x', at(1)), request(3, '', at(2)));
  await until('all to run', () => route?.requests === 6);
  await turn(5);
  peer.reset();
  await until('all to be told', () => told.length === 3);
  t.equal(node.rejected('service_crashed'), 0, 'nobody is left to hear of a failure');
  t.equal(route?.available, true);
  await node.calm(0);
});

void t.test('a reply waits for the credit of its reader', async (t) => {
  let made = 0;
  async function* source(): AsyncGenerator<Uint8Array> {
    for (let n = 0; n < 100; n++) {
      made++;
      yield pattern(10_000, n);
      await Promise.resolve();
    }
  }
  await using node = await nodeOf({ 0: () => source() });
  await using peer = await Peer.open(node.address, { initial_window: 50_000 });
  peer.send(request(1, '', at(0)));
  await settled(() => peer.inbox.length, 30);
  t.ok(made <= 7, `${made} parts were made for 5 that could be sent`);
  while (!peer.inbox.some(isLast)) {
    peer.send(credit(1, 100_000));
    await settled(() => peer.inbox.length, 10);
  }
  const wanted = Buffer.concat(Array.from({ length: 100 }, (_, n) => pattern(10_000, n)));
  t.equal(Buffer.concat(peer.inbox.map(({ payload }) => payload)).compare(wanted), 0);
  await node.calm(1);
});

void t.test('an event is run like a request, and only its failure is told', async (t) => {
  const ran: string[] = [];
  await using node = await nodeOf({
    0: async (call) => {
      ran.push(await call.text());
      return 'not told';
    },
    1: () => {
      throw new OapError(Reject.bad_payload);
    },
  });
  await using peer = await Peer.open(node.address);
  peer.send(frame(1, Flag.EVENT | Flag.START | Flag.END, 'one', at(0)), frame(2, Flag.EVENT | Flag.START, 't', at(0)), frame(2, Flag.EVENT | Flag.END, 'wo', at(0)), frame(3, Flag.EVENT | Flag.START | Flag.END, '', at(1)));
  t.strictSame(errorOf(await peer.take(3)), rightError('bad_payload', { corr: 3, app: APP }));
  await until('both', () => ran.length === 2);
  t.strictSame(ran, ['one', 'two']);
  await node.calm(1);
  t.equal(peer.inbox.length, 0);
});

void t.test('small parts that nobody reads yet are not dear', async (t) => {
  let go: (() => void) | undefined;
  await using node = await nodeOf({
    0: async (call) => {
      await new Promise<void>((resolve) => (go = resolve));
      const parts: Uint8Array[] = [];
      for await (const piece of call) parts.push(piece);
      return Buffer.concat(parts);
    },
  });
  await using peer = await Peer.open(node.address);
  const body = pattern(100_000, 5);
  const frames = Buffer.concat(Array.from(body, (_, n) => part(1, body.subarray(n, n + 1), at(0))));
  const before = await reachableBytes();
  peer.send(start(1, '', at(0)), frames, ping(9));
  await peer.take(9);
  const grown = (await reachableBytes()) - before;
  t.ok(grown < body.length * 20, `${grown} bytes for ${body.length} parts of 1 byte`);
  peer.send(last(1, 'z', at(0)));
  go?.();
  const got: Uint8Array[] = [];
  for (let ended = false; !ended; ) {
    const reply = await peer.take(({ app }) => app === APP);
    got.push(reply.payload);
    ended = isLast(reply);
  }
  t.equal(Buffer.concat(got).compare(Buffer.concat([body, Buffer.from('z')])), 0);
});

void t.test('a service says itself who may call it', (t) => {
  const operations = { 0: () => 'x' };
  t.equal(defineService({ appProtoId: APP, name: 'shy', operations }).access, 'capability');
  t.equal(defineService({ appProtoId: APP, name: 'shy', access: 'open', operations }).access, 'open');
  t.end();
});
