import t from 'tap';
import { HEADER_BYTES, REPLY_QUEUE_BYTES_MAX, STREAM_FRAME_BYTES, STREAM_WINDOW_BYTES, STREAM_WINDOW_BYTES_MIN } from '../../src/limits.ts';
import { ControlOp } from '../../src/wire/control.ts';
import type { Frame } from '../../src/wire/frame.ts';
import { Flag } from '../../src/wire/header.ts';
import { OapError } from '../../src/wire/oap-error.ts';
import { Reject } from '../../src/wire/reject.ts';
import { errorOf, rightError } from '../fixtures/attack.ts';
import { cancel, credit, ECHO, last, part, pattern, ping, request, start } from '../fixtures/frames.ts';
import { reachableBytes } from '../fixtures/memory.ts';
import { assertServed, TestNode } from '../fixtures/node.ts';
import { Peer } from '../fixtures/peer.ts';
import { HELD, HeldService } from '../fixtures/services.ts';
import { turn, until } from '../fixtures/until.ts';

const MIB = 1_048_576;
const atHeld = { app: HELD };
const isCredit = ({ app, code, flags }: Frame): boolean => app === 0 && code === ControlOp.CREDIT && (flags & Flag.EVENT) !== 0;
const isLast = ({ flags }: Frame): boolean => (flags & Flag.END) !== 0;

function joined(frames: readonly Frame[]): Buffer {
  return Buffer.concat(frames.map(({ payload }) => payload));
}

/** All that the node sends until it has nothing more to send. */
async function silence(peer: Peer): Promise<void> {
  for (let seen = -1; seen !== peer.inbox.length; ) {
    seen = peer.inbox.length;
    peer.send(ping(999_999));
    await peer.take(999_999);
    await turn(5);
  }
}

