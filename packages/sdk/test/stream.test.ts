import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { ControlOp, Flag, Reject } from '@omnigate/kernel/wire';
import type { Frame, OapError } from '@omnigate/kernel/wire';
import { STREAM_CHUNKS_MAX, STREAM_WRITES_MAX } from '../src/limits.ts';
import type { ByteStream } from '../src/index.ts';
import { pattern, pieces, START_END, streamFlags } from './fixtures/scripted-node.ts';
import type { Peer } from './fixtures/scripted-node.ts';
import { failure, isRequest, liveBufferBytes, startSession, until } from './fixtures/session.ts';

const APP = 300;
const MIB = 1_048_576;

async function readAll(stream: ByteStream): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const creditBytes = (peer: Peer): number =>
  peer.control(ControlOp.CREDIT).reduce((sum, { payload }) => sum + Buffer.from(payload).readUInt32BE(), 0);

await t.test('chunks go out and come back with their borders', async (t) => {
  const [client, node] = await startSession(t);
  const stream = client.stream(APP, 4);
  const chunks = [pattern(10), pattern(1, 1), pattern(65_536, 2), pattern(300, 3)];
  const writing = (async () => {
    for (const chunk of chunks) await stream.write(chunk);
    await stream.end();
  })();
  const back: Buffer[] = [];
  for await (const chunk of stream) back.push(Buffer.from(chunk));
  await writing;
  t.same(back, chunks.map((chunk) => Buffer.from(chunk)));
  t.same(await stream.head(), { status: 200, flags: 0 });
  const { requests } = node.peer;
  t.same(
    requests.map(({ flags }) => flags),
    [Flag.REQ | Flag.START, Flag.REQ, Flag.REQ, Flag.REQ, Flag.REQ | Flag.END],
  );
  t.equal(new Set(requests.map(({ corrId, code, tenant }) => `${String(corrId)} ${code} ${tenant}`)).size, 1);
  t.equal(stream.corrId, '1');
});

await t.test('three forms of a body: bytes in one message, an iterable, an async iterable', async (t) => {
  const [client, node] = await startSession(t);
  const chunks = pieces(pattern(200_000), 50_000);
  async function* source(): AsyncGenerator<Uint8Array> {
    for (const chunk of chunks) {
      await sleep(1);
      yield chunk;
    }
  }
  for (const body of [chunks, source(), pattern(200_000), pattern(2_000_000)]) {
    const wanted = body === chunks || !(body instanceof Uint8Array) ? pattern(200_000) : body;
    t.ok((await readAll(client.stream(APP, 0, { body }))).equals(wanted));
  }
  const whole = node.peer.requests.filter(({ flags }) => (flags & START_END) === START_END);
  t.same(whole.map(({ payload }) => payload.length), [200_000], 'bytes that fit a frame are one frame');
});

await t.test('an empty stream is an empty message', async (t) => {
  const [client, node] = await startSession(t);
  const stream = client.stream(APP, 0);
  await stream.end();
  t.equal((await readAll(stream)).length, 0);
  t.same(node.peer.requests.map(({ flags, payload }) => [flags, payload.length]), [[Flag.REQ | START_END, 0]]);
  await stream.end();
  await t.rejects(stream.write(pattern(1)), TypeError, 'nothing can follow the end');
});

await t.test('write() resolves when credit allowed it, and not before', async (t) => {
  const [client, node] = await startSession(t, { hello: { initial_window: 100_000 }, onFrame: (_, frame) => isRequest(frame) });
  const stream = client.stream(APP, 0);
  await stream.write(pattern(100_000));
  let written = false;
  const second = stream.write(pattern(50_000)).then(() => {
    written = true;
  });
  await until(() => node.peer.requests.length === 2);
  await sleep(20);
  t.notOk(written);
  const [first] = node.peer.requests as [Frame];
  node.peer.credit(first, 49_999);
  await sleep(20);
  t.notOk(written, 'a byte is missing');
  node.peer.credit(first, 1);
  await second;
  const waiting = Array.from({ length: STREAM_WRITES_MAX }, () => failure(stream.write(pattern(10))));
  t.equal((await failure(stream.write(pattern(10)))).reason, 'queue_full');
  stream.cancel();
  t.ok((await Promise.all(waiting)).every(({ reason }) => reason === 'cancelled'));
});

