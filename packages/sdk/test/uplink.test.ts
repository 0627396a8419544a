import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { APP_CONTROL, ControlOp, encodeErrorBody, encodeFrame, encodeRevoked, Flag, Reject } from '@omnigate/kernel/wire';
import type { Frame, GoAway } from '@omnigate/kernel/wire';
import type { Client } from '../src/index.ts';
import { pattern, ScriptedNode, START_END } from './fixtures/scripted-node.ts';
import type { Peer } from './fixtures/scripted-node.ts';
import { failure, isRequest, startSession, until } from './fixtures/session.ts';

const APP = 300;

await t.test('a lost connection: what was under way is unknown, what waits goes on', async (t) => {
  let drop = true;
  const [client, node] = await startSession(t, {
    hello: { max_inflight: 2 },
    onFrame: (peer, frame) => {
      if (isRequest(frame) && drop) peer.socket.destroy();
      return isRequest(frame) && drop;
    },
  });
  const plain = failure(client.request(APP, 0, pattern(1)));
  const keyed = client.request(APP, 1, pattern(2), { idempotencyKey: 'order-17' });
  const waiting = client.request(APP, 2, pattern(3));
  await until(() => node.peer.socket.destroyed);
  drop = false;
  const error = await plain;
  t.match(error, { reason: 'connection_lost', corrId: '1', origin: 'local' });
  t.match(error.message, /app 300 op 0 was answered: whether it was carried out is unknown/);
  t.equal((await keyed).payload.length, 2, 'with an idempotency key it was sent again');
  t.equal((await waiting).payload.length, 3, 'what had not been sent is sent on the new connection');
  t.same(node.peer.requests.map(({ code }) => code).sort(), [1, 2], 'the first one was not repeated');
});

await t.test('echo is known to be safe to repeat; retry: false hears of everything', async (t) => {
  let drops = 1;
  const [client, node] = await startSession(t, {
    onFrame: (peer, frame) => {
      if (!isRequest(frame) || drops === 0) return false;
      drops--;
      peer.socket.destroy();
      return true;
    },
  });
  t.equal((await client.echo(pattern(10))).length, 10);
  t.equal(node.peers.length, 2);
  drops = 1;
  t.equal((await failure(client.echo(pattern(10), { retry: false }))).reason, 'connection_lost');
  drops = 9;
  t.equal((await failure(client.request(APP, 0, pattern(1), { idempotent: true }))).reason, 'connection_lost');
  t.equal(drops, 5, 'four attempts and no more');
});

await t.test('connections cut at every byte of a reply never give a wrong answer', async (t) => {
  const wanted = pattern(30);
  let cutAt = -1;
  const [client] = await startSession(t, {
    onFrame: (peer, frame) => {
      if (!isRequest(frame) || cutAt < 0) return false;
      const { app, corrId, payload } = frame;
      const reply = encodeFrame({ app, corrId, code: 200, flags: Flag.RESP | START_END, payload });
      peer.socket.write(reply.subarray(0, cutAt), () => {
        peer.socket.destroy();
      });
      return true;
    },
  });
  for (const cut of [0, 1, 3, 4, 5, 6, 20, 37, 38, 39, 60, 67]) {
    // A connection that served is replaced at once; one that never did, later and later.
    cutAt = -1;
    await client.request(APP, 0, wanted);
    cutAt = cut;
    const error = await failure(client.request(APP, 0, wanted));
    t.equal(error.reason, 'connection_lost', `cut after ${cut} bytes`);
  }
  cutAt = -1;
  t.same(Buffer.from((await client.request(APP, 0, wanted)).payload), Buffer.from(wanted));
});

