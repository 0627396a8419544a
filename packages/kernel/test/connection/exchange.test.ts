import t from 'tap';
import { STREAM_WINDOW_BYTES_MIN } from '../../src/limits.ts';
import type { RequestBody, Service } from '../../src/service.ts';
import { OapError } from '../../src/wire/oap-error.ts';
import { defineReject, Reject } from '../../src/wire/reject.ts';
import { errorOf, rightError } from '../fixtures/attack.ts';
import { bodyOf, cancel, credit, frame, last, part, pattern, ping, request, start, textOf } from '../fixtures/frames.ts';
import { assertServed, TestNode } from '../fixtures/node.ts';
import { Peer } from '../fixtures/peer.ts';
import type { HeldCall } from '../fixtures/services.ts';
import { HELD, HeldService } from '../fixtures/services.ts';
import { pause, turn, until } from '../fixtures/until.ts';
import { Flag } from '../../src/wire/header.ts';

const atHeld = { app: HELD };
const to = (corr: number): { corr: number; app: number } => ({ corr, app: HELD });
const boom = (): never => {
  throw new Error('boom');
};

interface Misbehaving {
  readonly name: string;
  /** What the service does when it is called. */
  readonly act: (call: HeldCall) => void;
  readonly send?: readonly Uint8Array[];
  /** Reason of the error reply, 200 for a reply, nothing for none. */
  readonly answer?: keyof typeof Reject | 200;
  readonly crashes?: true;
}

const whole = [request(1, 'x', atHeld)];
const stream = [start(1, 'x', atHeld), part(1, 'y', atHeld), last(1, 'z', atHeld)];
const cancelled = [start(1, 'x', atHeld), part(1, 'y', atHeld), cancel(1)];
const endWith = ({ reply, request: { payload } }: HeldCall): void => {
  reply.end(200, payload);
};

const services: readonly Misbehaving[] = [
  { name: 'throws', act: boom, answer: 'internal', crashes: true },
  { name: 'throws at a stream', act: boom, send: stream, answer: 'internal', crashes: true },
  { name: 'throws what is no error', act: () => { throw 'text'; }, answer: 'internal', crashes: true }, // eslint-disable-line @typescript-eslint/only-throw-error
  { name: 'throws after its reply', act: (call) => { endWith(call); boom(); }, answer: 200, crashes: true },
  { name: 'throws after a part of its reply', act: ({ reply }) => { reply.write(200, pattern(9, 1)); boom(); }, answer: 'internal', crashes: true },
  { name: 'refuses by throwing', act: () => { throw new OapError(Reject.bad_payload); }, answer: 'bad_payload' },
  { name: 'refuses by failing', act: ({ reply }) => { reply.fail(new OapError(Reject.bad_payload)); }, answer: 'bad_payload' },
  { name: 'refuses a stream at once', act: ({ reply }) => { reply.fail(new OapError(Reject.bad_payload)); }, send: stream, answer: 'bad_payload' },
  { name: 'fails and then throws', act: ({ reply }) => { reply.fail(new OapError(Reject.bad_payload)); boom(); }, answer: 'bad_payload', crashes: true },
  { name: 'answers twice', act: (call) => { endWith(call); endWith(call); call.reply.fail(new OapError(Reject.internal)); call.reply.write(200, pattern(9, 1)); }, answer: 200 },
  { name: 'answers a stream before its end', act: endWith, send: stream, answer: 200 },
  { name: 'throws in onData', act: (call) => { call.on.onData = boom; }, send: stream, answer: 'internal', crashes: true },
  { name: 'throws in onEnd', act: (call) => { call.on.onEnd = boom; }, send: stream, answer: 'internal', crashes: true },
  { name: 'refuses in onData', act: (call) => { call.on.onData = () => { throw new OapError(Reject.bad_payload); }; }, send: stream, answer: 'bad_payload' },
  { name: 'refuses in onEnd', act: (call) => { call.on.onEnd = () => { throw new OapError(Reject.bad_payload); }; }, send: stream, answer: 'bad_payload' },
  { name: 'throws in onCancel', act: (call) => { call.on.onCancel = boom; }, send: cancelled, crashes: true },
  { name: 'throws in onCancel after onData threw', act: (call) => { call.on.onData = boom; call.on.onCancel = boom; }, send: stream, answer: 'internal', crashes: true },
  { name: 'answers in onData', act: (call) => { call.on.onData = () => { endWith(call); }; }, send: stream, answer: 200 },
  { name: 'answers in onEnd', act: (call) => { call.on.onEnd = () => { endWith(call); }; }, send: stream, answer: 200 },
  { name: 'answers in onCancel', act: (call) => { call.on.onCancel = () => { endWith(call); call.reply.write(200, pattern(5, 1)); call.reply.consumed(1); call.reply.fail(new OapError(Reject.internal)); }; }, send: cancelled },
  { name: 'consumes what never came', act: (call) => { call.reply.consumed(1e9); endWith(call); call.reply.consumed(1e9); }, answer: 200 },
];