void t.test('a long reply comes in frames, as far as the credit goes', async (t) => {
  const held = new HeldService();
  await using node = await TestNode.start({ services: [held] });

  await t.test('and goes on with each CREDIT', async (t) => {
    await using peer = await Peer.open(node.address, { initial_window: 100_000 });
    const reply = pattern(1_500_000, 1);
    peer.send(request(1, '', atHeld));
    (await held.call(0)).reply.end(206, reply);
    await silence(peer);
    t.strictSame(peer.inbox.map(({ payload }) => payload.length), [STREAM_FRAME_BYTES, 100_000 - STREAM_FRAME_BYTES]);
    let granted = 100_000;
    for (const grant of [1, 65_536, 0, 200_000, 7]) {
      peer.send(credit(1, grant));
      granted += grant;
      await silence(peer);
      t.equal(joined(peer.inbox).length, granted, `after ${grant} more`);
    }
    peer.send(credit(1, 0xffff_ffff), credit(1, 0xffff_ffff));
    await until('the end', () => peer.inbox.some(isLast));
    t.equal(joined(peer.inbox).compare(reply), 0);
    t.strictSame(
      peer.inbox.map(({ flags, code }) => [flags, code]),
      peer.inbox.map((_, n, all) => [Flag.RESP | (n === 0 ? Flag.START : 0) | (n === all.length - 1 ? Flag.END : 0), 206]),
    );
    t.ok(peer.inbox.every(({ payload }) => payload.length <= STREAM_FRAME_BYTES));
    await node.calm(1);
  });

  await t.test('also when the credit was there before the reply', async (t) => {
    await using peer = await Peer.open(node.address, { initial_window: STREAM_WINDOW_BYTES_MIN });
    peer.send(request(1, '', atHeld), credit(1, 10 * MIB));
    const call = await held.call(1);
    await silence(peer);
    const reply = pattern(9 * MIB, 2);
    call.reply.end(200, reply);
    await until('the end', () => peer.inbox.some(isLast));
    t.equal(joined(peer.inbox).compare(reply), 0);
  });

  await t.test('in small frames for who wants small ones', async (t) => {
    await using peer = await Peer.open(node.address, { max_frame: 5_000, initial_window: 10 });
    peer.send(request(1, '', atHeld), request(2, '', atHeld));
    const whole = pattern(5_000 - HEADER_BYTES, 3);
    (await held.call(2)).reply.end(200, whole);
    (await held.call(3)).reply.end(200, pattern(5_001 - HEADER_BYTES, 4));
    await silence(peer);
    t.same((await peer.take(1)).payload, whole, 'one that fits a frame needs no credit');
    t.equal(joined(peer.inbox).length, STREAM_WINDOW_BYTES_MIN, 'the smallest window is 1 KiB');
    peer.send(credit(2, 1e6));
    await until('the end', () => peer.inbox.some(isLast));
    t.equal(joined(peer.inbox).compare(pattern(5_001 - HEADER_BYTES, 4)), 0);
  });

  await t.test('and its service knows when to wait', async (t) => {
    await using peer = await Peer.open(node.address, { initial_window: 100_000 });
    peer.send(request(1, '', atHeld));
    const { reply, heard } = await held.call(4);
    t.equal(reply.write(200, pattern(60_000, 1)), true);
    t.equal(reply.write(200, pattern(60_000, 2)), false);
    t.equal(reply.write(200, new Uint8Array(0)), false);
    for (let n = 3; n <= 70; n++) t.equal(reply.write(200, pattern(60_000, n)), false);
    t.throws(() => reply.write(200, new Uint8Array(REPLY_QUEUE_BYTES_MAX)), /wait for onDrain/);
    t.strictSame(heard, []);
    peer.send(credit(1, 70 * 60_000 - 100_000));
    await until('the drain', () => heard.length > 0);
    t.strictSame(heard, ['drain']);
    reply.end(200);
    await until('the end', () => peer.inbox.some(isLast));
    t.equal(joined(peer.inbox).compare(Buffer.concat(Array.from({ length: 70 }, (_, n) => pattern(60_000, n + 1)))), 0);
  });

  await t.test('or breaks off with an error', async (t) => {
    await using peer = await Peer.open(node.address, { initial_window: 10_000 });
    peer.send(request(1, '', atHeld));
    const { reply } = await held.call(5);
    reply.write(200, pattern(50_000, 1));
    await silence(peer);
    reply.fail(new OapError(Reject.bad_payload, { message: 'No more.', detail: { field: 'x' } }));
    await until('the error', () => peer.inbox.some(isLast));
    t.equal(joined(peer.inbox.filter((frame) => !isLast(frame))).length, 10_000);
    t.strictSame(errorOf(peer.inbox.find(isLast) as Frame), rightError('bad_payload', { corr: 1, app: HELD }));
    peer.inbox.length = 0;
    peer.send(credit(1, 10_000), cancel(1));
    await silence(peer);
    t.equal(peer.inbox.length, 0, 'what was queued is forgotten');
    t.equal(node.rejected('corr_unknown'), 0);
    await node.calm(1);
  });
});

void t.test('small parts that wait are collected, in order and unchanged', async (t) => {
  const held = new HeldService();
  await using node = await TestNode.start({ services: [held] });
  await using peer = await Peer.open(node.address, { initial_window: STREAM_WINDOW_BYTES_MIN });
  peer.send(request(1, '', atHeld));
  const { reply } = await held.call(0);
  const parts = Array.from({ length: 3_000 }, (_, n) => pattern(n % 97 === 0 ? 20_000 : (n * 7) % 300, n));
  for (const bytes of parts) reply.write(n206(bytes), bytes);
  reply.end(200, pattern(5, 5));
  for (let n = 0; n < 100 && !peer.inbox.some(isLast); n++) {
    peer.send(credit(1, n < 50 ? 1_000 : 1e6));
    await silence(peer);
  }
  t.equal(joined(peer.inbox).compare(Buffer.concat([...parts, pattern(5, 5)])), 0);
  t.ok(peer.inbox.length < 500, `${peer.inbox.length} frames for ${parts.length} parts`);

  function n206(bytes: Uint8Array): number {
    return bytes.length === 20_000 ? 206 : 200;
  }
});

