import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { INFLIGHT_BYTES_MAX, REPLY_BYTES_HELD_MAX, WRITE_COPY_BYTES_MAX, WRITE_PAUSE_BYTES, WRITE_PENDING_BYTES_MAX } from '../../src/limits.ts';
import { Flag } from '../../src/wire/header.ts';
import { makeCertificates } from '../fixtures/certificates.ts';
import { cancel, credit, ECHO, last, part, pattern, request, start } from '../fixtures/frames.ts';
import { reachableBytes } from '../fixtures/memory.ts';
import { assertServed, TestNode } from '../fixtures/node.ts';
import { Peer } from '../fixtures/peer.ts';
import { echo, HELD, HeldService } from '../fixtures/services.ts';
import type { HeldCall } from '../fixtures/services.ts';
import { settled, turn, until } from '../fixtures/until.ts';

const MIB = 1_048_576;
const OWNING = 2;
/** Payload sizes around the borders of copying, of one read and of one frame. */
const SIZES = [0, 1, 31, 33, 1_000, WRITE_COPY_BYTES_MAX - 1, WRITE_COPY_BYTES_MAX, WRITE_COPY_BYTES_MAX + 1, 60_000, 65_536, 70_000, 400_000, MIB - 38];

const folder = mkdtempSync(join(tmpdir(), 'omnigate-outbound-'));
const certificates = makeCertificates(folder);
t.teardown(() => {
  rmSync(folder, { recursive: true });
});

/** Sends every size as whole requests and as streams, in pieces cut anywhere, and checks every byte that comes back. */
async function exchangeAll(peer: Peer, app: number, seed: number, readsSlowly: boolean): Promise<string[]> {
  const wrong: string[] = [];
  const wanted = new Map<bigint, Uint8Array>();
  const got = new Map<bigint, Uint8Array[]>();
  let ended = 0;
  peer.onFrame = (frame) => {
    if (frame.app !== app) return;
    got.set(frame.corrId, [...(got.get(frame.corrId) ?? []), frame.payload]);
    if ((frame.flags & Flag.END) !== 0) ended++;
  };
  const bytes: Uint8Array[] = [];
  for (const [n, size] of SIZES.entries()) {
    const body = pattern(size, seed + n);
    wanted.set(BigInt(n), body);
    bytes.push(request(n, body, { app }));
    if (size >= 1_000 && size < 500_000) {
      const corr = 100 + n;
      wanted.set(BigInt(corr), body);
      const third = Math.floor(size / 3);
      bytes.push(start(corr, body.subarray(0, third), { app }), part(corr, body.subarray(third, 2 * third), { app }), last(corr, body.subarray(2 * third), { app }));
    }
  }
  if (readsSlowly) peer.socket.pause();
  const all = Buffer.concat(bytes);
  for (let at = 0, step = 20_000 + seed; at < all.length; at += step) {
    peer.send(all.subarray(at, at + step));
    await turn();
  }
  for (let round = 0; ended < wanted.size && round < 20_000; round++) {
    if (readsSlowly && round % 4 === 0) {
      if (peer.socket.isPaused()) peer.socket.resume();
      else peer.socket.pause();
    }
    await turn();
  }
  peer.socket.resume();
  for (const [corr, body] of wanted) {
    if (Buffer.concat(got.get(corr) ?? []).compare(body) !== 0) wrong.push(`${corr}: ${body.length} bytes`);
  }
  peer.onFrame = undefined;
  return wrong;
}

for (const secure of [false, true]) {
  void t.test(`bytes are never mixed up, ${secure ? 'with' : 'without'} TLS`, async (t) => {
    await using node = await TestNode.start({ services: [echo(OWNING, false)], ...(secure ? { tls: certificates.server } : {}) });
    const tls = secure ? { ca: certificates.authority } : undefined;
    const open = (): Promise<Peer> => Peer.open(node.address, { initial_window: 16 * MIB }, tls);
    const peers = await Promise.all(Array.from({ length: 6 }, open));
    const wrong = await Promise.all(
      peers.map((peer, n) => exchangeAll(peer, n % 2 === 0 ? ECHO : OWNING, n * 1_000 + 1, n % 3 === 0)),
    );
    t.strictSame(wrong, peers.map(() => []));
    await node.calm(peers.length);
    for (const peer of peers) await peer[Symbol.asyncDispose]();
    await node.calm(0);
  });
}