void t.test('a service that', async (t) => {
  for (const { name, act, send, answer, crashes } of services) {
    const held = new HeldService();
    held.onCall = act;
    await using node = await TestNode.start({ services: [held] });
    await using peer = await Peer.open(node.address);
    await using bystander = await Peer.open(node.address);
    peer.send(...(send ?? whole), ping(99));
    await peer.take(99);
    if (answer === 200) t.equal(textOf(await peer.take(1)), 'x', name);
    else if (answer !== undefined) t.strictSame(errorOf(await peer.take(({ code }) => code >= 400)), rightError(answer, to(1)), name);
    t.equal(node.rejected('service_crashed'), crashes === true ? 1 : 0, `${name}: crashes`);
    t.equal(node.metrics.glitches, 0, `${name}: no fault of the peer`);
    await assertServed(peer);
    const rest = peer.inbox.filter(({ code }) => code !== 200);
    t.equal(rest.length, 0, `${name}: nothing else`);
    await assertServed(bystander);
    await node.calm(2);
  }
});

void t.test('a service that answers a stream with nothing to receive it', async (t) => {
  const deaf: Service = { appProtoId: 301, name: 'deaf', access: 'open', onRequest: () => undefined };
  await using node = await TestNode.start({ services: [deaf] });
  await using peer = await Peer.open(node.address);
  peer.send(start(1, '', { app: 301 }), last(1, '', { app: 301 }));
  t.strictSame(errorOf(await peer.take(1)), rightError('internal', { corr: 1, app: 301 }));
  t.equal(node.rejected('service_crashed'), 1);
  await node.calm(1);
});

void t.test('a service whose receiver has no methods', async (t) => {
  const silent: Service = { appProtoId: 301, name: 'silent', access: 'open', onRequest: (): RequestBody => ({}) };
  await using node = await TestNode.start({ services: [silent] });
  await using peer = await Peer.open(node.address);
  peer.send(start(1, 'a', { app: 301 }), part(1, 'b', { app: 301 }), last(1, 'c', { app: 301 }), cancel(1), start(2, '', { app: 301 }));
  await assertServed(peer);
  t.equal(node.metrics.inflight, 1);
  await peer[Symbol.asyncDispose]();
  await node.calm(0);
  t.strictSame(node.allRejected, {});
});

void t.test('a service that never answers holds nothing once the peer is gone', async (t) => {
  const held = new HeldService();
  await using node = await TestNode.start({ services: [held] });
  for (const leave of ['reset', 'fin', 'destroy'] as const) {
    const peer = await Peer.open(node.address);
    const before = held.calls.length;
    peer.send(...Array.from({ length: 100 }, (_, n) => [request(n, pattern(1_000, n), atHeld), start(1_000 + n, 'x', atHeld)]).flat());
    await held.call(before + 199);
    if (leave === 'reset') peer.reset();
    else if (leave === 'fin') peer.socket.end();
    else peer.socket.destroy();
    const streams = held.calls.slice(before).filter(({ request: { complete } }) => !complete);
    await until('the streams to be cancelled', () => streams.every(({ heard }) => heard.includes('cancel')));
    if (leave !== 'reset') {
      // Closing a socket looks just like closing its half, until something is written.
      await pause(20);
      t.equal(node.metrics.inflight, 100, 'what came in full is still owed');
      for (const { reply } of held.calls) reply.end(200);
    }
    if (leave === 'fin') {
      t.equal(await peer.ended(), 'fin');
      t.equal(peer.inbox.length, 100);
    }
    await peer[Symbol.asyncDispose]();
    await node.calm(0);
    t.ok(held.calls.every(({ heard, reply }) => reply.ended && (leave !== 'reset' || heard.filter((event) => event === 'cancel').length === 1)));
    for (const { reply } of held.calls) reply.end(200, pattern(100, 1));
  }
});

