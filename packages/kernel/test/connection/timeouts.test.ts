import t from 'tap';
import type { Test } from 'tap';
import {
  BODY_TIMEOUT_MS,
  CLOSE_LINGER_MS,
  DRAINED_LINGER_MS,
  FRAME_BYTES_MAX,
  HEADER_BYTES,
  HEADER_TIMEOUT_MS,
  HELLO_TIMEOUT_MS,
  IDLE_TIMEOUT_MS,
  WRITE_STALL_TIMEOUT_MS,
} from '../../src/limits.ts';
import { ControlOp, decodeGoAway } from '../../src/wire/control.ts';
import { errorOf, rightError } from '../fixtures/attack.ts';
import { hello, ping, request, start, withLength } from '../fixtures/frames.ts';
import { assertServed, TestClock, TestNode } from '../fixtures/node.ts';
import { Peer } from '../fixtures/peer.ts';
import { HELD, HeldService } from '../fixtures/services.ts';
import { settled, turn, until } from '../fixtures/until.ts';

interface Scene {
  readonly node: TestNode;
  readonly clock: TestClock;
  readonly held: HeldService;
}

type Play = (t: Test, scene: Scene) => Promise<void>;

/** Each scene has a node and a time of its own, so that all are played at once. */
const scenes: Record<string, Play> = {};

scenes['a connection that says nothing'] = async (t, { node, clock }) => {
  await using peer = await Peer.dial(node.address);
  await clock.pass(HELLO_TIMEOUT_MS - 1);
  t.equal(peer.end, undefined);
  await clock.pass(1);
  await peer.ended();
  t.equal(peer.inbox.length, 0, 'closed without a word');
  t.equal(node.rejected('hello_timeout'), 1);
};

scenes['a header that stops'] = async (t, { node, clock }) => {
  await using fresh = await Peer.dial(node.address);
  await using peer = await Peer.open(node.address);
  fresh.send(hello().subarray(0, 3));
  peer.send(request(1).subarray(0, HEADER_BYTES - 1));
  await clock.pass(HEADER_TIMEOUT_MS - 1);
  t.equal(fresh.end ?? peer.end, undefined);
  await clock.pass(1);
  for (const slow of [fresh, peer]) {
    t.strictSame(errorOf(await slow.take(0)), rightError('header_timeout'));
    t.equal(await slow.ended(), 'fin');
  }
  t.equal(node.rejected('header_timeout'), 2);
};

scenes['a header that drips'] = async (t, { node, clock }) => {
  await using peer = await Peer.open(node.address);
  const bytes = request(1);
  for (let at = 0; at < 5; at++) {
    peer.send(bytes.subarray(at, at + 1));
    await turn(3);
    await clock.pass(HEADER_TIMEOUT_MS / 5);
  }
  t.strictSame(errorOf(await peer.take(0)), rightError('header_timeout'), 'bytes that trickle extend nothing');
};

scenes['a body below the minimum rate'] = async (t, { node, clock }) => {
  await using peer = await Peer.open(node.address);
  const allowedMs = BODY_TIMEOUT_MS + 32_000;
  peer.send(withLength(request(1), FRAME_BYTES_MAX), new Uint8Array(500_000));
  await turn(20);
  await clock.pass(allowedMs - 1);
  t.equal(peer.end, undefined);
  peer.send(new Uint8Array(500_000));
  await turn(20);
  await clock.pass(1);
  t.strictSame(errorOf(await peer.take(0)), rightError('body_timeout'));
  t.equal(await peer.ended(), 'fin');
};

scenes['a body at the minimum rate'] = async (t, { node, clock }) => {
  await using peer = await Peer.open(node.address);
  const bytes = request(1, new Uint8Array(FRAME_BYTES_MAX - HEADER_BYTES));
  for (let at = 0; at < bytes.length; at += 262_144) {
    peer.send(bytes.subarray(at, at + 262_144));
    await turn(20);
    if (at + 262_144 < bytes.length) await clock.pass(8_000);
  }
  t.equal((await peer.take(1)).payload.length, bytes.length - HEADER_BYTES);
};