await t.test('requests made while the node is away wait for it, until their deadline', async (t) => {
  const [client, node] = await startSession(t);
  const { port } = node;
  await client.echo(pattern(1));
  await node[Symbol.asyncDispose]();
  await sleep(20);
  const impatient = failure(client.request(APP, 0, pattern(1), { retry: false }));
  const early = failure(client.request(APP, 0, pattern(1), { deadlineMs: 250 }));
  const patient = client.request(APP, 0, pattern(7));
  t.match(await impatient, { reason: 'connect_failed' }, 'without retries the first failure counts');
  const error = await early;
  t.equal(error.reason, 'deadline_exceeded');
  t.match(error.message, /within 250 ms: there was no connection to send it on/);
  t.match(error.cause, { reason: 'connect_failed', detail: { kind: 'refused' } });
  await using again = await ScriptedNode.start({ port });
  t.equal((await patient).payload.length, 7);
  t.equal(again.peer.requests.length, 1, 'the expired one was not sent');
});

await t.test('waiting calls do not wait for what will never be', async (t) => {
  const [client, node] = await startSession(t);
  const { port } = node;
  await client.echo(pattern(1));
  await node[Symbol.asyncDispose]();
  await sleep(20);
  const waiting = failure(client.request(APP, 0));
  await using refusing = await ScriptedNode.start({
    port,
    onFrame: (peer, frame) => {
      peer.error(frame, Reject.cap_missing);
      return true;
    },
  });
  t.match(await waiting, { reason: 'cap_missing', detail: { kind: 'hello_refused' } });
  t.equal(refusing.peers.length, 1);
});

await t.test('what had not left when the connection ended is sent on the next one', async (t) => {
  const [client, node] = await startSession(t);
  const calls: Promise<unknown>[] = [];
  client.onRevoked(() => calls.push(client.request(APP, 0, pattern(9))));
  // A listener runs while the read is handled; the broken frame behind it ends the connection before any write.
  const revoked = encodeFrame({ app: APP_CONTROL, code: ControlOp.REVOKED, flags: Flag.EVENT | START_END, payload: encodeRevoked(8) });
  node.peer.socket.write(Buffer.concat([revoked, Buffer.alloc(38)]));
  await until(() => calls.length === 1);
  t.match(await calls[0], { status: 200 });
  t.same(node.peers.map(({ requests }) => requests.length), [0, 1]);
});

await t.test('the onReconnect hook runs for every connection but the first', async (t) => {
  const [client, node] = await startSession(t);
  const seen: Client[] = [];
  const off = client.onReconnect(async (same) => {
    seen.push(same);
    await same.echo(pattern(1));
    throw new Error('a listener that fails harms nobody');
  });
  node.peer.socket.destroy();
  await until(() => seen.length === 1);
  t.equal(seen[0], client);
  await until(() => node.peer.requests.length === 1);
  off();
  node.peer.socket.destroy();
  await until(() => node.peers.length === 3);
  await client.echo(pattern(1));
  t.equal(seen.length, 1, 'taken away');
});

await t.test('GOAWAY under load loses no request', async (t) => {
  let draining: Peer | undefined;
  const [client, node] = await startSession(t, {
    onFrame: (peer, frame) => {
      if (!isRequest(frame)) return false;
      if (peer === draining) peer.error(frame, Reject.draining);
      else setTimeout(() => { peer.reply(frame, frame.payload); }, Math.random() * 8);
      return true;
    },
  });
  const goAways: GoAway[] = [];
  client.onGoAway((goAway) => goAways.push(goAway));
  let running = true;
  let answered = 0;
  const worker = async (): Promise<void> => {
    while (running) {
      await client.request(APP, 0, pattern(20));
      answered++;
    }
  };
  const workers = Array.from({ length: 64 }, worker);
  for (let round = 1; round <= 5; round++) {
    await sleep(60);
    draining = node.peer;
    draining.goAway(2_000);
    await until(() => node.peers.length === round + 1);
  }
  await sleep(60);
  running = false;
  await Promise.all(workers);
  t.ok(answered > 500, `${answered} requests, none of which failed`);
  t.same(goAways, Array(5).fill({ reason: 'restart', drainMs: 2_000 }));
  await until(() => node.peers.slice(0, -1).every(({ socket }) => socket.destroyed));
  t.notOk(node.peer.socket.destroyed, 'only the drained ones were closed');
});

