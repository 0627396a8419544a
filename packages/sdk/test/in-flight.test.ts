import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { ControlOp, Flag, OapError } from '@omnigate/kernel/wire';
import type { Frame } from '@omnigate/kernel/wire';
import { pattern, pieces, streamFlags } from './fixtures/scripted-node.ts';
import { failure, isRequest, liveBufferBytes, startSession, until } from './fixtures/session.ts';

const APP = 300;

await t.test('replies cut at every byte are the same replies', async (t) => {
  const [client] = await startSession(t, { splitBytes: 1 });
  for (const bytes of [0, 1, 33, 300]) {
    t.same(Buffer.from(await client.echo(pattern(bytes))), Buffer.from(pattern(bytes)));
  }
  const large = pattern(200_000);
  const [whole] = await startSession(t, { splitBytes: 4_099 });
  t.same(Buffer.from(await whole.echo(large)), Buffer.from(large));
});

await t.test('256 in flight come back to whom they belong, in any order', async (t) => {
  const held: Frame[] = [];
  const [client, node] = await startSession(t, {
    onFrame: (peer, frame) => {
      if (!isRequest(frame)) return false;
      held.push(frame);
      if (held.length === 256) for (const each of held.splice(0).reverse()) peer.reply(each, each.payload);
      return true;
    },
  });
  for (let round = 0; round < 3; round++) {
    const replies = await Promise.all(Array.from({ length: 256 }, (_, i) => client.request(APP, 0, pattern(40, i))));
    for (const [i, { payload }] of replies.entries()) {
      if (!Buffer.from(pattern(40, i)).equals(payload)) t.fail(`reply ${i} belongs to another request`);
    }
  }
  t.equal(new Set(node.peer.requests.map(({ corrId }) => corrId)).size, 768, 'no corr_id was used twice');
});

await t.test('requests of one turn leave in one write', async (t) => {
  const [client, node] = await startSession(t);
  let writes = 0;
  const write = Reflect.get(Socket.prototype, 'write') as (this: Socket, ...args: unknown[]) => boolean;
  t.teardown(() => Reflect.set(Socket.prototype, 'write', write));
  Reflect.set(Socket.prototype, 'write', function (this: Socket, ...args: unknown[]) {
    if (this.remotePort === node.port) writes++;
    return write.apply(this, args);
  });
  await Promise.all(Array.from({ length: 100 }, () => client.echo(pattern(64))));
  t.equal(writes, 1);
  // As many continuations of one read make requests of their own.
  await Promise.all(Array.from({ length: 100 }, async () => client.echo(await client.echo(pattern(64)))));
  t.ok(writes <= 4, `${writes} writes`);
});

await t.test('a large request is cut into frames under credit, a large reply is collected', async (t) => {
  const [client, node] = await startSession(t);
  const payload = pattern(5_000_000);
  t.ok(Buffer.from(await client.echo(payload)).equals(payload));
  const { requests } = node.peer;
  t.equal(requests.length, Math.ceil(5_000_000 / 65_536));
  t.same(
    requests.map(({ flags }) => flags),
    requests.map((_, index) => Flag.REQ | streamFlags(index, requests.length)),
  );
  t.ok(node.peer.control(ControlOp.CREDIT).length >= 5, 'the reply got credit');
});

await t.test('a request stays within the window until the node grants more', async (t) => {
  const [client, node] = await startSession(t, { hello: { initial_window: 100_000 }, onFrame: (_, frame) => isRequest(frame) });
  const call = client.request(APP, 0, pattern(1_200_000));
  const received = (): number => node.peer.requests.reduce((sum, { payload }) => sum + payload.length, 0);
  await until(() => received() === 100_000);
  await sleep(30);
  t.equal(received(), 100_000, 'nothing beyond the window');
  const [first] = node.peer.requests as [Frame];
  node.peer.credit(first, 70_000);
  await until(() => received() === 170_000);
  node.peer.credit(first, 2_000_000);
  await until(() => received() === 1_200_000);
  t.equal((node.peer.requests.at(-1)?.flags ?? 0) & Flag.END, Flag.END);
  node.peer.reply(first, pattern(1));
  t.equal((await call).payload.length, 1);
});

