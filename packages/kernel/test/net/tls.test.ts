import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, TLSSocket } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import t from 'tap';
import { TLS_HANDSHAKE_TIMEOUT_MS, WRITE_STALL_TIMEOUT_MS } from '../../src/limits.ts';
import { dial } from '../../src/net/dial.ts';
import { errorOf, rightError } from '../fixtures/attack.ts';
import { makeCertificates } from '../fixtures/certificates.ts';
import { bodyOf, hello, pattern, request, textOf, withLength } from '../fixtures/frames.ts';
import { assertServed, TestClock, TestNode } from '../fixtures/node.ts';
import { Peer } from '../fixtures/peer.ts';
import { HELD, HeldService } from '../fixtures/services.ts';
import { pause, settled, turn, until } from '../fixtures/until.ts';

const folder = mkdtempSync(join(tmpdir(), 'omnigate-tls-'));
const { authority, server, mutual, renewed, client, expired, foreign } = makeCertificates(folder);
const trusting = { ca: authority };
t.teardown(() => {
  rmSync(folder, { recursive: true });
});

function secured({ socket }: Peer): TLSSocket {
  if (socket instanceof TLSSocket) return socket;
  throw new Error('no TLS');
}

/** How a handshake goes that should not end well: the error, or that the node closed without one. */
async function refusal(node: TestNode, options: ConnectionOptions): Promise<string> {
  return await new Promise((resolve) => {
    const socket = connectTls({ ...node.address, ...trusting, ...options });
    let secure = false;
    socket.on('secureConnect', () => {
      secure = true;
      socket.write(hello());
    });
    socket.on('data', () => {
      resolve('an answer');
    });
    socket.on('error', (error: Error) => {
      resolve(error.message);
    });
    socket.on('close', () => {
      resolve(secure ? 'closed after the handshake' : 'closed');
    });
  });
}

const alpn = { ALPNProtocols: ['oap/1'] };

void t.test('a TLS listener', async (t) => {
  await using node = await TestNode.start({ tls: server });
  await using bystander = await Peer.open(node.address, {}, trusting);

  await t.test('serves TLS 1.3 with the right protocol', async (t) => {
    await using peer = await Peer.dial(node.address, trusting);
    const socket = secured(peer);
    t.equal(socket.getProtocol(), 'TLSv1.3');
    t.equal(socket.alpnProtocol, 'oap/1');
    peer.send(hello());
    t.strictSame(bodyOf(await peer.take(0)).transports, ['tcp', 'tls']);
    const large = pattern(1_000_000, 1);
    peer.send(request(1, large), request(2, 'small'));
    t.equal(textOf(await peer.take(2)), 'small');
    t.equal(Buffer.compare((await peer.take(1)).payload, large), 0);
  });

  await t.test('refuses what it does not want', async (t) => {
    const refusals: readonly (readonly [string, ConnectionOptions, string])[] = [
      ['no ALPN', {}, 'tls_alpn'],
      ['another ALPN', { ALPNProtocols: ['h2', 'http/1.1'] }, 'tls_alpn'],
      ['TLS 1.2', { ...alpn, maxVersion: 'TLSv1.2' }, 'tls_client'],
    ];
    for (const [name, options, reason] of refusals) {
      const before = node.rejected(reason);
      const how = await refusal(node, options);
      t.not(how, 'an answer', name);
      await until(`${name} to be counted`, () => node.rejected(reason) === before + 1);
      t.equal(node.metrics.connections, 1, 'never a connection');
    }
    await assertServed(bystander);
  });

  await t.test('answers a half-close, then closes', async (t) => {
    const peer = await Peer.open(node.address, {}, trusting);
    peer.send(request(1, 'last'));
    peer.socket.end();
    t.equal(textOf(await peer.take(1)), 'last');
    t.equal(await peer.ended(), 'fin');
    await peer[Symbol.asyncDispose]();
    await node.calm(1);
  });

  await t.test('tells what was wrong before it closes', async (t) => {
    await using peer = await Peer.open(node.address, {}, trusting);
    peer.send(withLength(request(1), 1));
    t.strictSame(errorOf(await peer.take(0)), rightError('bad_length'));
    t.equal(await peer.ended(), 'fin');
    await node.calm(1);
  });

  await t.test('is dialled by another node', async (t) => {
    const transport = await dial(node.address, trusting);
    let got = '';
    let closed = false;
    transport.open({
      onData: (chunk, bytes) => (got += Buffer.from(chunk.subarray(0, bytes)).toString('latin1')),
      onDrain: () => undefined,
      onEnd: () => undefined,
      onClose: () => (closed = true),
    });
    transport.write([hello(), request(1, 'dialled')]);
    await until('the answer', () => got.includes('dialled'));
    transport.destroy();
    await until('the close', () => closed);
    await t.rejects(dial(node.address, {}), /unable to verify|self-signed/, 'and checked');
    await node.calm(1);
  });

  await assertServed(bystander);
});

void t.test('a listener for clients with certificates', async (t) => {
  await using node = await TestNode.start({ tls: mutual });
  await using known = await Peer.open(node.address, {}, { ...trusting, ...client });
  for (const [name, options] of Object.entries({ none: {}, expired, foreign })) {
    const before = node.rejected('tls_client');
    t.not(await refusal(node, { ...alpn, ...options }), 'an answer', name);
    await until(`${name} to be counted`, () => node.rejected('tls_client') === before + 1);
    t.equal(node.metrics.connections, 1);
    await assertServed(known);
  }
});