void t.test('a service that owns its payloads may keep them', async (t) => {
  const held = new HeldService();
  await using node = await TestNode.start({ services: [held] });
  await using peer = await Peer.open(node.address);
  await using other = await Peer.open(node.address);
  const sizes = SIZES.filter((size) => size < 100_000);
  peer.send(...sizes.flatMap((size, n) => [request(n, pattern(size, n), { app: HELD }), start(100 + n, pattern(size, 100 + n), { app: HELD }), part(100 + n, pattern(size, 200 + n), { app: HELD })]));
  await held.call(2 * sizes.length - 1);
  for (let n = 0; n < 20; n++) other.send(request(n, pattern(60_000, 900 + n)));
  for (let n = 0; n < 20; n++) await other.take(n);
  for (const { request: { corrLo, payload }, parts } of held.calls) {
    const n = corrLo % 100;
    const size = sizes[n] ?? 0;
    t.equal(Buffer.compare(payload, pattern(size, corrLo)), 0);
    const second = corrLo >= 100 && size > 0 ? pattern(size, 200 + n) : new Uint8Array(0);
    t.equal(Buffer.compare(Buffer.concat(parts), Buffer.concat([pattern(size, corrLo), second])), 0);
  }
});

void t.test('frames that wait for their turn are not overwritten by those of a neighbour', async (t) => {
  await using node = await TestNode.start({ services: [echo(OWNING, false)] });
  await using peer = await Peer.open(node.address);
  await using neighbour = await Peer.open(node.address);
  const frames = 3_000;
  for (const app of [ECHO, OWNING]) {
    peer.send(...Array.from({ length: frames }, (_, n) => request(n, pattern(20, n), { app })));
    for (let n = 0; n < 20; n++) neighbour.send(request(n, pattern(60_000, n)));
    await until('all replies', () => peer.inbox.length === frames && neighbour.inbox.length === 20);
    const wrong = peer.inbox.filter(({ corrId, payload }) => Buffer.compare(payload, pattern(20, Number(corrId))) !== 0);
    t.equal(wrong.length, 0);
    peer.inbox.length = 0;
    neighbour.inbox.length = 0;
  }
});

void t.test('what waits for credit is not overwritten by what a neighbour sends', async (t) => {
  await using node = await TestNode.start();
  await using peer = await Peer.open(node.address, { initial_window: 1_024 });
  await using neighbour = await Peer.open(node.address);
  const sizes = [500, 20_000, 30_000, 9_000, 8_000, 100];
  for (const [n, size] of sizes.entries()) {
    peer.send((n === 0 ? start : n === sizes.length - 1 ? last : part)(1, pattern(size, n)));
    await turn(3);
    neighbour.send(request(n, pattern(60_000, 100 + n)));
    await neighbour.take(n);
  }
  peer.send(credit(1, MIB));
  await until('the end', () => peer.inbox.some(({ flags, app }) => app === ECHO && (flags & Flag.END) !== 0));
  const got = Buffer.concat(peer.inbox.filter(({ app }) => app === ECHO).map(({ payload }) => payload));
  t.equal(got.compare(Buffer.concat(sizes.map((size, n) => pattern(size, n)))), 0);
});

void t.test('what is on its way is not overwritten by what a neighbour is sent', async (t) => {
  await using node = await TestNode.start();
  await using peer = await Peer.open(node.address);
  await using neighbour = await Peer.open(node.address);
  peer.socket.pause();
  const count = 1_200;
  for (let n = 0; n < count; n++) peer.send(request(n, pattern(10_000, n)));
  await settled(() => node.metrics.bytesIn);
  for (let n = 0; n < 600; n++) neighbour.send(request(n, pattern(10_000, 5_000 + n)));
  for (let n = 0; n < 600; n++) await neighbour.take(n);
  peer.socket.resume();
  for (let n = 0; n < count; n++) {
    if (Buffer.compare((await peer.take(n)).payload, pattern(10_000, n)) !== 0) t.fail(`reply ${n}`);
  }
  t.strictSame(node.allRejected, {});
});

void t.test('replies that are cancelled hold nothing', async (t) => {
  const held = new HeldService();
  await using node = await TestNode.start({ services: [held] });
  await using peer = await Peer.open(node.address, { initial_window: 1_024 });
  const body = new Uint8Array(MIB);
  for (let n = 0; n < 40; n++) {
    peer.send(request(n, '', { app: HELD }));
    (await held.call(n)).reply.end(200, body);
    peer.send(cancel(n));
    await node.calm(1);
  }
  t.strictSame(node.allRejected, {});
});

