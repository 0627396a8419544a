import t from 'tap';
import { openServicesOnly } from '../../src/admission.ts';
import type { Admission } from '../../src/admission.ts';
import {
  ACK_REQUESTS_PER_SECOND_MAX,
  EMPTY_FRAMES_MAX,
  ENDED_REQUESTS_REMEMBERED,
  ERROR_FRAMES_PER_SECOND_MAX,
  GLITCHES_MAX,
  STREAM_WINDOW_BYTES,
  UNKNOWN_CORR_ANSWERS_MAX,
  YOUNG_CANCEL_MS,
  YOUNG_CANCELS_MAX,
} from '../../src/limits.ts';
import { ControlOp } from '../../src/wire/control.ts';
import { Flag } from '../../src/wire/header.ts';
import type { Service } from '../../src/service.ts';
import type { Attack } from '../fixtures/attack.ts';
import { errorOf, outcomeOf, rightError, rightOutcome } from '../fixtures/attack.ts';
import { bodyOf, cancel, credit, ECHO, frame, last, NOBODY, part, pattern, ping, request, start, textOf, WHOLE } from '../fixtures/frames.ts';
import { assertServed, TestClock, TestNode } from '../fixtures/node.ts';
import { Peer } from '../fixtures/peer.ts';
import { HELD, HeldService } from '../fixtures/services.ts';
import { turn, until } from '../fixtures/until.ts';

const PROTECTED = 400;
const protectedService: Service = { appProtoId: PROTECTED, name: 'vault', access: 'capability', onRequest: () => undefined };
const TENANT = '00112233445566778899aabbccddeeff';
const to = { corr: 5, app: ECHO };
const toHeld = { corr: 5, app: HELD };
const atHeld = { app: HELD };
const opened = start(5, 'x', atHeld);