await t.test('frames keep to a small max_frame, capability included', async (t) => {
  const [client, node] = await startSession(t, { hello: { max_frame: 4_096 } });
  await client.request(APP, 0, pattern(20_000), { cap: pattern(1_000) });
  const sizes = node.peer.requests.map(({ payload, capability }) => 38 + payload.length + capability.length);
  t.ok(sizes.every((size) => size <= 4_096), `frames of ${String(sizes)} bytes`);
  t.equal(node.peer.requests.reduce((sum, { payload }) => sum + payload.length, 0), 20_000);
});

await t.test('max_inflight and max_inflight_bytes are kept by waiting', async (t) => {
  let open = 0;
  let openMax = 0;
  const [client] = await startSession(t, {
    hello: { max_inflight: 4, max_inflight_bytes: 1_000 },
    onFrame: (peer, frame) => {
      if (!isRequest(frame)) return false;
      openMax = Math.max(openMax, ++open);
      setTimeout(() => {
        open--;
        peer.reply(frame, frame.payload);
      }, 2);
      return true;
    },
  });
  await Promise.all(Array.from({ length: 40 }, () => client.request(APP, 0, pattern(10))));
  t.equal(openMax, 4);
  openMax = 0;
  await Promise.all(Array.from({ length: 10 }, () => client.request(APP, 0, pattern(400))));
  t.equal(openMax, 2, 'two of 400 bytes fit 1,000');
});

await t.test('a node that does not read holds requests back, within bounds', async (t) => {
  const [client, node] = await startSession(t, { hello: { max_inflight: 10_000, max_inflight_bytes: 1e9 } });
  node.peer.socket.pause();
  const payload = pattern(10_000);
  const before = liveBufferBytes();
  const calls: Promise<Uint8Array>[] = [];
  for (let i = 0; i < 4_000; i++) {
    calls.push(client.echo(payload));
    if (i % 100 === 0) await sleep(1);
  }
  const grewBytes = liveBufferBytes() - before;
  t.ok(grewBytes < 8 * 1_048_576, `${grewBytes} bytes are held for 40 MB of requests`);
  node.peer.socket.resume();
  t.ok((await Promise.all(calls)).every((bytes) => bytes.length === 10_000));
});

await t.test('a reply that breaks the protocol ends the connection, not the process', async (t) => {
  const broken: ((frame: Frame, send: (flags: number, bytes: number) => void) => void)[] = [
    (_, send) => { send(0, 3); },
    (_, send) => { send(Flag.START, 3); send(Flag.START, 3); },
    (_, send) => { for (let i = 0; i < 3; i++) send(i === 0 ? Flag.START : 0, 2_000); },
  ];
  for (const misbehave of broken) {
    const [client] = await startSession(
      t,
      {
        onFrame: (peer, frame) => {
          if (!isRequest(frame) || frame.code !== 1) return false;
          misbehave(frame, (flags, bytes) => { peer.reply(frame, pattern(bytes), flags); });
          return true;
        },
      },
      { windowBytes: 4_096 },
    );
    const stream = client.stream(APP, 1, { body: pattern(1) });
    const error = await failure(stream.head().then(() => sleep(50)).then(() => stream.write(pattern(1))).catch(async (thrown: unknown) => {
      if (thrown instanceof OapError) throw thrown;
      for await (const chunk of stream) if (chunk.length < 0) return;
    }));
    t.equal(error.reason, 'connection_lost');
    t.match(error.cause, { reason: 'bad_response' });
    t.equal((await client.request(APP, 2)).status, 200, 'a new connection was made');
  }
});

await t.test('a streamed reply is collected, whatever its pieces', async (t) => {
  const whole = pattern(500_000);
  const [client] = await startSession(t, {
    onFrame: (peer, frame) => {
      if (!isRequest(frame)) return false;
      const parts = [pattern(0), ...pieces(whole, 7_001), pattern(0)];
      for (const [index, part] of parts.entries()) peer.reply(frame, part, streamFlags(index, parts.length), 206);
      return true;
    },
  });
  const { status, payload } = await client.request(APP, 0);
  t.equal(status, 206);
  t.ok(Buffer.from(payload).equals(whole));
});