void t.test('a peer that does not read stops being read, and loses nothing', async (t) => {
  await using node = await TestNode.start();
  await using peer = await Peer.open(node.address);
  await using bystander = await Peer.open(node.address);
  const route = node.bus.route(ECHO);
  peer.socket.pause();
  const count = 400;
  const sent = Array.from({ length: count }, (_, n) => pattern(50_000, n));
  for (const [n, body] of sent.entries()) peer.send(request(n, body));
  await settled(() => node.metrics.bytesIn);
  const handled = route?.requests ?? 0;
  t.ok(handled < count, `${handled} of ${count} requests were read`);
  await assertServed(bystander);
  peer.socket.resume();
  for (const [n, body] of sent.entries()) {
    if (Buffer.compare((await peer.take(n)).payload, body) !== 0) t.fail(`reply ${n}`);
  }
  t.strictSame(node.allRejected, {});
  await node.calm(2);
});

void t.test('peers that do not read cost a bounded amount of memory', async (t) => {
  await using node = await TestNode.start();
  const peers = await Promise.all(Array.from({ length: 8 }, () => Peer.open(node.address, { initial_window: 16 * MIB })));
  const body = new Uint8Array(MIB - 38);
  const frames = [request(1, body), start(2), part(2, body.subarray(0, MIB / 2))];
  const before = await reachableBytes();
  for (const peer of peers) {
    peer.socket.pause();
    // The same frames over and over, so that the sending side holds no copies.
    for (let n = 0; n < 30; n++) for (const bytes of frames) peer.socket.write(bytes);
  }
  await settled(() => node.metrics.bytesIn);
  const grown = (await reachableBytes()) - before;
  const each = WRITE_PAUSE_BYTES + 2 * MIB;
  t.ok(grown < peers.length * each, `${Math.round(grown / peers.length)} bytes for each of ${peers.length}`);
  for (const peer of peers) peer.reset();
  await node.calm(0);
});

void t.test('replies of an asynchronous service', async (t) => {
  const held = new HeldService();
  await using node = await TestNode.start({ services: [held] });

  await t.test('that the operating system takes at once go on by themselves', async (t) => {
    await using peer = await Peer.open(node.address, { initial_window: 16 * MIB });
    // Small enough to leave in one go, large enough to be congestion for a moment.
    for (let round = 0; round < 20; round++) {
      peer.send(request(round, '', { app: HELD }));
      const call = await held.call(round);
      await turn(2);
      call.reply.end(200, pattern(Math.floor(1.2 * MIB), round));
      const got: Uint8Array[] = [];
      for (let ended = false; !ended; ) {
        const frame = await peer.take(round);
        got.push(frame.payload);
        ended = (frame.flags & Flag.END) !== 0;
      }
      t.equal(Buffer.concat(got).compare(pattern(Math.floor(1.2 * MIB), round)), 0);
    }
    held.calls.length = 0;
  });

  await t.test('that nobody reads are cut off at the bound, at once', async (t) => {
    await using peer = await Peer.open(node.address, { initial_window: 16 * MIB });
    await using bystander = await Peer.open(node.address);
    peer.socket.pause();
    peer.send(...Array.from({ length: 100 }, (_, n) => request(n, '', { app: HELD })));
    await held.call(99);
    const body = new Uint8Array(MIB - 38);
    let answered = 0;
    for (const { reply } of held.calls) {
      reply.end(200, body);
      answered++;
      await turn();
      if (node.metrics.connections === 1) break;
    }
    t.ok(answered * body.length > REPLY_BYTES_HELD_MAX && answered < 40, `after ${answered} replies`);
    t.equal(node.rejected('slow_reader'), 1);
    await assertServed(bystander);
    await node.calm(1);
    held.calls.length = 0;
  });

  await t.test('that wait for credit are bounded too', async (t) => {
    await using peer = await Peer.open(node.address, { initial_window: 1_024 });
    peer.send(...Array.from({ length: 100 }, (_, n) => request(n, '', { app: HELD })));
    await held.call(99);
    const body = new Uint8Array(2 * MIB);
    for (const { reply } of held.calls) reply.end(200, body);
    await peer.ended();
    t.equal(node.rejected('slow_reader'), 2);
    await node.calm(0);
  });
});