const attacks: readonly Attack[] = [
  { name: 'no kind', send: [frame(5, WHOLE)], reaction: 'K', reason: 'bad_flags', to },
  { name: 'REQ and RESP', send: [frame(5, WHOLE | 3)], reaction: 'K', reason: 'bad_flags', to },
  { name: 'REQ and EVENT', send: [frame(5, WHOLE | 5)], reaction: 'K', reason: 'bad_flags', to },
  { name: 'RESP and EVENT', send: [frame(5, WHOLE | 6)], reaction: 'K', reason: 'bad_flags', to },
  { name: 'all kinds', send: [frame(5, WHOLE | 7)], reaction: 'K', reason: 'bad_flags', to },
  { name: 'two kinds in an open stream, which ends', send: [opened, frame(5, 5, '', atHeld)], reaction: 'K', reason: 'bad_flags', to: toHeld },
  { name: 'COMP in an open stream, which ends', send: [opened, frame(5, 1 | Flag.COMP, '', atHeld), last(5, '', atHeld)], reaction: 'K', reason: 'comp_unsupported', to: toHeld },
  { name: 'a stream of COMP', send: [frame(5, 9 | Flag.COMP), frame(5, 1 | Flag.COMP), frame(5, 17 | Flag.COMP)], reaction: 'K', reason: 'comp_unsupported', to },
  { name: 'an unknown app', send: [request(5, '', { app: NOBODY, tenant: TENANT })], reaction: 'K', reason: 'app_unknown', to: { corr: 5, app: NOBODY, tenant: TENANT } },
  { name: 'a stream to an unknown app', send: [start(5, 'x', { app: NOBODY }), part(5, 'y', { app: NOBODY }), last(5, 'z', { app: NOBODY })], reaction: 'K', reason: 'app_unknown', to: { corr: 5, app: NOBODY } },
  { name: 'an event to an unknown app', send: [frame(5, Flag.EVENT | WHOLE, '', { app: NOBODY })], reaction: 'K', reason: 'app_unknown', to: { corr: 5, app: NOBODY } },
  { name: 'an unknown operation', send: [request(5, '', { code: 9 })], reaction: 'K', reason: 'op_unknown', to },
  { name: 'a protected app without a capability', send: [request(5, '', { app: PROTECTED })], reaction: 'K', reason: 'cap_missing', to: { corr: 5, app: PROTECTED } },
  { name: 'a continuation of nothing', send: [part(5)], reaction: 'K', reason: 'corr_unknown', to },
  { name: 'START twice', send: [opened, start(5, 'y', atHeld), last(5, 'z', atHeld)], reaction: 'K', reason: 'bad_state', to: toHeld },
  { name: 'another app in mid-stream', send: [opened, part(5)], reaction: 'K', reason: 'bad_state', to: toHeld },
  { name: 'another code in mid-stream', send: [opened, part(5, '', { ...atHeld, code: 1 })], reaction: 'K', reason: 'bad_state', to: toHeld },
  { name: 'another tenant in mid-stream', send: [opened, part(5, '', { ...atHeld, tenant: TENANT })], reaction: 'K', reason: 'bad_state', to: toHeld },
  { name: 'another kind in mid-stream', send: [opened, frame(5, Flag.EVENT, '', atHeld)], reaction: 'K', reason: 'bad_state', to: toHeld },
  {
    name: 'more than the credit',
    send: [opened, part(5, new Uint8Array(STREAM_WINDOW_BYTES - 1_000), atHeld), part(5, new Uint8Array(1_000), atHeld), last(5, '', atHeld)],
    reaction: 'K',
    reason: 'credit_exceeded',
    to: toHeld,
  },
  { name: 'more than the service takes', send: [opened, part(5, new Uint8Array(200_000), atHeld)], reaction: 'K', reason: 'stream_too_large', to: toHeld },
  { name: 'an unsolicited reply', send: [frame(5, Flag.RESP | WHOLE, '', { code: 200 })], reaction: 'D', reason: 'corr_unknown' },
  { name: 'an unsolicited error', send: [frame(5, Flag.RESP | WHOLE, '', { code: 404 })], reaction: 'D', reason: 'corr_unknown' },
  { name: 'CREDIT for nothing', send: [credit(5, 10)], reaction: 'D', reason: 'corr_unknown' },
  { name: 'CREDIT of 3 bytes', send: [frame(5, Flag.EVENT, 'abc', { app: 0, code: ControlOp.CREDIT })], reaction: 'D', reason: 'bad_payload' },
  { name: 'CANCEL for nothing', send: [cancel(5)], reaction: 'D', reason: 'corr_unknown' },
  {
    name: 'empty frames without end',
    send: [opened, ...Array.from({ length: EMPTY_FRAMES_MAX + 1 }, () => part(5, '', atHeld))],
    reaction: 'C',
    reason: 'flood',
  },
  {
    name: 'demands for credit',
    send: [opened, ...Array.from({ length: ACK_REQUESTS_PER_SECOND_MAX + 1 }, () => frame(5, Flag.REQ | Flag.ACK_REQ, 'x', atHeld))],
    reaction: 'C',
    reason: 'flood',
  },
  {
    name: 'streams begun and cancelled',
    send: Array.from({ length: YOUNG_CANCELS_MAX }, (_, n) => [start(n, '', atHeld), cancel(n)]).flat(),
    reaction: 'C',
    reason: 'cancel_flood',
  },
];

void t.test('what breaks the rules of messages', async (t) => {
  const held = new HeldService();
  await using node = await TestNode.start({ services: [held, protectedService] });
  await using bystander = await Peer.open(node.address);
  for (const attack of attacks) {
    if (attack.reason === 'stream_too_large') continue;
    t.strictSame(await outcomeOf(node, bystander, attack), rightOutcome(attack), attack.name);
  }
  t.equal(node.metrics.connections, 1);
  t.notOk(held.calls.find(({ heard }) => !heard.includes('cancel')), 'the service heard of the end of each stream');
});

void t.test('a stream beyond what its service takes', async (t) => {
  const held = new HeldService();
  held.requestBytesMax = 100_000;
  await using node = await TestNode.start({ services: [held] });
  await using bystander = await Peer.open(node.address);
  for (const attack of attacks.filter(({ reason }) => reason === 'stream_too_large')) {
    t.strictSame(await outcomeOf(node, bystander, attack), rightOutcome(attack), attack.name);
  }
  await using peer = await Peer.open(node.address);
  peer.send(start(1, 'x', atHeld), ...Array.from({ length: 100 }, () => part(1, new Uint8Array(1_000), atHeld)));
  t.strictSame(errorOf(await peer.take(1)), rightError('stream_too_large', { corr: 1, app: HELD }), 'in many frames');
});