await t.test('what is in flight on a drained connection finishes there', async (t) => {
  const [client, node] = await startSession(t, { onFrame: (_, frame) => isRequest(frame) && frame.code === 1 });
  const slow = client.request(APP, 1, pattern(3));
  await until(() => node.peer.requests.length === 1);
  const old = node.peer;
  old.goAway(2_000);
  await until(() => node.peers.length === 2);
  t.equal((await client.request(APP, 2, pattern(1))).status, 200);
  t.equal(node.peer.requests.length, 1, 'on the new connection');
  old.reply(old.requests[0] as Frame, pattern(3));
  t.equal((await slow).payload.length, 3);
  await until(() => old.socket.destroyed);
});

await t.test('a drain that takes too long ends', async (t) => {
  const [client, node] = await startSession(t, { onFrame: (_, frame) => isRequest(frame) });
  const stuck = failure(client.request(APP, 1));
  await until(() => node.peer.requests.length === 1);
  const startedAt = performance.now();
  node.peer.goAway(100);
  t.match(await stuck, { reason: 'connection_lost', cause: { message: /drain time/ } });
  const tookMs = performance.now() - startedAt;
  t.ok(tookMs >= 1_000 && tookMs < 2_500, `after ${tookMs} ms`);
});

await t.test('a node that drains from the first moment is not stormed, and its successor is found', async (t) => {
  const node = await ScriptedNode.start({
    onFrame: (peer, frame) => {
      if (frame.app !== APP_CONTROL || frame.code !== ControlOp.HELLO) return false;
      peer.sayHello(frame);
      if (node.peers.length > 1) peer.goAway(5_000);
      return true;
    },
  });
  t.teardown(() => node[Symbol.asyncDispose]());
  const { connect } = await import('../src/index.ts');
  const client = await connect({ url: node.url });
  t.teardown(() => client.close());
  node.peer.goAway(5_000);
  await sleep(600);
  t.ok(node.peers.length >= 2 && node.peers.length < 8, `${node.peers.length} connections in 600 ms`);
  const waiting = client.request(APP, 0, pattern(5));
  const { port } = node;
  await node[Symbol.asyncDispose]();
  await using successor = await ScriptedNode.start({ port });
  t.equal((await waiting).payload.length, 5);
  t.equal(successor.peer.requests.length, 1);
});

await t.test('a silent connection is asked with a PING, and given up without an answer', async (t) => {
  let silent = false;
  const [client, node] = await startSession(t, {
    hello: { idle_timeout_ms: 90 },
    onFrame: () => silent,
  });
  const pings = (): number => node.peers[0]?.frames.filter(({ app, code, flags }) => app === 0 && code === 1 && (flags & Flag.REQ) !== 0).length ?? 0;
  await until(() => pings() >= 3);
  t.equal(node.peers.length, 1, 'answered PINGs keep the connection');
  silent = true;
  const error = await failure(client.request(APP, 0));
  t.match(error, { reason: 'connection_lost', cause: { message: /gave no sign of life/ } });
});

await t.test('REVOKED and the last words of a node', async (t) => {
  const [client, node] = await startSession(t, {}, {});
  const revoked: number[] = [];
  client.onRevoked((seq) => revoked.push(seq));
  t.equal(client.hello.revocation_seq, 7);
  node.peer.event(ControlOp.REVOKED, encodeRevoked(8));
  await until(() => revoked.length === 1);
  t.same(revoked, [8]);
  const stream = client.stream(APP, 0);
  await stream.write(pattern(1));
  const { reason, status } = Reject.flood;
  node.peer.send({ app: APP_CONTROL, code: status, flags: Flag.RESP | START_END, payload: encodeErrorBody(Reject.flood) });
  node.peer.socket.end();
  const error = await failure(stream.head());
  t.match(error, { reason: 'connection_lost', cause: { cause: { reason } } });
});

await t.test('closing while the node is away ends the waiting calls and lets the process go', async (t) => {
  const [client, node] = await startSession(t);
  await node[Symbol.asyncDispose]();
  await sleep(20);
  const waiting = failure(client.request(APP, 0));
  await client.close();
  t.equal((await waiting).reason, 'client_closed');
});
