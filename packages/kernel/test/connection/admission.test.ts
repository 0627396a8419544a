import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import t from 'tap';
import { HEADER_BYTES, STREAM_WINDOW_BYTES, SWEEP_INTERVAL_MS } from '../../src/limits.ts';
import { defineService } from '../../src/define-service.ts';
import { ControlOp } from '../../src/wire/control.ts';
import type { Frame } from '../../src/wire/frame.ts';
import { Flag } from '../../src/wire/header.ts';
import { defineReject, Reject } from '../../src/wire/reject.ts';
import { makeCertificates } from '../fixtures/certificates.ts';
import { bodyOf, frame, hello, last, part, pattern, ping, request, start, textOf } from '../fixtures/frames.ts';
import { Gate } from '../fixtures/gate.ts';
import { assertServed, TestClock, TestNode } from '../fixtures/node.ts';
import { Peer } from '../fixtures/peer.ts';
import { HELD, HeldService } from '../fixtures/services.ts';
import { pause, until } from '../fixtures/until.ts';

const atHeld = { app: HELD, code: 7, tenant: '0'.repeat(31) + 'a' };
const OVER = defineReject('quota_bytes', 429, true, 'K', 'Wait.');
const GONE = defineReject('cap_revoked', 401, false, 'K', 'Ask again.');

const isCredit = ({ app, code, flags }: Frame): boolean => app === 0 && code === ControlOp.CREDIT && (flags & Flag.EVENT) !== 0;
const isRevoked = ({ app, code }: Frame): boolean => app === 0 && code === ControlOp.REVOKED;

void t.test('admission hears of what outlives its read, once each', async (t) => {
  const gate = new Gate();
  const held = new HeldService();
  await using node = await TestNode.start({ services: [held], admission: gate });
  await using peer = await Peer.open(node.address);
  await assertServed(peer);
  t.strictSame(gate.asked, ['hello ', 'message 0 '], 'nothing of a message that is over at once');
  gate.asked.length = 0;
  peer.send(start(1, 'abc', atHeld), part(1, 'defgh', atHeld), last(1, '', atHeld));
  const call = await held.call();
  await until('the end of the request', () => call.heard.includes('end'));
  await pause(20);
  call.reply.end(200);
  await peer.take(1);
  call.reply.end(200);
  const facts = '300/7/a';
  t.strictSame(gate.asked, ['message 7 ', 'began', `continued ${facts} ${HEADER_BYTES + 5} 8`, `continued ${facts} ${HEADER_BYTES} 8`, 'ended']);
  t.ok((gate.durationsMs[0] ?? 0) >= 19, `took ${gate.durationsMs[0]} ms`);
  gate.asked.length = 0;
  peer.send(request(2, '', atHeld), frame(3, Flag.EVENT | Flag.START | Flag.END, '', atHeld), start(4, '', atHeld));
  await held.call(3);
  peer.reset();
  await node.calm(0);
  t.strictSame([...gate.asked].sort(), ['began', 'began', 'began', 'close', 'ended', 'ended', 'ended', 'message 7 ', 'message 7 ', 'message 7 ']);
});

void t.test('the times it is told are those of the node', async (t) => {
  const clock = new TestClock();
  const gate = new Gate();
  await using node = await TestNode.start({ admission: gate, clock });
  await using peer = await Peer.open(node.address);
  await clock.pass(5_000);
  await assertServed(peer);
  t.strictSame(gate.timesMs, [1_000, 6_000]);
});

void t.test('a refusal may end the connection, with its answer', async (t) => {
  const gate = new Gate();
  await using node = await TestNode.start({ admission: gate });
  gate.onHello = { reject: OVER, retryAfterMs: 1_234, detail: { wait_ms: 9 }, close: true };
  await using early = await Peer.dial(node.address);
  early.send(hello({}));
  const answer = await early.take(0);
  t.match(bodyOf(answer), { reason: 'quota_bytes', retry_after_ms: 1_234, detail: { wait_ms: 9 } });
  t.equal(await early.ended(), 'fin');
  gate.onHello = undefined;
  await using peer = await Peer.open(node.address);
  gate.onMessage = { reject: GONE };
  peer.send(request(1, ''));
  t.equal(bodyOf(await peer.take(1)).reason, 'cap_revoked');
  gate.onMessage = { reject: GONE, close: true };
  peer.send(request(2, '', { tenant: atHeld.tenant }), request(3, ''));
  const last = await peer.take(2);
  t.equal(bodyOf(last).reason, 'cap_revoked');
  t.equal(last.tenant, atHeld.tenant);
  t.equal(await peer.ended(), 'fin');
  t.equal(peer.inbox.length, 0, 'nothing behind it is answered');
  t.equal(node.rejected('cap_revoked'), 2);
});

void t.test('a stream ends when one of its frames is refused', async (t) => {
  const gate = new Gate();
  const held = new HeldService();
  await using node = await TestNode.start({ services: [held], admission: gate });
  await using peer = await Peer.open(node.address);
  peer.send(start(1, 'a', atHeld), part(1, 'b', atHeld));
  const call = await held.call();
  await until('a part', () => call.heard.includes('data'));
  gate.onContinued = { reject: OVER, retryAfterMs: 1_500 };
  peer.send(part(1, 'c', atHeld), part(1, 'd', atHeld), last(1, 'e', atHeld));
  t.match(bodyOf(await peer.take(1)), { reason: 'quota_bytes', retry_after_ms: 1_500 });
  await assertServed(peer);
  t.strictSame(call.heard, ['data', 'cancel'], 'and the service hears nothing of the rest');
  t.equal(node.rejected('quota_bytes'), 1);
  t.equal(node.metrics.glitches, 0);
  await node.calm(1);
});