/** Faults that make the node do work each time; every element is one fault. */
const provocations: Record<string, (n: number) => readonly Uint8Array[]> = {
  'START twice': (n) => [start(n, 'x', atHeld), start(n, 'x', atHeld)],
  'a continuation that does not fit': (n) => [start(n, 'x', atHeld), part(n, 'x')],
  'two kinds in mid-stream': (n) => [start(n, 'x', atHeld), frame(n, 5, 'x', atHeld)],
  'COMP in mid-stream': (n) => [start(n, 'x', atHeld), frame(n, 1 | Flag.COMP, 'x', atHeld)],
  'unknown apps': (n) => [request(n, '', { app: 1_000 + n })],
  'streams to unknown apps': (n) => [start(n, '', { app: 1_000 + n })],
  'dup corr_ids': (n) => [n === 0 ? request(7, '', atHeld) : ping(7), request(7, '', atHeld)],
  HELLO: (n) => [request(n, '', { app: 0 })],
  'replies': (n) => [frame(n, Flag.RESP | WHOLE)],
  'CREDIT for nothing': (n) => [credit(n, 1)],
};

void t.test('provoking refusals in a loop ends the connection at the budget', async (t) => {
  const held = new HeldService();
  await using node = await TestNode.start({ services: [held] });
  await using bystander = await Peer.open(node.address);
  for (const [name, provoke] of Object.entries(provocations)) {
    await using peer = await Peer.open(node.address);
    const { glitches } = node.metrics;
    const calls = held.calls.length;
    peer.send(...Array.from({ length: 3 * GLITCHES_MAX }, (_, n) => provoke(n)).flat());
    t.strictSame(errorOf(await peer.take(({ code }) => code === 429)), rightError('flood'), name);
    t.equal(await peer.ended(), 'fin');
    t.equal(node.metrics.glitches - glitches, GLITCHES_MAX);
    const errors = peer.inbox.filter(({ code }) => code >= 400).length;
    t.ok(errors <= ERROR_FRAMES_PER_SECOND_MAX, `${errors} error frames`);
    t.ok(held.calls.length - calls <= GLITCHES_MAX, 'no service was bothered any more often');
    await assertServed(bystander);
  }
  await node.calm(1);
});

void t.test('every unknown app_proto_id is refused', async (t) => {
  await using node = await TestNode.start();
  for (let app = 2; app <= 0xffff; app += GLITCHES_MAX - 1) {
    await using peer = await Peer.open(node.address);
    const apps = Array.from({ length: GLITCHES_MAX - 1 }, (_, n) => app + n).filter((id) => id <= 0xffff);
    peer.send(...apps.map((id) => request(id, '', { app: id })), ping(1));
    await peer.take(1);
    if (peer.inbox.some(({ code, corrId }) => code !== 404 || Number(corrId) < app)) t.fail(`apps from ${app}`);
  }
  t.equal(node.rejected('app_unknown'), 0xffff - 1);
  await node.calm(0);
});

void t.test('a corr_id in flight', async (t) => {
  const held = new HeldService();
  await using node = await TestNode.start({ services: [held] });
  await using peer = await Peer.open(node.address);
  peer.send(request(5, 'first', atHeld));
  const first = await held.call(0);
  peer.send(request(5, 'second'), start(5, 'third', atHeld), part(5, 'of the third', atHeld));
  t.strictSame(errorOf(await peer.take(5)), rightError('corr_dup', to));
  t.strictSame(errorOf(await peer.take(5)), rightError('corr_dup', toHeld));
  await assertServed(peer);
  t.equal(held.calls.length, 1);
  first.reply.end(200, first.request.payload);
  t.equal(textOf(await peer.take(5)), 'first', 'the first request is not harmed');
  // The same corr_id right behind its end, many times in one segment.
  peer.send(...Array.from({ length: 300 }, (_, n) => [request(5, `${n}`), start(5, 'a'), last(5, `${n}`)]).flat());
  await until('600 replies', () => peer.inbox.filter(({ flags }) => (flags & Flag.END) !== 0).length === 600);
  t.equal(peer.inbox.filter(({ payload }) => payload.length > 0).map(textOf).join(' '), Array.from({ length: 300 }, (_, n) => `${n} a ${n}`).join(' '));
  await node.calm(1);
});