await t.test('a reader that pauses holds the node back, and memory stays flat', async (t) => {
  const chunk = pattern(65_536);
  let sent = 0;
  let granted = MIB;
  const total = 256 * MIB;
  const [client, node] = await startSession(t, {
    onFrame: (peer, frame) => {
      if (isRequest(frame)) void 0;
      else if (frame.code === ControlOp.CREDIT && (frame.flags & Flag.EVENT) !== 0) granted += Buffer.from(frame.payload).readUInt32BE();
      else return false;
      const [request] = peer.requests as [Frame];
      while (sent < total && granted - sent >= chunk.length) {
        sent += chunk.length;
        peer.reply(request, chunk, streamFlags(sent / chunk.length - 1, total / chunk.length));
      }
      return true;
    },
  });
  const stream = client.stream(APP, 0, { body: pattern(1) });
  const iterator = stream[Symbol.asyncIterator]();
  await stream.head();
  await sleep(50);
  t.equal(sent, MIB, 'one window and no more while nobody reads');
  t.equal(creditBytes(node.peer), 0, 'received is not consumed');
  for (let taken = 0; taken < 8; taken++) await iterator.next();
  await until(() => creditBytes(node.peer) > 0);
  t.equal(creditBytes(node.peer), MIB / 2, 'credit comes back at half a window');
  let bytes = 8 * chunk.length;
  let heldMax = 0;
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
    bytes += next.value.length;
    if (bytes % (32 * MIB) === 0) {
      heldMax = Math.max(heldMax, liveBufferBytes());
    }
  }
  t.equal(bytes, total);
  t.ok(heldMax < 64 * MIB, `${Math.round(heldMax / MIB)} MiB of buffers for ${total / MIB} MiB of stream`);
});

await t.test('a slow node holds the writer back, and memory stays flat', async (t) => {
  let received = 0;
  const [client] = await startSession(t, {
    onFrame: (peer, frame) => {
      if (!isRequest(frame)) return false;
      received += frame.payload.length;
      peer.frames.length = 1;
      if (received % MIB === 0) setTimeout(() => { peer.credit(frame, MIB); }, 2);
      if ((frame.flags & Flag.END) !== 0) peer.reply(frame, pattern(1));
      return true;
    },
  });
  const stream = client.stream(APP, 0);
  let heldMax = 0;
  for (let written = 0; written < 64; written++) {
    await stream.write(new Uint8Array(MIB));
    if (written % 8 === 0) heldMax = Math.max(heldMax, liveBufferBytes());
  }
  await stream.end();
  t.equal((await readAll(stream)).length, 1);
  t.equal(received, 64 * MIB);
  t.ok(heldMax < 64 * MIB, `${Math.round(heldMax / MIB)} MiB of buffers`);
});

await t.test('leaving the loop cancels the stream at the node', async (t) => {
  const [client, node] = await startSession(t);
  const stream = client.stream(APP, 0);
  await stream.write(pattern(10));
  for await (const chunk of stream) {
    t.equal(chunk.length, 10);
    break;
  }
  await until(() => node.peer.control(ControlOp.CANCEL).length === 1);
  t.equal((await failure(stream.write(pattern(1)))).reason, 'cancelled');
  t.equal((await client.echo(pattern(3))).length, 3, 'the connection goes on');
});

await t.test('cancel(), a signal, a deadline and a failing source end both directions', async (t) => {
  const [client, node] = await startSession(t, { onFrame: (_, frame) => isRequest(frame) });
  const why = new Error('enough');
  const abort = new AbortController();
  const read = (stream: ByteStream): Promise<OapError> => failure(readAll(stream));
  const cancelled = client.stream(APP, 0, { body: pattern(1) });
  const aborted = client.stream(APP, 0, { body: pattern(1), signal: abort.signal });
  const late = client.stream(APP, 0, { body: pattern(1), deadlineMs: 30 });
  const broken = client.stream(APP, 0, {
    body: (async function* () {
      yield pattern(5);
      await sleep(1);
      throw why;
    })(),
  });
  const errors = [read(cancelled), read(aborted), read(late), read(broken)];
  await until(() => node.peer.requests.length === 4);
  cancelled.cancel(why);
  abort.abort(why);
  t.match(await errors[0], { reason: 'cancelled', cause: why });
  t.match(await errors[1], { reason: 'cancelled', cause: why });
  t.match(await errors[2], { reason: 'deadline_exceeded' });
  t.match(await errors[3], { reason: 'cancelled', cause: why });
  await until(() => node.peer.control(ControlOp.CANCEL).length === 4);
});

await t.test('an error in the middle of a reply is thrown behind what came before it', async (t) => {
  const [client] = await startSession(t, {
    onFrame: (peer, frame) => {
      if (!isRequest(frame)) return false;
      peer.reply(frame, pattern(100), Flag.START);
      peer.reply(frame, pattern(50), 0);
      peer.error(frame, Reject.internal);
      return true;
    },
  });
  const stream = client.stream(APP, 0, { body: pattern(1) });
  await sleep(30);
  const seen: number[] = [];
  const error = await failure((async () => {
    for await (const chunk of stream) seen.push(chunk.length);
  })());
  t.same(seen, [100, 50]);
  t.match(error, { reason: 'internal', corrId: '1' });
  t.equal((await failure(stream.head().then(() => client.request(APP, 0, pattern(1))))).reason, 'internal', 'half a reply is none');
});

await t.test('a reply that is complete before the request stops the writer and can be read', async (t) => {
  const [client, node] = await startSession(t, {
    onFrame: (peer, frame) => {
      if (!isRequest(frame)) return false;
      if ((frame.flags & Flag.START) !== 0) peer.reply(frame, pattern(77));
      return true;
    },
  });
  const stream = client.stream(APP, 0, { body: (async function* () { for (;;) { await sleep(1); yield pattern(5); } })() });
  await sleep(30);
  t.equal((await readAll(stream)).length, 77);
  const sent = node.peer.requests.length;
  t.equal((await failure(stream.write(pattern(5)))).reason, 'corr_unknown');
  await sleep(20);
  t.equal(node.peer.requests.length, sent, 'nothing more was sent');
  t.equal(node.peer.control(ControlOp.CANCEL).length, 0, 'nor cancelled: it is over');
});

