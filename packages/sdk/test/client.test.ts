import { setTimeout as sleep } from 'node:timers/promises';
import { Socket } from 'node:net';
import t from 'tap';
import { ControlOp, Flag, OapError, Reject } from '@omnigate/kernel/wire';
import type { Frame } from '@omnigate/kernel/wire';
import { WAITING_CALLS_MAX } from '../src/limits.ts';
import { pattern, pieces, START_END, streamFlags } from './fixtures/scripted-node.ts';
import { failure, isRequest, liveBufferBytes, startSession, until } from './fixtures/session.ts';

const APP = 300;
const TENANT = '00112233445566778899aabbccddeeff';

await t.test('a request comes back with status, flags and a payload of its own', async (t) => {
  const [client, node] = await startSession(t);
  const payload = pattern(100);
  const reply = await client.request(APP, 7, payload, { appE2e: true });
  t.same([reply.status, reply.flags, Buffer.from(reply.payload)], [200, Flag.APP_E2E, Buffer.from(payload)]);
  const [request] = node.peer.requests;
  t.same([request?.app, request?.code, request?.flags], [APP, 7, Flag.REQ | START_END | Flag.APP_E2E]);
  await client.request(APP, 7, pattern(100, 1));
  t.same(Buffer.from(reply.payload), Buffer.from(payload), 'a later reply leaves it alone');
});

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

await t.test('tenant and capability of the client and of one request', async (t) => {
  const cap = Buffer.from('a capability').toString('base64url');
  const [client, node] = await startSession(t, {}, { cap, tenant: TENANT });
  const [hello] = node.peer.frames;
  t.same([Buffer.from(hello?.capability ?? []).toString(), hello?.tenant], ['a capability', TENANT]);
  await client.request(APP, 0);
  await client.request(APP, 0, pattern(3), { cap: Buffer.from('another'), tenant: 'f'.repeat(32) });
  const [plain, special] = node.peer.requests;
  t.same([plain?.capability.length, plain?.tenant], [0, TENANT], 'the HELLO said it for all');
  t.same([Buffer.from(special?.capability ?? []).toString(), special?.tenant], ['another', 'f'.repeat(32)]);
  t.same(Buffer.from(special?.payload ?? []), Buffer.from(pattern(3)));
});