void t.test('continuations of what is over', async (t) => {
  const held = new HeldService();
  await using node = await TestNode.start({ services: [held] });

  await t.test('of an unknown corr_id are answered 16 times', async (t) => {
    await using peer = await Peer.open(node.address);
    peer.send(...Array.from({ length: 40 }, (_, n) => part(n)), ping(99));
    await peer.take(99);
    t.equal(peer.inbox.length, UNKNOWN_CORR_ANSWERS_MAX);
    t.equal(node.rejected('corr_unknown'), 40);
    t.equal(node.metrics.glitches, 40);
  });

  await t.test('of a stream the node ended are dropped while they fit its credit', async (t) => {
    await using peer = await Peer.open(node.address);
    const { glitches } = node.metrics;
    peer.send(start(1, 'x', atHeld));
    (await held.call(0)).reply.end(202);
    await peer.take(1);
    const rest = Math.floor((STREAM_WINDOW_BYTES - 1) / 1_000);
    peer.send(...Array.from({ length: rest }, () => part(1, new Uint8Array(1_000), atHeld)), credit(1, 10), cancel(1));
    await assertServed(peer);
    t.equal(node.metrics.glitches, glitches);
    peer.send(...Array.from({ length: 2 * rest }, () => part(1, new Uint8Array(1_000), atHeld)), ping(9));
    const told = await peer.take(({ corrId }) => corrId !== 4_711n);
    t.ok(told.code === 409 || told.code === 429, 'but not without end');
  });

  await t.test('CANCEL and CREDIT may cross the end of the last exchanges', async (t) => {
    await using peer = await Peer.open(node.address);
    const { glitches } = node.metrics;
    const ids = Array.from({ length: ENDED_REQUESTS_REMEMBERED }, (_, n) => 100 + n);
    peer.send(...ids.map((id) => request(id)), ...ids.flatMap((id) => [cancel(id), credit(id, 1)]), ping(1));
    await peer.take(1);
    t.equal(node.metrics.glitches, glitches);
    peer.send(request(500), ping(2), cancel(100), ping(3));
    await peer.take(3);
    t.equal(node.metrics.glitches, glitches + 1, 'those before them are forgotten');
  });
});

void t.test('CREDIT may cross the end of all that was in flight', async (t) => {
  const held = new HeldService();
  await using node = await TestNode.start({ services: [held] });
  await using peer = await Peer.open(node.address);
  const ids = Array.from({ length: 10 * ENDED_REQUESTS_REMEMBERED }, (_, n) => n + 1);
  peer.send(...ids.map((id) => request(id, 'x', atHeld)));
  await held.call(ids.length - 1);
  for (const { reply } of held.calls) reply.end(200);
  await peer.take(ids.length);
  peer.send(...ids.flatMap((id) => [credit(id, 1), cancel(id)]));
  await assertServed(peer);
  t.equal(node.metrics.glitches, 0);
});

void t.test('cancelling is no offence when requests had their time', async (t) => {
  const held = new HeldService();
  const clock = new TestClock();
  await using node = await TestNode.start({ services: [held], clock });
  await using peer = await Peer.open(node.address);
  const ids = Array.from({ length: 4 * YOUNG_CANCELS_MAX }, (_, n) => n + 1);
  peer.send(...ids.map((id) => start(id, '', atHeld)));
  await held.call(ids.length - 1);
  await clock.pass(YOUNG_CANCEL_MS);
  peer.send(...ids.map((id) => cancel(id)));
  await assertServed(peer);
  await node.calm(1);
  t.strictSame(node.allRejected, {});
  // CANCEL of what was answered already is ordinary as well.
  peer.send(...ids.flatMap((id) => [request(id), cancel(id)]));
  await assertServed(peer);
  t.strictSame(node.allRejected, {});
});

void t.test('demands for credit that bring some are no offence', async (t) => {
  await using node = await TestNode.start();
  await using peer = await Peer.open(node.address);
  const rounds = 5 * ACK_REQUESTS_PER_SECOND_MAX;
  peer.send(frame(1, Flag.REQ | Flag.START | Flag.ACK_REQ, 'x'), ...Array.from({ length: rounds }, () => frame(1, Flag.REQ | Flag.ACK_REQ, 'x')), last(1));
  const isGrant = ({ app, code }: { app: number; code: number }): boolean => app === 0 && code === ControlOp.CREDIT;
  await until('the end', () => peer.inbox.some(({ flags, app }) => app === ECHO && (flags & Flag.END) !== 0));
  const grants = peer.inbox.filter(isGrant);
  t.equal(grants.length, rounds + 1);
  t.ok(grants.every(({ payload }) => Buffer.from(payload).readUInt32BE() === 1));
  t.strictSame(node.allRejected, {});
});