await t.test('a stream on a lost connection fails on both sides', async (t) => {
  const [client, node] = await startSession(t, { onFrame: (_, frame) => isRequest(frame) });
  const stream = client.stream(APP, 0);
  await stream.write(pattern(10));
  const reading = failure(readAll(stream));
  await until(() => node.peer.requests.length === 1);
  node.peer.socket.destroy();
  t.equal((await reading).reason, 'connection_lost');
  t.equal((await failure(stream.write(pattern(1)))).reason, 'connection_lost');
});

await t.test('a stream given in one piece is sent again when it was refused untouched', async (t) => {
  let refusals = 1;
  const [client, node] = await startSession(t, {
    onFrame: (peer, frame) => {
      if (!isRequest(frame) || refusals === 0) return false;
      if ((frame.flags & Flag.END) !== 0) {
        refusals--;
        peer.error(frame, Reject.inflight_bytes);
      }
      return true;
    },
  });
  t.equal((await readAll(client.stream(APP, 0, { body: pattern(200) }))).length, 200);
  refusals = 1;
  const written = client.stream(APP, 0);
  await written.write(pattern(5));
  void written.end();
  t.equal((await failure(readAll(written))).reason, 'inflight_bytes', 'what was written is not kept');
  t.equal(node.peers.length, 1);
});

await t.test('more tiny frames than anyone could want end the stream, not the process', async (t) => {
  const [client, node] = await startSession(t, {
    onFrame: (peer, frame) => {
      if (!isRequest(frame)) return false;
      if (frame.code === 1) return false;
      for (let sent = 0; sent <= STREAM_CHUNKS_MAX; sent++) peer.reply(frame, pattern(1), sent === 0 ? Flag.START : 0);
      return true;
    },
  });
  const stream = client.stream(APP, 0, { body: pattern(1) });
  await until(() => node.peer.control(ControlOp.CANCEL).length === 1);
  t.match(await failure(readAll(stream)), { reason: 'slow_reader', origin: 'local' });
  t.equal((await client.request(APP, 1)).status, 200);
});

await t.test('ACK_REQ is answered with what was consumed', async (t) => {
  const [client, node] = await startSession(t, {
    onFrame: (peer, frame) => {
      if (isRequest(frame)) peer.reply(frame, pattern(1_000), Flag.START);
      return isRequest(frame);
    },
  });
  const stream = client.stream(APP, 0, { body: pattern(1) });
  const iterator = stream[Symbol.asyncIterator]();
  await iterator.next();
  const [request] = node.peer.requests as [Frame];
  node.peer.reply(request, pattern(10), Flag.ACK_REQ);
  await until(() => creditBytes(node.peer) === 1_000);
  node.peer.reply(request, pattern(0), Flag.END);
  const last = await iterator.next();
  t.equal(last.done === true ? 0 : last.value.length, 10);
  t.equal((await iterator.next()).done, true);
});

await t.test('uploads take turns while the socket is full', async (t) => {
  const [client, node] = await startSession(t, {
    hello: { initial_window: 16 * MIB, max_inflight_bytes: 64 * MIB },
    onFrame: (peer, frame) => {
      if (isRequest(frame) && (frame.flags & Flag.END) !== 0) peer.reply(frame, pattern(1));
      return isRequest(frame);
    },
  });
  node.peer.socket.pause();
  const uploads = [0, 1, 2].map((code) => client.request(APP, code, pattern(8 * MIB)));
  await sleep(50);
  const small = client.request(APP, 9, pattern(10));
  node.peer.socket.resume();
  await Promise.all([...uploads, small]);
  const order = node.peer.requests.map(({ code }) => code);
  // The first fills the socket alone; from then on nobody waits for more than the other two.
  const middle = order.slice(order.indexOf(2), order.indexOf(2) + 150);
  const longestRun = middle.reduce(
    ({ longest, run, last }, code) => {
      const now = code === last ? run + 1 : 1;
      return { longest: Math.max(longest, now), run: now, last: code };
    },
    { longest: 0, run: 0, last: -1 },
  );
  t.ok(longestRun.longest <= 2, `${longestRun.longest} frames of one upload in a row`);
  t.ok(order.indexOf(9) < 150, `a small request came as number ${order.indexOf(9)} of ${order.length}`);
});

await t.test('streams share a connection', async (t) => {
  const [client] = await startSession(t);
  const payloads = Array.from({ length: 12 }, (_, i) => pattern(700_000 + i, i));
  const back = await Promise.all(payloads.map((body) => readAll(client.stream(APP, 0, { body: pieces(body, 40_000) }))));
  t.ok(back.every((bytes, i) => bytes.equals(payloads[i] as Uint8Array)));
});