await t.test('a capability that is too long for the HELLO rides on every request', async (t) => {
  const cap = pattern(4_090);
  const [client, node] = await startSession(t, {}, { cap });
  await client.request(APP, 0);
  t.equal(node.peer.frames[0]?.capability.length, 0);
  t.same(Buffer.from(node.peer.requests[0]?.capability ?? []), Buffer.from(cap));
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

await t.test('the queue of waiting calls is bounded', async (t) => {
  const [client, node] = await startSession(t, { hello: { max_inflight: 1 }, onFrame: (_, frame) => isRequest(frame) });
  const first = client.request(APP, 0);
  const waiting = Array.from({ length: WAITING_CALLS_MAX }, () => failure(client.request(APP, 0)));
  t.equal((await failure(client.request(APP, 0))).reason, 'queue_full');
  const closed = client.close();
  t.ok((await Promise.all(waiting)).every(({ reason }) => reason === 'client_closed'));
  await until(() => node.peer.requests.length === 1);
  node.peer.reply(node.peer.requests[0] as Frame, pattern(1));
  t.equal((await first).status, 200);
  await closed;
});

await t.test('an error reply is an OapError with all its fields', async (t) => {
  const [client] = await startSession(t, {
    onFrame: (peer, frame) => {
      if (!isRequest(frame)) return false;
      peer.error(frame, Reject.bad_payload, { message: 'No topic.', detail: { field: 'topic' } });
      return true;
    },
  });
  const error = await failure(client.request(APP, 3));
  t.match(error, { reason: 'bad_payload', status: 400, origin: 'remote', retryable: false, detail: { field: 'topic' } });
  t.match(error.message, /No topic\. Correct the field .* \(400 bad_payload, corr_id 1\)/);
});

await t.test('what is refused as not retryable is sent once; as retryable, again', async (t) => {
  const reasons = [Reject.app_unknown, Reject.internal, Reject.credit_exceeded, Reject.cap_missing];
  let refuse: Reject = Reject.app_unknown;
  let times = 0;
  const [client, node] = await startSession(
    t,
    {
      onFrame: (peer, frame) => {
        if (!isRequest(frame) || times === 0) return false;
        times--;
        peer.error(frame, refuse, refuse.retryable ? { retryAfterMs: 30 } : {});
        return true;
      },
    },
    { retry: { attempts: 3, pauseMs: 1 } },
  );
  for (refuse of reasons) {
    const before = node.peer.requests.length;
    times = 1;
    t.equal((await failure(client.request(APP, 0, pattern(1), { idempotencyKey: 'k' }))).reason, refuse.reason);
    t.equal(node.peer.requests.length, before + 1, `${refuse.reason} is not tried again`);
  }
  refuse = Reject.inflight;
  times = 2;
  const startedAt = performance.now();
  t.equal((await client.request(APP, 0)).status, 200, 'refused twice, answered the third time');
  t.ok(performance.now() - startedAt >= 59, 'retry_after_ms was waited for, twice');
  times = 9;
  t.equal((await failure(client.request(APP, 0))).reason, 'inflight');
  t.equal(times, 6, 'three attempts and no more');
  times = 1;
  t.equal((await failure(client.request(APP, 0, pattern(1), { retry: false }))).reason, 'inflight');
  times = 1;
  refuse = Reject.service_unavailable;
  t.equal((await failure(client.request(APP, 0, pattern(1), { deadlineMs: 20 }))).reason, 'service_unavailable', 'no pause beyond the deadline');
});

await t.test('a deadline ends a call in time, cancels it, and leaves the connection as it was', async (t) => {
  const [client, node] = await startSession(t, { onFrame: (_, frame) => isRequest(frame) && frame.code === 1 });
  const startedAt = performance.now();
  const error = await failure(client.request(APP, 1, pattern(5), { deadlineMs: 60 }));
  const tookMs = performance.now() - startedAt;
  t.equal(error.reason, 'deadline_exceeded');
  t.match(error.message, /app 300 op 1 was not answered within 60 ms.*corr_id 1/);
  t.ok(tookMs >= 59 && tookMs < 200, `took ${tookMs} ms`);
  await until(() => node.peer.control(ControlOp.CANCEL).length === 1);
  const [request] = node.peer.requests as [Frame];
  t.equal(node.peer.control(ControlOp.CANCEL)[0]?.corrId, request.corrId);
  node.peer.reply(request, pattern(1));
  t.equal((await client.request(APP, 2)).status, 200, 'a late reply is ignored');
});

await t.test('a busy process does not time out what has arrived meanwhile', async (t) => {
  const [client] = await startSession(t, {
    onFrame: (peer, frame) => {
      if (!isRequest(frame)) return false;
      peer.reply(frame, frame.payload);
      // The reply lies in the socket of the client, who is in this process.
      for (const until = performance.now() + 150; performance.now() < until; );
      return true;
    },
  });
  t.equal((await client.echo(pattern(5), { deadlineMs: 50 })).length, 5);
});

await t.test('many deadlines at once do not look like a rapid reset', async (t) => {
  const [client, node] = await startSession(t, { onFrame: (_, frame) => isRequest(frame) });
  const calls = Array.from({ length: 200 }, () => failure(client.request(APP, 0, pattern(1), { deadlineMs: 30 })));
  t.ok((await Promise.all(calls)).every(({ reason }) => reason === 'deadline_exceeded'));
  await until(() => node.peer.control(ControlOp.CANCEL).length > 0);
  t.ok(node.peer.control(ControlOp.CANCEL).length < 50, 'no more than a node puts up with');
  await until(() => node.peer.control(ControlOp.CANCEL).length === 200);
  t.equal(new Set(node.peer.control(ControlOp.CANCEL).map(({ corrId }) => corrId)).size, 200, 'each of them once');
});

await t.test('an aborted signal cancels a call wherever it is', async (t) => {
  const [client, node] = await startSession(t, { hello: { max_inflight: 1 }, onFrame: (_, frame) => isRequest(frame) });
  const abort = new AbortController();
  const why = new Error('changed my mind');
  const inFlight = failure(client.request(APP, 0, pattern(1), { signal: abort.signal }));
  const waiting = failure(client.request(APP, 0, pattern(1), { signal: abort.signal }));
  await until(() => node.peer.requests.length === 1);
  abort.abort(why);
  for (const error of [await inFlight, await waiting]) t.match(error, { reason: 'cancelled', cause: why });
  await until(() => node.peer.control(ControlOp.CANCEL).length === 1);
  t.equal((await failure(client.request(APP, 0, pattern(1), { signal: abort.signal }))).reason, 'cancelled');
  t.equal(node.peer.requests.length, 1, 'neither of the others was sent');
});

await t.test('a signal that outlives its calls keeps nothing of them', async (t) => {
  const [client] = await startSession(t);
  const { signal } = new AbortController();
  let listeners = 0;
  const counted = new Proxy(signal, {
    get: (target, name) => {
      if (name === 'addEventListener') listeners++;
      if (name === 'removeEventListener') listeners--;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  await Promise.all(Array.from({ length: 20 }, () => client.echo(pattern(1), { signal: counted })));
  t.equal(listeners, 0);
});

await t.test('events are one-way; a refused one is told to the listener', async (t) => {
  const [client, node] = await startSession(t, {
    onFrame: (peer, frame) => {
      // The late error of a request that was let go is nobody's business.
      if (frame.code === 7) setTimeout(() => { peer.error(frame, Reject.internal); }, 30);
      if (frame.code === 9) setTimeout(() => { peer.error(frame, Reject.op_unknown); }, 60);
      return frame.code >= 7;
    },
  });
  const refused: OapError[] = [];
  client.onRefused((error) => refused.push(error));
  t.equal((await failure(client.request(APP, 7, pattern(1), { deadlineMs: 10 }))).reason, 'deadline_exceeded');
  await client.event(APP, 8, pattern(5));
  await client.event(APP, 9, pattern(5));
  await until(() => refused.length === 1);
  const events = node.peer.frames.filter(({ app, code }) => app === APP && code > 7);
  t.same(events.map(({ flags, code }) => [flags, code]), [[Flag.EVENT | START_END, 8], [Flag.EVENT | START_END, 9]]);
  t.match(refused[0], { reason: 'op_unknown', corrId: String(events[1]?.corrId) });
  t.equal((await failure(client.event(APP, 8, pattern(1_048_576)))).reason, 'frame_too_large');
});

await t.test('ping and echo', async (t) => {
  const [client] = await startSession(t);
  const ms = await client.ping();
  t.ok(ms > 0 && ms < 1_000);
  t.same(Buffer.from(await client.echo(Buffer.from('hello'))).toString(), 'hello');
});

await t.test('wrong arguments are refused as such', async (t) => {
  const [client, node] = await startSession(t);
  await t.rejects(client.request(0, 1), RangeError, 'app 0 is the connection itself');
  await t.rejects(client.request(65_536, 1), RangeError);
  await t.rejects(client.request(1, -1), RangeError);
  await t.rejects(client.request(1, 1, 'text' as unknown as Uint8Array), TypeError);
  await t.rejects(client.request(1, 1, pattern(1), { deadlineMs: -1 }), TypeError);
  await t.rejects(client.request(1, 1, pattern(1), { tenant: 'me' }), TypeError);
  await t.rejects(client.request(1, 1, pattern(1), { cap: 'not base64url!' }), TypeError);
  t.equal(node.peer.requests.length, 0);
});

await t.test('close lets requests in flight finish and refuses all others', async (t) => {
  const [client, node] = await startSession(t, {
    onFrame: (peer, frame) => {
      if (isRequest(frame)) setTimeout(() => { peer.reply(frame, frame.payload); }, 50);
      return isRequest(frame);
    },
  });
  const inFlight = client.request(APP, 0, pattern(9));
  await until(() => node.peer.requests.length === 1);
  const closed = client.close();
  t.equal((await failure(client.request(APP, 0))).reason, 'client_closed');
  t.equal((await inFlight).payload.length, 9);
  await closed;
  await until(() => node.peer.socket.destroyed);
  t.equal(client.close(), closed, 'closing again is harmless');
});

await t.test('close ends streams at once', async (t) => {
  const [client, node] = await startSession(t, { onFrame: (_, frame) => isRequest(frame) });
  const stream = client.stream(APP, 0);
  await stream.write(pattern(5));
  const reading = failure(stream.head());
  const startedAt = performance.now();
  await client.close();
  t.equal((await reading).reason, 'client_closed');
  t.ok(performance.now() - startedAt < 1_000);
  await until(() => node.peer.socket.destroyed);
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