void t.test('frames of the node itself that nobody reads are bounded', async (t) => {
  await using node = await TestNode.start();
  await using peer = await Peer.open(node.address);
  peer.socket.pause();
  const each = 60;
  let sent = 0;
  while (node.metrics.connections === 1 && sent * each < 40 * MIB) {
    for (let n = 0; n < 5_000; n++, sent++) node.server.announceRevocation(sent);
    await turn();
  }
  t.equal(node.rejected('slow_reader'), 1, `after ${sent} events`);
  t.ok(sent * each > WRITE_PENDING_BYTES_MAX);
  await node.calm(0);
});

void t.test('a peer may take its time within the bounds', async (t) => {
  // All bytes in flight that a connection may have, answered at once while nobody reads.
  const held = new HeldService();
  await using node = await TestNode.start({ services: [held] });
  await using peer = await Peer.open(node.address, { initial_window: 16 * MIB });
  const body = pattern(1_000_000, 7);
  const count = Math.floor(INFLIGHT_BYTES_MAX / body.length);
  for (let n = 0; n < count; n++) peer.send(request(n, body, { app: HELD }));
  await held.call(count - 1);
  peer.socket.pause();
  for (const { request: { payload }, reply } of held.calls) reply.end(200, payload);
  await turn(50);
  peer.socket.resume();
  for (let n = 0; n < count; n++) t.equal(Buffer.compare((await peer.take(n)).payload, body), 0);
  t.strictSame(node.allRejected, {});
  await node.calm(1);
});

void t.test('a service hears how much of a reply has left, and how much more would', async (t) => {
  const held = new HeldService();
  await using node = await TestNode.start({ services: [held] });
  await using peer = await Peer.open(node.address, { initial_window: 16 * MIB });

  /** Writes to a peer that does not read until nothing more would leave. */
  const fill = async (corr: number): Promise<{ call: HeldCall; written: number; sent: () => number }> => {
    const before = held.calls.length;
    peer.send(request(corr, '', { app: HELD }));
    const call = await held.call(before);
    let sent = 0;
    call.on.onSent = (bytes) => (sent += bytes);
    t.equal(call.reply.roomBytes, WRITE_PAUSE_BYTES, 'as much as the connection takes');
    peer.socket.pause();
    let written = 0;
    while (call.reply.roomBytes > 0) {
      call.reply.write(200, pattern(MIB / 4, written));
      written += MIB / 4;
      await turn();
    }
    t.ok(sent > 0 && written - sent >= WRITE_PAUSE_BYTES, `${sent} of ${written} left while nobody read`);
    return { call, written, sent: () => sent };
  };

  const whole = await fill(1);
  whole.call.reply.end(200, pattern(10, 1));
  t.equal(whole.call.reply.roomBytes, 0, 'none behind the end');
  peer.socket.resume();
  await until('all of it left', () => whole.sent() === whole.written + 10);
  t.equal(whole.call.reply.roomBytes, 0, 'nor when that has left');

  const broken = await fill(2);
  const before = broken.sent();
  peer.send(cancel(2));
  await until('the service hears', () => broken.call.heard.includes('cancel'));
  peer.socket.resume();
  await assertServed(peer);
  t.equal(broken.sent(), before, 'nothing is told after a CANCEL');

  const lost = await Peer.open(node.address, { initial_window: 16 * MIB });
  lost.send(request(1, '', { app: HELD }));
  const ended = await held.call(2);
  let sent = 0;
  ended.on.onSent = (bytes) => (sent += bytes);
  lost.socket.pause();
  let written = 0;
  while (written === sent) {
    ended.reply.write(200, pattern(MIB / 4, written));
    written += MIB / 4;
    await turn();
  }
  ended.reply.end(200, pattern(10, 1));
  await turn();
  t.ok(sent < written, 'some of it is unsent behind the end');
  lost.send(Buffer.alloc(64, 0xff));
  await until('the memory is free when the connection is gone', () => sent === written + 10);

  await using poor = await Peer.open(node.address, { initial_window: 100_000 });
  poor.send(request(1, '', { app: HELD }));
  const { reply } = await held.call(3);
  t.equal(reply.roomBytes, 100_000, 'as much as the credit allows');
  reply.write(200, pattern(40_000, 1));
  t.equal(reply.roomBytes, 60_000);
  reply.write(200, pattern(60_001, 1));
  t.equal(reply.roomBytes, 0);
});