scenes['a frame that begins right behind another has its own time'] = async (t, { node, clock }) => {
  await using peer = await Peer.open(node.address);
  peer.send(request(1).subarray(0, 20));
  await turn(5);
  await clock.pass(HEADER_TIMEOUT_MS - 500);
  peer.send(request(1).subarray(20), request(2).subarray(0, 20));
  await peer.take(1);
  await clock.pass(HEADER_TIMEOUT_MS - 500);
  peer.send(request(2).subarray(20));
  await peer.take(2);
  t.strictSame(node.allRejected, {});
};

scenes['an idle connection'] = async (t, { node, clock }) => {
  await using idle = await Peer.open(node.address);
  await using pinging = await Peer.open(node.address);
  await clock.pass(IDLE_TIMEOUT_MS - 1);
  pinging.send(ping(1));
  await pinging.take(1);
  t.equal(idle.end, undefined);
  await clock.pass(1);
  t.strictSame(errorOf(await idle.take(0)), rightError('idle_timeout'));
  t.equal(await idle.ended(), 'fin');
  await assertServed(pinging);
};

scenes['a request in flight is not idle, and its reply starts the time anew'] = async (t, { node, clock, held }) => {
  await using peer = await Peer.open(node.address);
  peer.send(request(1, '', { app: HELD }), start(2, '', { app: HELD }));
  const call = await held.call(0);
  const stream = await held.call(1);
  await clock.pass(IDLE_TIMEOUT_MS * 3);
  t.equal(peer.end, undefined);
  call.reply.end(200);
  stream.reply.end(200);
  await peer.take(1);
  await clock.pass(IDLE_TIMEOUT_MS - 1_000);
  await assertServed(peer);
  await clock.pass(IDLE_TIMEOUT_MS);
  t.strictSame(errorOf(await peer.take(0)), rightError('idle_timeout'));
};

scenes['a frame of the node starts the idle time anew'] = async (t, { node, clock }) => {
  await using peer = await Peer.open(node.address);
  await clock.pass(IDLE_TIMEOUT_MS - 1_000);
  node.server.announceRevocation(7);
  t.equal((await peer.take(0)).code, ControlOp.REVOKED);
  await clock.pass(IDLE_TIMEOUT_MS - 1_000);
  await assertServed(peer);
};

scenes['a drained connection stays for requests that crossed the GOAWAY'] = async (t, { node, clock, held }) => {
  await using idle = await Peer.open(node.address);
  await using busy = await Peer.open(node.address);
  busy.send(request(1, '', { app: HELD }));
  const call = await held.call();
  await clock.pass(10_000);
  const drained = node.server.drain({ reason: 'update', acceptMs: 0, timeoutMs: 20_000 });
  t.strictSame(decodeGoAway((await idle.take(0)).payload), { reason: 'update', drainMs: 20_000 });
  await clock.pass(DRAINED_LINGER_MS - 200);
  for (const [n, peer] of [idle, busy].entries()) {
    peer.send(request(5 + n));
    t.strictSame(errorOf(await peer.take(5 + n)), rightError('draining', { corr: 5 + n, app: 1 }));
  }
  await clock.pass(DRAINED_LINGER_MS - 200);
  t.equal(idle.end, undefined, 'the time runs from the last frame');
  await clock.pass(200);
  t.equal(await idle.ended(), 'fin');
  t.equal(busy.end, undefined, 'a request in flight is waited for');
  await clock.pass(5_000);
  call.reply.end(200, call.request.payload);
  await busy.take(1);
  await clock.pass(DRAINED_LINGER_MS - 200);
  t.equal(busy.end, undefined, 'and so are requests that cross its reply');
  await clock.pass(200);
  t.equal(await busy.ended(), 'fin');
  await clock.pass(CLOSE_LINGER_MS);
  await drained;
};

