import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { ControlOp, decodeGoAway, decodeRevoked } from '../src/wire/control.ts';
import { errorOf, rightError } from './fixtures/attack.ts';
import { bodyOf, hello, part, pattern, ping, request, start, textOf } from './fixtures/frames.ts';
import { assertServed, TestClock, TestNode } from './fixtures/node.ts';
import { Peer } from './fixtures/peer.ts';
import { HELD, HeldService } from './fixtures/services.ts';
import { pause, turn, until } from './fixtures/until.ts';

const atHeld = { app: HELD };

void t.test('places', async (t) => {
  await t.test('of one address', async (t) => {
    await using node = await TestNode.start({ connectionLimits: { total: 100, perAddress: 5 } });
    const peers = await Promise.all(Array.from({ length: 5 }, () => Peer.open(node.address)));
    for (let n = 1; n <= 20; n++) {
      await using sixth = await Peer.dial(node.address);
      await sixth.ended();
      t.equal(sixth.inbox.length, 0, 'closed without a word');
      t.equal(node.rejected('conn_limit'), n);
    }
    await using elsewhere = await Peer.dial(node.address, undefined, '127.0.0.2');
    elsewhere.send(hello());
    t.equal((await elsewhere.take(0)).code, 200, 'another address has places of its own');
    for (const peer of peers) await assertServed(peer);
    await peers[0]?.[Symbol.asyncDispose]();
    await node.calm(5);
    await using next = await Peer.open(node.address);
    await assertServed(next);
    for (const peer of peers) await peer[Symbol.asyncDispose]();
  });

  await t.test('in all', async (t) => {
    await using node = await TestNode.start({ connectionLimits: { total: 3, perAddress: 100 } });
    const peers = await Promise.all([1, 2, 3].map((n) => Peer.dial(node.address, undefined, `127.0.0.${n}`)));
    await until('all to be there', () => node.metrics.connections === 3);
    await using fourth = await Peer.dial(node.address, undefined, '127.0.0.4');
    await fourth.ended();
    t.equal(node.rejected('conn_limit'), 1);
    for (const peer of peers) peer.reset();
    await node.calm(0);
    await using later = await Peer.open(node.address);
    await assertServed(later);
  });

  await t.test('are released however a connection ends', async (t) => {
    await using node = await TestNode.start({ connectionLimits: { total: 10, perAddress: 10 } });
    const endings: Record<string, (peer: Peer) => Promise<unknown>> = {
      'by a reset': async (peer) => {
        peer.reset();
        await peer.ended();
      },
      'by a half-close': async (peer) => {
        peer.socket.end();
        await peer.ended();
      },
      'by a fault': async (peer) => {
        peer.send(new Uint8Array(38));
        await peer.ended();
      },
      'by a truncated frame': async (peer) => {
        peer.socket.end(new Uint8Array(1));
        await peer.ended();
      },
    };
    for (const [name, end] of Object.entries(endings)) {
      for (let round = 0; round < 25; round++) {
        const peer = await Peer.dial(node.address);
        await end(peer);
        await peer[Symbol.asyncDispose]();
      }
      await node.calm(0);
      t.equal(node.rejected('conn_limit'), 0, name);
    }
    t.equal(node.metrics.connectionsTotal, 100);
  });
});