void t.test('a peer that grants no credit cannot make small parts dear', async (t) => {
  await using node = await TestNode.start();
  await using peer = await Peer.open(node.address, { initial_window: STREAM_WINDOW_BYTES_MIN });
  const frames = 20_000;
  const ones = Buffer.concat(Array.from({ length: frames }, () => part(1, 'x')));
  const before = await reachableBytes();
  for (let corr = 1; corr <= 8; corr++) {
    const bytes = Buffer.from(ones);
    for (let at = 0; at < frames; at++) bytes.writeUInt32BE(corr, at * 39 + 34);
    const received = node.metrics.bytesIn + bytes.length;
    peer.send(start(corr), bytes);
    await until('all parts to arrive', () => node.metrics.bytesIn >= received);
    await silence(peer);
  }
  const grown = (await reachableBytes()) - before;
  // An object for each part takes more than 100; what the process does besides, some megabytes.
  t.ok(grown < 8 * frames * 50, `${grown} bytes for ${8 * frames} parts of 1 byte`);
  t.equal(node.metrics.inflight, 8);
});

void t.test('a request stream gets credit as its service consumes', async (t) => {
  const held = new HeldService();
  await using node = await TestNode.start({ services: [held] });
  await using peer = await Peer.open(node.address);
  const half = STREAM_WINDOW_BYTES / 2;
  peer.send(start(1, new Uint8Array(half), atHeld), part(1, new Uint8Array(half), atHeld));
  const call = await held.call(0);
  await until('the second part', () => call.parts.length === 2);
  const grants = (): number[] => peer.inbox.filter(isCredit).map(({ payload }) => Buffer.from(payload).readUInt32BE());

  call.reply.consumed(half - 1);
  await silence(peer);
  t.strictSame(grants(), [], 'not yet half a window');
  call.reply.consumed(1);
  await silence(peer);
  t.strictSame(grants(), [half]);
  call.reply.consumed(10 * MIB);
  call.reply.consumed(10 * MIB);
  await silence(peer);
  t.strictSame(grants(), [half, half], 'nothing can be consumed that did not come');
  peer.send(part(1, new Uint8Array(MIB - HEADER_BYTES), atHeld), last(1, new Uint8Array(HEADER_BYTES), atHeld));
  await until('the end', () => call.heard.includes('end'));
  call.reply.consumed(MIB);
  await silence(peer);
  t.strictSame(grants(), [half, half], 'no credit after the end');
  call.reply.end(200);
  await node.calm(1);
  t.strictSame(node.allRejected, {});

  peer.send(start(2, new Uint8Array(half), atHeld), part(2, new Uint8Array(half), atHeld), part(2, 'x', atHeld));
  t.strictSame(errorOf(await peer.take(2)), rightError('credit_exceeded', { corr: 2, app: HELD }), 'one byte more');
});

void t.test('many streams are echoed side by side, byte for byte', async (t) => {
  await using node = await TestNode.start();
  await using peer = await Peer.open(node.address);
  await using slow = await Peer.open(node.address);
  const streams = 24;
  const parts = 12;
  const bodyOf = (seed: number, n: number): Uint8Array => pattern(((seed * 7_919 + n * 4_001) % 60_000) + 1, seed * 100 + n);
  const play = async (who: Peer, seed: number): Promise<void> => {
    const left = new Map(Array.from({ length: streams }, (_, corr) => [corr, STREAM_WINDOW_BYTES]));
    const got = new Map<number, Uint8Array[]>();
    const ended = new Set<number>();
    who.onFrame = (frame) => {
      const corr = Number(frame.corrId);
      if (isCredit(frame)) {
        left.set(corr, (left.get(corr) ?? 0) + Buffer.from(frame.payload).readUInt32BE());
      } else if (frame.app === ECHO) {
        got.set(corr, [...(got.get(corr) ?? []), frame.payload]);
        if (isLast(frame)) ended.add(corr);
        else who.send(credit(corr, frame.payload.length));
      }
    };
    for (let n = 0; n < parts; n++) {
      for (let corr = 0; corr < streams; corr++) {
        const body = bodyOf(seed + corr, n);
        await until('credit', () => (left.get(corr) ?? 0) >= body.length);
        left.set(corr, (left.get(corr) ?? 0) - body.length);
        who.send((n === 0 ? start : n === parts - 1 ? last : part)(corr, body));
        if (who === slow && corr % 8 === 0) {
          who.socket.pause();
          setTimeout(() => who.socket.resume(), 5);
        }
      }
    }
    await until('the ends', () => ended.size === streams);
    for (let corr = 0; corr < streams; corr++) {
      const wanted = Buffer.concat(Array.from({ length: parts }, (_, n) => bodyOf(seed + corr, n)));
      if (Buffer.concat(got.get(corr) ?? []).compare(wanted) !== 0) t.fail(`stream ${corr} of ${seed}`);
    }
  };
  await Promise.all([play(peer, 1), play(slow, 1_000)]);
  await node.calm(2);
  t.strictSame(node.allRejected, {});
});