void t.test('a demand for credit on the frame that ends an exchange brings nothing', async (t) => {
  const held = new HeldService();
  await using node = await TestNode.start({ services: [held] });
  await using peer = await Peer.open(node.address);
  held.onCall = (call) => {
    call.on.onData = (payload) => {
      call.reply.consumed(payload.length);
      call.reply.end(200);
    };
  };
  peer.send(start(1, 'x', atHeld), frame(1, Flag.REQ | Flag.ACK_REQ, 'y', atHeld), ping(9));
  await peer.take(9);
  t.strictSame(peer.inbox.map(({ app, code }) => [app, code]), [[HELD, 200]]);
});

void t.test('events', async (t) => {
  const held = new HeldService();
  await using node = await TestNode.start({ services: [held] });
  await using peer = await Peer.open(node.address);
  const event = Flag.EVENT | WHOLE;
  peer.send(frame(1, event), frame(2, event, 'kept', atHeld), frame(3, Flag.EVENT | Flag.START, 'a', atHeld), frame(3, Flag.EVENT | Flag.END, 'b', atHeld));
  const streamed = await held.call(1);
  await until('the end', () => streamed.heard.includes('end'));
  t.ok(held.calls.every(({ request }) => request.oneWay));
  t.equal(node.metrics.inflight, 2);
  for (const { reply } of held.calls) {
    t.equal(reply.write(200, pattern(100, 1)), true);
    reply.end(200, pattern(100, 1));
  }
  await assertServed(peer);
  t.equal(peer.inbox.length, 0, 'nothing is answered');
  peer.send(frame(9, event, '', { code: 9 }));
  t.strictSame(errorOf(await peer.take(9)), rightError('op_unknown', { corr: 9, app: ECHO }), 'but a refusal is');
  await node.calm(1);
});

void t.test('a capability is for admission only', async (t) => {
  const seen: string[] = [];
  const admission: Admission = {
    open: (peer) => {
      const inner = openServicesOnly.open(peer);
      return {
        hello: (...told) => {
          seen.push(`hello ${Buffer.from(told[1]).toString()}`);
          return inner.hello(...told);
        },
        message: (...told) => {
          seen.push(`message ${Buffer.from(told[2]).toString()}`);
          return inner.message(...told);
        },
        close: () => {
          seen.push('close');
        },
      };
    },
  };
  await using node = await TestNode.start({ admission });
  const peer = await Peer.open(node.address);
  const capability = new TextEncoder().encode('secret');
  peer.send(request(1, 'body', { capability }), start(2, 'a', { capability }), last(2, 'b'), request(3, 'c'));
  t.equal(textOf(await peer.take(1)), 'body', 'no byte of it reaches the service');
  t.equal(textOf(await peer.take(3)), 'c');
  await peer[Symbol.asyncDispose]();
  await node.calm(0);
  t.strictSame(seen, ['hello ', 'message secret', 'message secret', 'message ', 'close']);
  t.notMatch(JSON.stringify(node.log), /secret/);
});

void t.test('a handler that throws says nothing of itself', async (t) => {
  const failing: Service = {
    appProtoId: 500,
    name: 'failing',
    access: 'open',
    onRequest: () => {
      throw new Error('at secret/path.ts:1');
    },
  };
  await using node = await TestNode.start({ services: [failing] });
  await using peer = await Peer.open(node.address);
  peer.send(request(1, '', { app: 500 }), start(2, '', { app: 500 }), part(2, 'x', { app: 500 }));
  const error = await peer.take(1);
  t.strictSame(errorOf(error), rightError('internal', { corr: 1, app: 500 }));
  t.notMatch(JSON.stringify(bodyOf(error)), /secret|stack|\.ts/);
  t.strictSame(errorOf(await peer.take(2)), rightError('service_unavailable', { corr: 2, app: 500 }));
  t.equal(node.rejected('service_crashed'), 1);
  t.equal(node.metrics.glitches, 0, 'not the fault of the peer');
  await turn(5);
  await assertServed(peer);
  await node.calm(1);
});