void t.test('a service may act on any exchange from any callback', async (t) => {
  const held = new HeldService();
  await using node = await TestNode.start({ services: [held] });
  await using peer = await Peer.open(node.address, { initial_window: STREAM_WINDOW_BYTES_MIN });
  const all = Array.from({ length: 30 }, (_, n) => n);
  peer.send(...all.map((n) => start(n, 'x', atHeld)));
  await held.call(29);
  const [first, ...others] = held.calls as [HeldCall, ...HeldCall[]];
  for (const { reply } of held.calls) reply.write(200, pattern(5_000, 1));

  // While the others wait for credit, the first one's callback ends, fails, and cancels them in all ways.
  let drains = 0;
  first.on.onDrain = () => {
    if (drains++ > 0) return;
    for (const [n, { reply }] of others.entries()) {
      if (n % 3 === 0) reply.fail(new OapError(Reject.bad_payload));
      else if (n % 3 === 1) reply.end(200, pattern(10, 2));
      else reply.write(200, pattern(10, 3));
    }
    first.reply.write(200, pattern(10, 4));
    first.reply.end(200, pattern(10, 5));
  };
  peer.send(credit(0, 4_000), ...all.map((n) => credit(n, 10_000)));
  for (const [n] of others.entries()) {
    if (n % 3 === 0) t.strictSame(errorOf(await peer.take(({ code, corrId }) => code === 400 && corrId === BigInt(n + 1))), rightError('bad_payload', to(n + 1)));
  }
  const bytesFrom = (corr: number): Buffer => Buffer.concat(peer.inbox.filter(({ corrId, app }) => app === HELD && corrId === BigInt(corr)).map(({ payload }) => payload));
  await until('the first reply', () => bytesFrom(0).length === 5_020);
  t.equal(bytesFrom(0).compare(Buffer.concat([pattern(5_000, 1), pattern(10, 4), pattern(10, 5)])), 0);
  await until('the second', () => bytesFrom(2).length === 5_010);
  await until('the third', () => bytesFrom(3).length === 5_010);
  t.equal(node.metrics.inflight, 9);
  peer.reset();
  await node.calm(0);
});

void t.test('exchanges that end each other while a slow reader is served in turn', async (t) => {
  const held = new HeldService();
  await using node = await TestNode.start({ services: [held] });
  await using peer = await Peer.open(node.address, { initial_window: 16_777_216 });
  peer.socket.pause();
  const count = 12;
  peer.send(...Array.from({ length: count }, (_, n) => start(n, '', atHeld)));
  await held.call(count - 1);
  for (const [n, call] of held.calls.entries()) {
    call.reply.write(200, pattern(1_000_000, n));
    // Whoever is served first ends a neighbour, asks to be ended by another, and writes more.
    call.on.onDrain = () => {
      held.calls[(n + 1) % count]?.reply.fail(new OapError(Reject.bad_payload));
      held.calls[(n + 5) % count]?.reply.end(200, pattern(10, 10));
      call.reply.write(200, pattern(70_000, n));
      call.reply.end(200);
    };
  }
  await turn(20);
  peer.socket.resume();
  const ended = new Set<bigint>();
  await until('an end of each', () => {
    for (const { corrId, flags } of peer.inbox) if ((flags & Flag.END) !== 0) ended.add(corrId);
    return ended.size === count;
  });
  await node.calm(1);
  await assertServed(peer);
  for (let n = 0; n < count; n++) {
    const frames = peer.inbox.filter(({ corrId }) => corrId === BigInt(n));
    t.equal(frames.filter(({ flags }) => (flags & Flag.END) !== 0).length, 1, `one end of ${n}`);
    t.equal(frames.findIndex(({ flags }) => (flags & Flag.END) !== 0), frames.length - 1, `and nothing behind it`);
  }
});

void t.test('a refusal carries what its service knows, and reasons of its own', async (t) => {
  const held = new HeldService();
  await using node = await TestNode.start({ services: [held] });
  await using peer = await Peer.open(node.address);
  const quota = defineReject('quota_test', 429, true, 'K', 'Wait a little.');
  peer.send(request(1, '', atHeld), request(2, '', atHeld));
  const cause = new Error('the database at 10.0.0.1 is gone');
  (await held.call(0)).reply.fail(new OapError(quota, { message: 'Too much.', retryAfterMs: 250, detail: { limit: 5 }, cause }));
  (await held.call(1)).reply.fail(new OapError(quota, { message: 'x'.repeat(5_000) }));
  const told = await peer.take(1);
  t.equal(told.code, 429);
  t.strictSame(bodyOf(told), { reason: 'quota_test', message: 'Too much. Wait a little.', retry_after_ms: 250, detail: { limit: 5 } });
  t.equal((bodyOf(await peer.take(2)).message as string).length, 1_024);
  t.equal(node.rejected('quota_test'), 2);
  t.equal(node.metrics.glitches, 0);
});

void t.test('the mark of ciphertext reaches the service and comes back', async (t) => {
  const held = new HeldService();
  await using node = await TestNode.start({ services: [held] });
  await using peer = await Peer.open(node.address, { initial_window: STREAM_WINDOW_BYTES_MIN });
  peer.send(frame(1, Flag.REQ | Flag.START | Flag.END | Flag.APP_E2E, 'secret', atHeld));
  const call = await held.call();
  t.ok((call.request.flags & Flag.APP_E2E) !== 0);
  // Flags that are not the service's to set are left out.
  call.reply.end(200, pattern(3_000, 1), 0xffff);
  await until('what credit allows', () => peer.inbox.length > 0);
  peer.send(credit(1, 10_000));
  await until('the end', () => peer.inbox.some(({ flags }) => (flags & Flag.END) !== 0));
  for (const { flags } of peer.inbox) t.equal(flags & ~(Flag.START | Flag.END), Flag.RESP | Flag.APP_E2E);
});