void t.test('handshakes that do not go on', async (t) => {
  const limits = { total: 3, perAddress: 3 };
  await using node = await TestNode.start({ tls: server, connectionLimits: limits });
  const open = (): ReturnType<typeof connect> => connect(node.address).on('error', () => undefined);
  const silent = open();
  const dripping = open();
  // The head of a ClientHello of 512 bytes, and then its bytes one by one.
  dripping.write(Uint8Array.of(22, 3, 1, 2, 0));
  const drip = setInterval(() => dripping.write(Uint8Array.of(1)), 300);
  const garbage = open();
  garbage.write('GET / HTTP/1.1\r\n\r\n');
  await until('the refusal of garbage', () => node.rejected('tls_client') === 1);
  await until('its place', () => garbage.closed);
  const vanished = open();
  await until('the connection', () => vanished.readyState === 'open');
  vanished.resetAndDestroy();
  await pause(50);

  await using peer = await Peer.open(node.address, {}, trusting);
  await using turnedAway = await Peer.dial(node.address);
  await turnedAway.ended();
  t.equal(node.rejected('conn_limit'), 1, 'a handshake takes a place');

  await until('the time-outs', () => silent.closed && node.rejected('tls_timeout') === 2, TLS_HANDSHAKE_TIMEOUT_MS + 5_000);
  clearInterval(drip);
  t.equal(node.rejected('tls_timeout'), 2);
  await assertServed(peer);
  const others = await Promise.all([1, 2].map(() => Peer.open(node.address, {}, trusting)));
  for (const other of others) await other[Symbol.asyncDispose]();
  await node.calm(1);
});

void t.test('a server that ends cuts off handshakes too', async (t) => {
  const node = await TestNode.start({ tls: server });
  const socket = connect(node.address);
  socket.on('error', () => undefined);
  await until('the connection', () => socket.readyState === 'open');
  await turn(5);
  await node[Symbol.asyncDispose]();
  await until('the end', () => socket.readyState !== 'open', 2_000);
  t.pass('it did not wait for the time-out');
  socket.destroy();
});

void t.test('TLS peers that vanish or do not read', async (t) => {
  const clock = new TestClock();
  const held = new HeldService();
  await using node = await TestNode.start({ tls: server, clock, services: [held] });
  await using bystander = await Peer.open(node.address, {}, trusting);

  await t.test('with a request in flight', async () => {
    const peers = await Promise.all(Array.from({ length: 10 }, () => Peer.open(node.address, {}, trusting)));
    for (const peer of peers) peer.send(request(1, 'x', { app: HELD }));
    await held.call(9);
    for (const peer of peers) peer.reset();
    await node.calm(1);
  });

  await t.test('stop being read, and are cut off after a stall', async (t) => {
    await using peer = await Peer.open(node.address, { initial_window: 16_777_216 }, trusting);
    peer.socket.pause();
    const body = pattern(900_000, 3);
    for (let n = 1; n <= 12; n++) peer.send(request(n, body));
    await settled(() => node.metrics.bytesIn);
    t.equal(node.rejected('slow_reader'), 0);
    await clock.pass(WRITE_STALL_TIMEOUT_MS - 1);
    t.equal(node.rejected('slow_reader'), 0);
    await assertServed(bystander);
    await clock.pass(1);
    await node.calm(1);
    t.equal(node.rejected('slow_reader'), 1);
  });

  await t.test('are left alone while they read a little', async (t) => {
    await using peer = await Peer.open(node.address, { initial_window: 16_777_216 }, trusting);
    peer.socket.pause();
    const body = pattern(900_000, 3);
    let sent = 0;
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 12; n++) peer.send(request(++sent, body));
      await settled(() => node.metrics.bytesIn);
      await clock.pass(WRITE_STALL_TIMEOUT_MS - 1_000);
      const { receivedBytes } = peer;
      peer.socket.resume();
      // The operating system asks for more only when a third of its buffer is free.
      await until('some bytes', () => peer.receivedBytes > receivedBytes + 3_000_000);
      peer.socket.pause();
    }
    peer.socket.resume();
    for (let n = 1; n <= sent; n++) t.equal(Buffer.compare((await peer.take(n)).payload, body), 0);
    t.equal(node.rejected('slow_reader'), 1, 'only the one before');
  });
});

void t.test('certificate files', async (t) => {
  const own = { cert: join(folder, 'own.pem'), key: join(folder, 'own.key') };
  copyFileSync(server.cert, own.cert);
  copyFileSync(server.key, own.key);
  await using node = await TestNode.start({ tls: own });
  const serial = async (): Promise<string> => {
    await using peer = await Peer.open(node.address, {}, trusting);
    return secured(peer).getPeerCertificate().serialNumber;
  };
  const first = await serial();
  await using before = await Peer.open(node.address, {}, trusting);

  writeFileSync(own.cert, 'no certificate');
  t.throws(() => {
    node.server.reloadCertificates();
  }, /own\.pem/);
  t.equal(await serial(), first, 'the old one stays in use');

  writeFileSync(own.cert, renewed.cert);
  t.throws(() => {
    node.server.reloadCertificates();
  }, /do not work together/);
  t.equal(await serial(), first);

  writeFileSync(own.key, renewed.key);
  node.server.reloadCertificates();
  t.not(await serial(), first);
  await assertServed(before);

  await t.rejects(TestNode.start({ tls: { ...own, key: join(folder, 'missing.key') } }), /missing\.key/);
  await t.rejects(TestNode.start({ tls: { ...own, clientCa: join(folder, 'missing.pem') } }), /missing\.pem/);
});