void t.test('a drain', async (t) => {
  await t.test('lets open requests finish and refuses new ones', async (t) => {
    const held = new HeldService();
    await using node = await TestNode.start({ services: [held] });
    await using peer = await Peer.open(node.address);
    await using waiting = await Peer.dial(node.address);
    peer.send(request(1, 'open', atHeld), start(2, 'a', atHeld));
    await held.call(1);

    const begin = performance.now();
    const drained = node.server.drain({ reason: 'update', acceptMs: 300, timeoutMs: 5_000 });
    const again = node.server.drain({ reason: 'twice' });
    const told = await peer.take(0);
    t.strictSame([told.code, decodeGoAway(told.payload)], [ControlOp.GOAWAY, { reason: 'update', drainMs: 5_000 }]);

    peer.send(request(3, ''), start(4, ''), part(4, 'x'), part(2, 'b', atHeld));
    t.strictSame(errorOf(await peer.take(3)), rightError('draining', { corr: 3, app: 1 }));
    t.strictSame(errorOf(await peer.take(4)), rightError('draining', { corr: 4, app: 1 }));
    t.equal(node.metrics.glitches, 0, 'no fault of the peer');

    await pause(50);
    waiting.send(hello());
    const [reply, event] = [await waiting.take(({ code }) => code === 200), await waiting.take(({ code }) => code === ControlOp.GOAWAY)];
    t.equal(reply.code, 200, 'a connection that was not greeted yet is greeted');
    t.equal(decodeGoAway(event.payload).reason, 'update');
    await using late = await Peer.dial(node.address);
    late.send(hello());
    const { drainMs } = decodeGoAway((await late.take(({ code }) => code === ControlOp.GOAWAY)).payload);
    t.ok(drainMs <= 5_000 - 50, `a late one is told what is left: ${drainMs}`);

    await until('the listener to close', () => performance.now() - begin > 450);
    await t.rejects(Peer.dial(node.address), { code: 'ECONNREFUSED' });
    held.calls[0]?.reply.end(200, held.calls[0].request.payload);
    held.calls[1]?.reply.end(200, Buffer.concat(held.calls[1].parts));
    t.equal(textOf(await peer.take(1)), 'open');
    t.equal(textOf(await peer.take(2)), 'ab');
    t.equal(await peer.ended(), 'fin');
    peer.socket.end();
    for (const other of [waiting, late]) {
      await other.ended();
      other.socket.end();
    }
    t.equal(await drained, 0);
    await again;
    t.ok(performance.now() - begin < 4_500, 'it did not take longer than needed');
    t.equal(node.metrics.connections, 0);
  });

  await t.test('cuts off what is left in the end', async (t) => {
    const held = new HeldService();
    await using node = await TestNode.start({ services: [held] });
    await using peer = await Peer.open(node.address);
    peer.send(request(1, '', atHeld), request(2, pattern(10, 1), atHeld));
    await held.call(1);
    t.equal(await node.server.drain({ reason: 'now', acceptMs: 0, timeoutMs: 250 }), 2, 'and says how much that was');
    await peer.ended();
    t.equal(node.metrics.connections, 0);
    t.equal(node.metrics.inflight, 0);
    t.strictSame(held.calls.map(({ heard }) => heard), [['cancel'], ['cancel']]);
  });

  await t.test('cuts nothing off when a peer only will not go', async (t) => {
    await using node = await TestNode.start();
    await using peer = await Peer.open(node.address);
    const drained = node.server.drain({ reason: 'now', acceptMs: 0, timeoutMs: 1_500 });
    const asking = setInterval(() => {
      peer.send(ping(7));
    }, 100);
    t.equal(await drained, 0);
    clearInterval(asking);
  });

  await t.test('is over at once when nobody is there', async (t) => {
    await using node = await TestNode.start();
    const begin = performance.now();
    await node.server.drain({ reason: 'idle' });
    t.ok(performance.now() - begin < 1_000);
    await t.rejects(Peer.dial(node.address), { code: 'ECONNREFUSED' });
  });

  await t.test('loses no request of a client that follows it', async (t) => {
    const nodes = await Promise.all([1, 2].map(() => TestNode.start()));
    const [old, fresh] = nodes as [TestNode, TestNode];
    let peer = await Peer.open(old.address);
    let drained: Promise<number> | undefined;
    let moved = false;
    for (let n = 1; n <= 300; n++) {
      if (n === 100) drained = old.server.drain({ reason: 'update', acceptMs: 0, timeoutMs: 5_000 });
      for (let answered = false; !answered; ) {
        peer.send(request(n, `${n}`));
        const reply = await peer.take(n);
        if (reply.code === 503 || peer.inbox.some(({ code }) => code === ControlOp.GOAWAY)) {
          if (!moved) {
            peer.socket.end();
            peer = await Peer.open(fresh.address);
          }
          moved = true;
        }
        answered = reply.code === 200 && textOf(reply) === `${n}`;
      }
    }
    await drained;
    t.equal(moved, true);
    await peer[Symbol.asyncDispose]();
    await fresh[Symbol.asyncDispose]();
  });
});

void t.test('a revocation is told to all who are connected, and to all who come', async (t) => {
  await using node = await TestNode.start();
  await using one = await Peer.open(node.address);
  await using two = await Peer.open(node.address);
  await using silent = await Peer.dial(node.address);
  await until('all to be there', () => node.metrics.connections === 3);
  node.server.announceRevocation(42);
  for (const peer of [one, two]) {
    const event = await peer.take(0);
    t.strictSame([event.code, decodeRevoked(event.payload)], [ControlOp.REVOKED, 42]);
  }
  await assertServed(one);
  silent.send(hello());
  const reply = await silent.take(0);
  t.equal(reply.code, 200, 'no event before the greeting');
  t.equal(bodyOf(reply).revocation_seq, 42);
});

void t.test('listeners', async (t) => {
  await using node = await TestNode.start();
  const second = await node.server.listen({ host: '127.0.0.1', port: 0 });
  t.not(second.port, node.address.port);
  await using peer = await Peer.open(second);
  await assertServed(peer);
  await t.rejects(node.server.listen(second), { code: 'EADDRINUSE' });
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  await t.rejects(node.server.listen({ host: '127.0.0.1', port: (other.address() as AddressInfo).port }), { code: 'EADDRINUSE' });
  other.close();
});

void t.test('ending at once', async (t) => {
  const held = new HeldService();
  const node = await TestNode.start({ services: [held], clock: new TestClock() });
  const peers = await Promise.all(Array.from({ length: 20 }, () => Peer.open(node.address)));
  for (const peer of peers) peer.send(request(1, '', atHeld));
  await held.call(19);
  await node[Symbol.asyncDispose]();
  await node.server[Symbol.asyncDispose]();
  t.equal(node.metrics.connections, 0);
  t.equal(node.metrics.inflight, 0);
  for (const { reply } of held.calls) reply.end(200, pattern(100, 1));
  for (const peer of peers) await peer.ended();
  await turn(3);
  t.ok(held.calls.every(({ heard }) => heard.join() === 'cancel'));
});

void t.test('what is counted', async (t) => {
  const held = new HeldService();
  await using node = await TestNode.start({ services: [held] });
  await using peer = await Peer.open(node.address);
  const { bytesIn, bytesOut } = node.metrics;
  const bytes = request(1, pattern(1_000, 1));
  peer.send(bytes, request(2, 'x', atHeld));
  await held.call();
  await peer.take(1);
  t.equal(node.metrics.bytesIn - bytesIn, bytes.length + 39);
  t.equal(node.metrics.bytesOut - bytesOut, bytes.length);
  t.equal(node.metrics.inflight, 1);
  held.calls[0]?.reply.end(200);
  await peer.take(2);
  t.equal(node.metrics.inflight, 0);
  t.equal(node.metrics.latency.counts.reduce((sum, count) => sum + count), 2);
  t.ok(node.metrics.latency.sum > 0 && node.metrics.latency.sum < 5);
  t.strictSame([...node.bus.routes].map(({ requests }) => requests), [1, 1]);
  t.equal(node.metrics.connectionsTotal, 1);
});