void t.test('long replies take turns under a slow reader', async (t) => {
  const held = new HeldService();
  await using node = await TestNode.start({ services: [held] });
  await using peer = await Peer.open(node.address, { initial_window: 16 * MIB });
  const streams = 10;
  const bytes = 1_500_000;
  peer.socket.pause();
  peer.send(...Array.from({ length: streams }, (_, n) => request(n, '', atHeld)));
  await held.call(streams - 1);
  for (const [n, { reply }] of held.calls.entries()) reply.end(200, pattern(bytes, n));
  const got = new Map<number, number>();
  let widest = 0;
  let switches = 0;
  let before = -1;
  peer.onFrame = ({ corrId, payload }) => {
    const corr = Number(corrId);
    got.set(corr, (got.get(corr) ?? 0) + payload.length);
    const counts = Array.from({ length: streams }, (_, n) => got.get(n) ?? 0);
    widest = Math.max(widest, Math.max(...counts) - Math.min(...counts));
    if (corr !== before) switches++;
    before = corr;
  };
  peer.socket.resume();
  await until('all bytes', () => [...got.values()].reduce((sum, count) => sum + count, 0) === streams * bytes);
  t.ok(widest <= MIB + 2 * STREAM_FRAME_BYTES, `the first was ${widest} bytes ahead of the last`);
  t.ok(switches > (streams * bytes) / STREAM_FRAME_BYTES / 2, `${switches} switches`);
  await node.calm(1);
});

void t.test('credit, cancel and end that cross', async (t) => {
  const held = new HeldService();
  await using node = await TestNode.start({ services: [held] });
  await using peer = await Peer.open(node.address, { initial_window: 2_000 });
  // All in one segment: the node has ended each before it reads what follows.
  for (let round = 0; round < 50; round++) {
    peer.send(request(round, 'x'), credit(round, 5), cancel(round), credit(round, 5), start(round, 'a'), last(round, 'b'), cancel(round), credit(round, 9));
  }
  await silence(peer);
  t.equal(node.metrics.glitches, 0);
  // CANCEL of a reply that is held by credit: nothing more comes, and the service is told.
  peer.inbox.length = 0;
  peer.send(request(100, '', atHeld), ping(1));
  const call = await held.call(0);
  call.reply.write(200, pattern(10_000, 1));
  await until('what credit allows', () => joined(peer.inbox.filter(({ app }) => app === HELD)).length === 2_000);
  peer.send(cancel(100), credit(100, 100_000));
  await silence(peer);
  t.equal(joined(peer.inbox.filter(({ app }) => app === HELD)).length, 2_000);
  t.strictSame(call.heard, ['cancel']);
  t.equal(call.reply.ended, true);
  call.reply.write(200, pattern(10, 1));
  call.reply.end(200);
  call.reply.fail(new OapError(Reject.internal));
  call.reply.consumed(5);
  peer.inbox.length = 0;
  await silence(peer);
  t.equal(peer.inbox.length, 0, 'what the service does then leads nowhere');
  await assertServed(peer);
  await node.calm(1);
});
