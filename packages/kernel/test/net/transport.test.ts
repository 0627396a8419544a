import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import t from 'tap';
import { DIAL_TIMEOUT_MS } from '../../src/limits.ts';
import { dial } from '../../src/net/dial.ts';
import { Transport } from '../../src/net/transport.ts';
import type { TransportEvents } from '../../src/net/transport.ts';
import { decodeFrame } from '../../src/wire/frame.ts';
import { hello, pattern, request } from '../fixtures/frames.ts';
import { TestNode } from '../fixtures/node.ts';
import { Peer } from '../fixtures/peer.ts';
import { pause, settled, turn, until } from '../fixtures/until.ts';

/** Everything a transport told, with the bytes copied. */
class Ear implements TransportEvents {
  readonly heard: string[] = [];
  readonly chunks: Buffer[] = [];
  onData(chunk: Uint8Array, bytes: number): void {
    this.chunks.push(Buffer.from(chunk.subarray(0, bytes)));
  }
  onDrain(): void {
    this.heard.push('drain');
  }
  onEnd(): void {
    this.heard.push('end');
  }
  onClose(): void {
    this.heard.push('close');
  }
  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

interface Pair extends AsyncDisposable {
  readonly transport: Transport;
  readonly ear: Ear;
  readonly client: Socket;
  readonly server: Server;
  readonly closed: () => number;
}

/** An accepted transport and the bare socket at its other end. */
async function pair(wrap = false): Promise<Pair> {
  const ear = new Ear();
  let closed = 0;
  let transport: Transport | undefined;
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    transport = wrap ? Transport.wrap(socket) : Transport.accept(socket, () => closed++);
    transport.open(ear);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
  client.on('error', () => undefined);
  await until('the connection', () => transport !== undefined);
  return {
    transport: transport as unknown as Transport,
    ear,
    client,
    server,
    closed: () => closed,
    async [Symbol.asyncDispose]() {
      client.destroy();
      (transport as unknown as Transport).destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

for (const wrap of [false, true]) {
  void t.test(wrap ? 'a wrapped socket' : 'an accepted socket', async (t) => {
    await t.test('reads, stops reading, and reads on', async (t) => {
      await using made = await pair(wrap);
      const { transport, ear, client } = made;
      client.write(pattern(200_000, 1));
      await until('the bytes', () => ear.bytes.length === 200_000);
      transport.pause();
      client.write(pattern(3_000_000, 2));
      await settled(() => ear.bytes.length);
      t.ok(ear.bytes.length < 300_000, `${ear.bytes.length - 200_000} bytes came in spite of the pause`);
      transport.resume();
      await until('the rest', () => ear.bytes.length === 3_200_000);
      t.equal(ear.bytes.compare(Buffer.concat([pattern(200_000, 1), pattern(3_000_000, 2)])), 0);
      t.strictSame(ear.heard, []);
    });

    await t.test('writes all segments in order and says when they are gone', async (t) => {
      await using made = await pair(wrap);
      const { transport, ear, client } = made;
      const got: Buffer[] = [];
      client.on('data', (chunk: Buffer) => got.push(chunk));
      t.equal(transport.write([pattern(10, 1), pattern(20_000, 2), pattern(30, 3)]), true);
      t.equal(transport.blocked, false);
      t.equal(transport.unsentBytes, 0);
      await until('the bytes', () => Buffer.concat(got).length === 20_040);
      t.strictSame(ear.heard, [], 'what left at once is not announced');
      client.pause();
      const large = pattern(8_000_000, 4);
      t.equal(transport.write([large, pattern(5, 5)]), false);
      t.equal(transport.blocked, true);
      const { unsentBytes } = transport;
      t.ok(unsentBytes > 0 && unsentBytes <= 8_000_005, `${unsentBytes} are unsent`);
      await pause(20);
      t.strictSame(ear.heard, []);
      client.resume();
      await until('the drain', () => ear.heard.length > 0);
      t.strictSame(ear.heard, ['drain']);
      t.equal(transport.blocked, false);
      t.equal(transport.unsentBytes, 0);
      await until('the rest', () => Buffer.concat(got).length === 8_020_045);
      t.equal(Buffer.concat(got).compare(Buffer.concat([pattern(10, 1), pattern(20_000, 2), pattern(30, 3), large, pattern(5, 5)])), 0);
    });

    await t.test('ends each half by itself', async (t) => {
      await using made = await pair(wrap);
      const { transport, ear, client, closed } = made;
      client.end('bye');
      await until('the end', () => ear.heard.includes('end'));
      t.equal(transport.connected, true);
      let got = '';
      client.on('data', (chunk: Buffer) => (got += chunk.toString()));
      transport.write([Buffer.from('good '), Buffer.from('bye')]);
      transport.end();
      transport.end();
      await until('the close', () => ear.heard.includes('close'));
      t.equal(got, 'good bye');
      t.strictSame(ear.heard, ['end', 'close']);
      t.equal(closed(), wrap ? 0 : 1);
    });

    await t.test('is told of a reset once, and of nothing after it', async (t) => {
      await using made = await pair(wrap);
      const { transport, ear, client, closed } = made;
      client.pause();
      transport.write([pattern(8_000_000, 1)]);
      client.resetAndDestroy();
      await until('the close', () => ear.heard.includes('close'));
      transport.write([pattern(100, 1)]);
      transport.end();
      transport.destroy();
      transport.pause();
      transport.resume();
      await turn(10);
      t.equal(ear.heard.filter((event) => event === 'close').length, 1);
      t.equal(closed(), wrap ? 0 : 1);
    });

    await t.test('drops what is unsent when it is destroyed', async (t) => {
      await using made = await pair(wrap);
      const { transport, ear, client } = made;
      client.pause();
      transport.write([pattern(8_000_000, 1)]);
      transport.destroy();
      await until('the close', () => ear.heard.includes('close'));
      let got = 0;
      client.on('data', (chunk: Buffer) => (got += chunk.length));
      client.resume();
      await until('the end of the client', () => client.readableEnded || client.destroyed);
      t.ok(got < 8_000_000);
    });
  });
}

void t.test('a socket that is gone before it is opened', async (t) => {
  const socket = connect({ port: 1, host: '127.0.0.1' });
  socket.on('error', () => undefined);
  const transport = Transport.wrap(socket);
  const again = Transport.wrap(socket);
  const [early, late] = [new Ear(), new Ear()];
  socket.prependOnceListener('close', () => {
    transport.open(early);
  });
  await until('the refusal', () => socket.closed);
  again.open(late);
  await turn(2);
  t.strictSame([early.heard, late.heard], [['close'], ['close']]);
});

void t.test('a taken socket leaves the books of its server', async (t) => {
  await using made = await pair();
  await turn(3);
  const open = await new Promise<number>((resolve, reject) => {
    made.server.getConnections((error, count) => {
      if (error === null) resolve(count);
      else reject(error);
    });
  });
  t.equal(open, 0);
  t.strictSame(made.ear.heard, []);
});

void t.test('accepted connections notice a machine that vanished', { skip: process.platform === 'linux' ? false : 'NOT RUN: needs /proc/net/tcp' }, async (t) => {
  await using node = await TestNode.start();
  await using peer = await Peer.open(node.address);
  const port = node.address.port.toString(16).toUpperCase().padStart(4, '0');
  const timers = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(`:${port}`) === true && state === '01')
    .map((fields) => fields[5]?.slice(0, 2));
  t.strictSame(timers, ['02'], 'the keepalive timer runs');
  t.equal(peer.end, undefined);
});

void t.test('dial', async (t) => {
  await using node = await TestNode.start();

  await t.test('speaks to a node', async (t) => {
    const transport = await dial(node.address);
    const ear = new Ear();
    transport.open(ear);
    transport.write([hello(), request(1, 'dialled')]);
    await until('both replies', () => ear.bytes.includes('dialled'));
    const first = decodeFrame(ear.bytes);
    t.equal(first.verdict === 'ok' && first.frame.code, 200);
    transport.end();
    await until('the close', () => ear.heard.includes('close'));
    t.strictSame(ear.heard, ['end', 'close']);
    await node.calm(0);
  });

  await t.test('fails where nobody listens, and where nobody answers', async (t) => {
    const silent = createServer((socket) => socket.resume().on('error', () => undefined));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    const begin = performance.now();
    await t.rejects(dial({ host: '127.0.0.1', port }, {}), /within 5000 ms/);
    t.ok(performance.now() - begin >= DIAL_TIMEOUT_MS - 50);
    await new Promise((resolve) => silent.close(resolve));
    await t.rejects(dial({ host: '127.0.0.1', port }), { code: 'ECONNREFUSED' });
  });
});