void t.test('credit waits for a sender who overdraws', async (t) => {
  const gate = new Gate();
  const held = new HeldService();
  await using node = await TestNode.start({ services: [held], admission: gate });
  await using peer = await Peer.open(node.address);
  peer.send(start(1, pattern(600_000, 1), atHeld));
  const call = await held.call();
  gate.isOverdrawn = true;
  call.reply.consumed(600_000);
  peer.send(part(1, 'x', atHeld), ping(9));
  await peer.take(9);
  await pause(3 * SWEEP_INTERVAL_MS);
  t.equal(peer.inbox.filter(isCredit).length, 0);
  peer.send(frame(1, Flag.REQ | Flag.ACK_REQ, '', atHeld), ping(10));
  await peer.take(10);
  t.equal(peer.inbox.filter(isCredit).length, 0, 'not even when it asks');
  gate.isOverdrawn = false;
  const grant = await peer.take(isCredit);
  t.equal(new DataView(grant.payload.buffer, grant.payload.byteOffset).getUint32(0), 600_000, 'and comes in one piece');
  peer.send(part(1, pattern(STREAM_WINDOW_BYTES / 2, 2), atHeld), last(1, pattern(STREAM_WINDOW_BYTES / 2 - 1, 3), atHeld));
  await until('the end', () => call.heard.includes('end'));
  call.reply.end(200);
  t.equal((await peer.take(1)).code, 200);
});

void t.test('what is not allowed any more ends', async (t) => {
  const gate = new Gate();
  const held = new HeldService();
  await using node = await TestNode.start({ services: [held], admission: gate });
  await using peer = await Peer.open(node.address, { initial_window: 1_024 });

  await t.test('within a sweep', async (t) => {
    peer.send(request(1, '', atHeld), start(2, 'a', atHeld), request(3, '', atHeld));
    const calls = [await held.call(0), await held.call(1), await held.call(2)];
    calls[2]?.reply.write(200, pattern(5_000, 1));
    await peer.take(3);
    gate.onReview = { reject: GONE };
    for (const corr of [1, 2, 3]) {
      const { reason, detail } = bodyOf(await peer.take(corr, 5 * SWEEP_INTERVAL_MS));
      t.strictSame([reason, detail], ['cap_revoked', { in_flight: true }], 'it may have been carried out');
    }
    t.strictSame(calls.map(({ heard }) => heard), [['cancel'], ['cancel'], ['cancel']]);
    t.equal(node.metrics.glitches, 0, 'no fault of the peer');
    gate.onReview = undefined;
    await assertServed(peer);
    await node.calm(1);
  });

  await t.test('and at once when a revocation is announced', async (t) => {
    peer.send(request(4, '', atHeld));
    await held.call(3);
    gate.onReview = { reject: GONE };
    node.server.announceRevocation(8);
    await peer.take(isRevoked);
    t.equal(bodyOf(await peer.take(4, 0)).reason, 'cap_revoked', 'before the peer is told of it');
  });
});

void t.test('a service asks about the topics of a message', async (t) => {
  const gate = new Gate();
  const topics = defineService({
    appProtoId: 400,
    name: 'topics',
    operations: {
      1: async (call) => {
        for (const topic of (await call.text()).split(' ')) call.checkTopic(topic);
        return 'done';
      },
    },
  });
  const held = new HeldService();
  held.onCall = ({ request: message, reply }) => {
    message.checkTopic('a/b');
    reply.end(200);
  };
  await using node = await TestNode.start({ services: [topics, held], admission: gate });
  await using peer = await Peer.open(node.address);
  peer.send(request(1, 'x/y z', { app: 400, code: 1 }), request(2, '', atHeld));
  t.equal(textOf(await peer.take(1)), 'done');
  t.equal((await peer.take(2)).code, 200);
  t.strictSame(gate.asked.filter((what) => what.startsWith('topic')).sort(), ['topic 300/7/a a/b', 'topic 400/1/ x/y', 'topic 400/1/ z']);
  gate.onTopic = { reject: defineReject('cap_scope', 403, false, 'K', 'Ask.') };
  peer.send(request(3, 'x', { app: 400, code: 1 }), request(4, '', atHeld));
  for (const corr of [3, 4]) t.equal(bodyOf(await peer.take(corr)).reason, 'cap_scope');
  t.equal(node.rejected(Reject.service_crashed.reason), 0, 'a refusal is no crash');
});

void t.test('admission knows the TLS session', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'omnigate-admission-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  const { authority, mutual, client } = makeCertificates(folder);
  const gate = new Gate();
  await using node = await TestNode.start({ admission: gate, tls: mutual });
  await using peer = await Peer.open(node.address, {}, { ca: authority, ...client });
  await assertServed(peer);
  const [farSide] = gate.farSides;
  const { socket } = peer;
  if (!(socket instanceof TLSSocket) || farSide?.tls === undefined) throw new Error('no TLS');
  const label = 'EXPORTER-Channel-Binding';
  t.same(farSide.tls.exportKeyingMaterial(32, label), socket.exportKeyingMaterial(32, label, Buffer.alloc(0)));
  t.same(farSide.tls.clientCertificate(), (socket.getX509Certificate() as { raw: Buffer }).raw);
  await peer[Symbol.asyncDispose]();
  await node.calm(0);
  t.equal(farSide.tls.exportKeyingMaterial(32, label), undefined, 'nothing is bound to one that is gone');
  await using plain = await TestNode.start({ admission: gate });
  await using other = await Peer.open(plain.address);
  await assertServed(other);
  t.equal(gate.farSides[1]?.tls, undefined);
});