/** Fills every buffer on the way to a peer that does not read. */
async function stuff(node: TestNode, peer: Peer, from = 1): Promise<void> {
  peer.socket.pause();
  for (let n = from; n < from + 12; n++) peer.send(request(n, new Uint8Array(900_000)));
  await settled(() => node.metrics.bytesOut, 100);
}

scenes['a peer that does not read'] = async (t, { node, clock }) => {
  await using peer = await Peer.open(node.address, { initial_window: 16_777_216 });
  await using bystander = await Peer.open(node.address);
  await stuff(node, peer);
  await clock.pass(WRITE_STALL_TIMEOUT_MS - 1);
  t.equal(node.rejected('slow_reader'), 0);
  await assertServed(bystander);
  await clock.pass(1);
  await node.calm(1);
  t.equal(node.rejected('slow_reader'), 1);
};

scenes['a peer that reads, but slowly'] = async (t, { node, clock }) => {
  await using peer = await Peer.open(node.address, { initial_window: 16_777_216 });
  for (let round = 0; round < 3; round++) {
    await stuff(node, peer, round * 12 + 1);
    await clock.pass(WRITE_STALL_TIMEOUT_MS - 1_000);
    const { receivedBytes } = peer;
    peer.socket.resume();
    // The operating system asks for more only when a third of its buffer is free.
    await until('some bytes', () => peer.receivedBytes > receivedBytes + 3_000_000);
    peer.socket.pause();
    t.equal(node.rejected('slow_reader'), 0);
  }
  peer.socket.resume();
  for (let n = 1; n <= 36; n++) t.equal((await peer.take(n)).payload.length, 900_000);
};

scenes['an error frame for a peer that does not read'] = async (t, { node, clock }) => {
  await using peer = await Peer.open(node.address, { initial_window: 16_777_216 });
  peer.socket.pause();
  // Less than what stops the node from reading, more than the buffers on the way take.
  for (let n = 1; n <= 5; n++) {
    peer.send(request(n, new Uint8Array(900_000)));
    await turn(200);
  }
  peer.send(withLength(request(9), 1));
  await until('the fault to be read', () => node.rejected('bad_length') === 1);
  await clock.pass(CLOSE_LINGER_MS);
  await node.calm(0);
  t.equal(node.rejected('slow_reader'), 1);
};

scenes['an error frame behind replies that are still under way'] = async (t, { node }) => {
  await using peer = await Peer.open(node.address, { initial_window: 16_777_216 });
  peer.socket.pause();
  for (let n = 1; n <= 4; n++) {
    peer.send(request(n, new Uint8Array(900_000)));
    await turn(200);
  }
  peer.send(withLength(request(9), 1));
  await until('the fault to be read', () => node.rejected('bad_length') === 1);
  peer.socket.resume();
  t.strictSame(errorOf(await peer.take(0)), rightError('bad_length'));
  t.equal(await peer.ended(), 'fin');
  t.equal(peer.inbox.length, 4);
};

scenes['a peer that keeps its half open after an error'] = async (t, { node, clock }) => {
  await using peer = await Peer.open(node.address);
  peer.send(withLength(request(9), 1));
  await peer.take(0);
  t.equal(await peer.ended(), 'fin');
  peer.send(request(1), request(2));
  t.equal(node.metrics.connections, 1);
  await clock.pass(CLOSE_LINGER_MS);
  await node.calm(0);
  t.equal(node.rejected('slow_reader'), 0, 'it did read');
  t.equal([...node.bus.routes][0]?.requests, 0);
};

void t.test('time limits', async (t) => {
  t.jobs = Object.keys(scenes).length;
  await Promise.all(
    Object.entries(scenes).map(([name, play]) =>
      t.test(name, { buffered: true }, async (t) => {
        const clock = new TestClock();
        const held = new HeldService();
        await using node = await TestNode.start({ clock, services: [held] });
        await play(t, { node, clock, held });
        await node.calm(0);
      }),
    ),
  );
});
