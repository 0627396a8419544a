import t from 'tap';
import { ControlOp, Reject } from '@omnigate/kernel/wire';
import type { Frame } from '@omnigate/kernel/wire';
import { WAITING_CALLS_MAX } from '../src/limits.ts';
import { pattern } from './fixtures/scripted-node.ts';
import type { Peer } from './fixtures/scripted-node.ts';
import { failure, isRequest, startSession, until } from './fixtures/session.ts';

const APP = 300;

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

await t.test('short calls pass bulk that waits for room at the node, and never keep it waiting', async (t) => {
  const held: [Peer, Frame][] = [];
  const heldBytes = (): number[] => held.map(([, { payload }]) => payload.length);
  let holdsShort = false;
  const [client] = await startSession(t, {
    hello: { max_inflight_bytes: 4 * 1_048_576 },
    onFrame: (peer, frame) => {
      const isHeld = isRequest(frame) && (holdsShort || frame.payload.length > 100_000);
      if (isHeld) held.push([peer, frame]);
      return isHeld;
    },
  });
  const bulk = Array.from({ length: 21 }, (_, i) => client.request(APP, 0, pattern(i < 20 ? 200_000 : 1_000_000)));
  await until(() => held.length === 18);
  const quick = Array.from({ length: 200 }, () => client.request(APP, 0, pattern(10_000)));
  t.equal((await Promise.all(quick)).length, 200, 'the node had room for them');
  t.equal(held.length, 18, 'and bulk left them an eighth');

  holdsShort = true;
  const short = Array.from({ length: 100 }, () => client.request(APP, 0, pattern(60_000)));
  await until(() => held.length === 26);
  for (const [peer, frame] of held.splice(0, 18)) peer.reply(frame, pattern(1));
  await until(() => heldBytes().includes(1_000_000));
  t.same(heldBytes().slice(0, 11), [...Array<number>(8).fill(60_000), 200_000, 200_000, 1_000_000], 'they used no more, so that bulk had its turn');
  holdsShort = false;
  for (const [peer, frame] of held.splice(0)) peer.reply(frame, pattern(1));
  await until(() => held.length === 0);
  await Promise.all([...bulk, ...short]);
});
