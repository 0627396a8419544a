import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import t from 'tap';
import { BYTES_PER_TURN_MAX, CAPABILITY_BYTES_MAX, FRAME_BYTES_MAX, FRAMES_PER_TURN_MAX, HEADER_BYTES, INFLIGHT_REQUESTS_MAX, READ_BUFFER_BYTES } from '../../src/limits.ts';
import { ControlOp } from '../../src/wire/control.ts';
import { Flag, Offset } from '../../src/wire/header.ts';
import type { Attack } from '../fixtures/attack.ts';
import { errorOf, outcomeOf, rightError, rightOutcome } from '../fixtures/attack.ts';
import { bodyOf, ECHO, frame, hello, last, part, pattern, ping, request, start, textOf, withField, withLength } from '../fixtures/frames.ts';
import { assertServed, TestClock, TestNode } from '../fixtures/node.ts';
import { Peer } from '../fixtures/peer.ts';
import { HELD, HeldService } from '../fixtures/services.ts';
import { pause, turn, until } from '../fixtures/until.ts';

const TENANT = '00112233445566778899aabbccddeeff';
const target = request(5, 'payload', { code: 0, tenant: TENANT });
const toTarget = { corr: 5, app: ECHO, tenant: TENANT };
const withCapability = request(5, '', { capability: new Uint8Array(4), tenant: TENANT });
const text = (bytes: string): Uint8Array => new TextEncoder().encode(bytes);

const undecodable: readonly Attack[] = [
  { name: 'len 0', send: [withLength(target, 0)], reaction: 'C', reason: 'bad_length' },
  { name: 'len 37', send: [withLength(target, 37)], reaction: 'C', reason: 'bad_length' },
  { name: 'len 37 and no more than that', send: [withLength(target, 37).subarray(0, 4)], reaction: 'C', reason: 'bad_length' },
  { name: 'len 0xffffffff', send: [withLength(target, 0xffff_ffff)], reaction: 'C', reason: 'frame_too_large' },
  { name: 'len 0xffffffff and no more', send: [Uint8Array.of(255, 255, 255, 255)], reaction: 'C', reason: 'frame_too_large' },
  { name: 'len max_frame + 1', send: [withLength(target, FRAME_BYTES_MAX + 1)], reaction: 'C', reason: 'frame_too_large' },
  { name: 'ver 0', send: [withField(target, Offset.VER, 0)], reaction: 'C', reason: 'bad_version' },
  { name: 'ver 2', send: [withField(target, Offset.VER, 2)], reaction: 'C', reason: 'bad_version' },
  { name: 'ver 0xffff, 6 bytes', send: [withField(target, Offset.VER, 0xffff).subarray(0, 6)], reaction: 'C', reason: 'bad_version' },
  ...Array.from({ length: 8 }, (_, bit): Attack => ({
    name: `unknown flag ${256 << bit}`,
    send: [withField(target, Offset.FLAGS, Flag.REQ | Flag.START | Flag.END | (256 << bit))],
    reaction: 'C',
    reason: 'bad_flags',
    to: toTarget,
  })),
  { name: 'cap_len beyond the frame', send: [withField(target, Offset.CAP_LEN, 8)], reaction: 'C', reason: 'bad_cap_len', to: toTarget },
  { name: 'cap_len without START', send: [withField(withCapability, Offset.FLAGS, Flag.REQ)], reaction: 'C', reason: 'cap_on_nonstart', to: toTarget },
  {
    name: 'cap_len above its limit',
    send: [withField(request(5, new Uint8Array(5_000), { tenant: TENANT }), Offset.CAP_LEN, CAPABILITY_BYTES_MAX + 1)],
    reaction: 'C',
    reason: 'cap_too_large',
    to: toTarget,
  },
  {
    name: 'a good frame before and one behind',
    send: [frame(1, Flag.EVENT | Flag.START | Flag.END), withField(target, Offset.VER, 9), request(6)],
    reaction: 'C',
    reason: 'bad_version',
  },
  { name: 'truncated header', send: (peer) => void peer.socket.end(target.subarray(0, 20)), reaction: 'X', reason: 'truncated' },
  { name: 'truncated body', send: (peer) => void peer.socket.end(target.subarray(0, 40)), reaction: 'X', reason: 'truncated' },
];

const helloAs = (more: Parameters<typeof hello>[1], fields = {}): Uint8Array => hello(fields, { tenant: TENANT, ...more });
const toHello = { corr: 0, app: 0, tenant: TENANT };

const greetings: readonly Attack[] = [
  { name: 'a request first', send: [target], reaction: 'C', reason: 'hello_required', to: toTarget, fresh: true },
  { name: 'PING first', send: [ping(5)], reaction: 'C', reason: 'hello_required', to: { corr: 5, app: 0 }, fresh: true },
  { name: 'HELLO as EVENT', send: [helloAs({ flags: Flag.EVENT })], reaction: 'C', reason: 'hello_required', to: toHello, fresh: true },
  { name: 'HELLO as REQ and RESP', send: [helloAs({ flags: 3 })], reaction: 'C', reason: 'hello_required', to: toHello, fresh: true },
  { name: 'a body that is no map', send: [request(5, 'what?', { app: 0, tenant: TENANT })], reaction: 'C', reason: 'bad_hello', to: { corr: 5, app: 0, tenant: TENANT }, fresh: true },
  { name: 'a field of another type', send: [helloAs({}, { max_frame: 'big' })], reaction: 'C', reason: 'bad_hello', to: toHello, fresh: true },
  { name: 'another version only', send: [helloAs({}, { versions: [2, 3] })], reaction: 'C', reason: 'bad_version', to: toHello, fresh: true },
  { name: '4,097 bytes', send: [withLength(hello(), 4_097)], reaction: 'C', reason: 'preauth_too_large', fresh: true },
  { name: '1 MiB, 4 bytes of it', send: [withLength(hello(), FRAME_BYTES_MAX).subarray(0, 4)], reaction: 'C', reason: 'preauth_too_large', fresh: true },
  { name: 'more than any frame', send: [withLength(hello(), FRAME_BYTES_MAX + 1)], reaction: 'C', reason: 'frame_too_large', fresh: true },
  { name: 'HTTP', send: [text('GET / HTTP/1.1\r\nHost: node\r\n\r\n')], reaction: 'C', reason: 'frame_too_large', fresh: true },
  { name: 'truncated', send: (peer) => void peer.socket.end(hello().subarray(0, 37)), reaction: 'X', reason: 'truncated', fresh: true },
  { name: 'a second HELLO', send: [request(7, '', { app: 0 })], reaction: 'K', reason: 'hello_repeated', to: { corr: 7, app: 0 } },
  { name: 'an unknown control request', send: [request(7, '', { app: 0, code: 9 })], reaction: 'K', reason: 'op_unknown', to: { corr: 7, app: 0 } },
  { name: 'a control frame of two kinds', send: [frame(7, Flag.REQ | Flag.EVENT, '', { app: 0, code: 1 })], reaction: 'K', reason: 'bad_flags', to: { corr: 7, app: 0 } },
  { name: 'an unknown control event', send: [frame(7, Flag.EVENT, '', { app: 0, code: 9 })], reaction: 'D', reason: 'op_unknown' },
  { name: 'REVOKED from a client', send: [frame(7, Flag.EVENT, '', { app: 0, code: ControlOp.REVOKED })], reaction: 'D', reason: 'op_unknown' },
  { name: 'an unsolicited control reply', send: [frame(7, Flag.RESP, '', { app: 0, code: 200 })], reaction: 'D', reason: 'corr_unknown' },
];

void t.test('what breaks the framing or the greeting', async (t) => {
  await using node = await TestNode.start();
  await using bystander = await Peer.open(node.address);
  const fresh = undecodable.filter(({ name }) => !/good frame|1 MiB|max_frame|above its limit/.test(name)).map((attack): Attack => ({ ...attack, fresh: true }));
  for (const [when, attacks] of Object.entries({ 'after HELLO': undecodable, 'as first frame': fresh, greeting: greetings })) {
    for (const attack of attacks) {
      t.strictSame(await outcomeOf(node, bystander, attack), rightOutcome(attack), `${when}: ${attack.name}`);
    }
  }
  t.equal(node.metrics.connections, 1);
});

void t.test('TLS on the plain port is refused', async (t) => {
  await using node = await TestNode.start();
  const error = await new Promise<Error>((resolve) => connectTls(node.address).once('error', resolve));
  t.ok(error, 'the client notices');
  await until('the refusal', () => node.rejected('frame_too_large') + node.rejected('bad_length') === 1);
  await node.calm(0);
});

void t.test('HELLO', async (t) => {
  await using node = await TestNode.start();

  await t.test('claims are clamped, and held to', async (t) => {
    await using peer = await Peer.dial(node.address);
    peer.send(hello({ max_frame: 4_294_967_296, max_inflight: 1e9, initial_window: 1e12 }));
    const reply = bodyOf(await peer.take(0));
    t.match(reply, { server: 'test/1', version: 1, max_frame: FRAME_BYTES_MAX, max_inflight: INFLIGHT_REQUESTS_MAX, transports: ['tcp'] });
    peer.send(withLength(target, FRAME_BYTES_MAX + 1));
    t.strictSame(errorOf(await peer.take(0)), rightError('frame_too_large'));
  });

  await t.test('a small max_frame holds in both directions', async (t) => {
    await using peer = await Peer.open(node.address, { max_frame: 1 });
    const body = pattern(4_096 - HEADER_BYTES, 1);
    peer.send(request(1, body));
    const reply = await peer.take(1);
    t.same(reply.payload, body, 'a frame of 4,096 bytes is still accepted and sent');
    peer.send(withLength(target, 4_097));
    t.strictSame(errorOf(await peer.take(0)), rightError('frame_too_large'));
    t.equal(await peer.ended(), 'fin');
  });

  await t.test('a repeated HELLO is told 50 times a second at most, then ends the connection', async (t) => {
    await using peer = await Peer.open(node.address);
    peer.send(...Array.from({ length: 150 }, (_, n) => request(n + 10, '', { app: 0 })));
    t.strictSame(errorOf(await peer.take(0)), rightError('flood'));
    t.equal(await peer.ended(), 'fin');
    t.equal(peer.inbox.length, 50);
    t.equal(node.rejected('hello_repeated'), 100);
    t.equal(node.rejected('flood'), 1);
  });
});

void t.test('a frame of exactly max_frame is accepted, and echoed whole', async (t) => {
  await using node = await TestNode.start();
  await using peer = await Peer.open(node.address);
  const body = pattern(FRAME_BYTES_MAX - HEADER_BYTES, 2);
  peer.send(request(1, body), ping(2, body));
  const [echoed, ponged] = [await peer.take(1), await peer.take(2)];
  t.equal(Buffer.compare(echoed.payload, body), 0);
  t.equal(Buffer.compare(ponged.payload, body), 0, 'PING carries any payload');
});

void t.test('corr_id 0 and 2^64 - 1 are as good as any', async (t) => {
  await using node = await TestNode.start();
  await using peer = await Peer.open(node.address);
  // The second and third meet the first in the table.
  const ids = [0n, 0x1_9e37_79b1n, 0x2_3c6e_f362n, 1n, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn, 0x1_0000_0000n, 2n ** 63n, 2n ** 64n - 1n];
  const tenant = 'f'.repeat(32);
  peer.send(...ids.map((id) => request(id, id.toString(), { tenant })), ...ids.map((id) => ping(id, 'p')));
  for (const id of ids) {
    const echoed = await peer.take(({ corrId, app }) => corrId === id && app === ECHO);
    t.strictSame([textOf(echoed), echoed.tenant], [id.toString(), tenant]);
    await peer.take(id);
  }
  // All of them at once as streams, so that each is in the table.
  peer.send(...ids.map((id) => start(id, 'a')), ...ids.map((id) => part(id, 'b')), ...ids.map((id) => last(id, 'c')));
  await until('all streams', () => peer.inbox.filter(({ flags }) => (flags & Flag.END) !== 0).length === ids.length);
  for (const id of ids) t.equal(peer.inbox.filter(({ corrId }) => corrId === id).map(textOf).join(''), 'abc');
  await node.calm(1);
});

void t.test('what a header only claims costs no memory', async (t) => {
  await using node = await TestNode.start();
  await using bystander = await Peer.open(node.address);
  const peers = await Promise.all(Array.from({ length: 100 }, () => Peer.open(node.address)));
  const before = process.memoryUsage().arrayBuffers;
  for (const peer of peers) peer.send(withLength(target, FRAME_BYTES_MAX));
  await turn(20);
  const grown = process.memoryUsage().arrayBuffers - before;
  t.ok(grown < 100 * 20_000, `${grown} bytes for 100 frames of 1 MiB that did not come`);
  await assertServed(bystander);
  for (const peer of peers) peer.reset();
  await node.calm(1);
});

void t.test('1,000 frames in one segment are all handled, and others get their turn in between', async (t) => {
  await using node = await TestNode.start();
  await using peer = await Peer.open(node.address);
  await using other = await Peer.open(node.address);
  const turns: number[] = [];
  const route = node.bus.route(ECHO);
  const watch = (): void => {
    turns.push(route?.requests ?? 0);
    if (peer.inbox.length < 1_000) setImmediate(watch);
  };
  setImmediate(watch);
  peer.send(...Array.from({ length: 1_000 }, (_, n) => request(n + 1)));
  other.send(request(1, 'neighbour'));
  await until('all replies', () => peer.inbox.length === 1_000);
  t.same(new Set(peer.inbox.map(({ corrId }) => Number(corrId))).size, 1_000);
  const steps = turns.map((count, n) => count - (turns[n - 1] ?? 0));
  t.ok(Math.max(...steps) <= FRAMES_PER_TURN_MAX + 1, `at most ${Math.max(...steps)} frames in one turn`);
  t.equal(textOf(await other.take(1)), 'neighbour');
});

void t.test('a fault behind many frames is told, and what follows it is read away', async (t) => {
  // Time stands still, so only an end of stream that was read can end the connection.
  await using node = await TestNode.start({ clock: new TestClock() });
  await using peer = await Peer.open(node.address);
  const count = 2 * FRAMES_PER_TURN_MAX - 100;
  peer.send(...Array.from({ length: count }, (_, n) => request(n + 1)), withLength(request(0), 1), pattern(500_000, 1));
  t.strictSame(errorOf(await peer.take(0)), rightError('bad_length'));
  t.equal(await peer.ended(), 'fin');
  t.equal(peer.inbox.length, count, 'what came before it is answered');
  peer.socket.end();
  await node.calm(0);
});

void t.test('large frames leave others their turn too', async (t) => {
  await using node = await TestNode.start();
  await using peer = await Peer.open(node.address);
  const turns: number[] = [];
  const watch = (): void => {
    turns.push(node.metrics.bytesIn);
    if (peer.inbox.length < 20) setImmediate(watch);
  };
  setImmediate(watch);
  // Events, so that nothing but reading is measured.
  const body = new Uint8Array(FRAME_BYTES_MAX - HEADER_BYTES);
  for (let n = 0; n < 10; n++) peer.send(frame(n, Flag.EVENT | Flag.START | Flag.END, body));
  peer.send(...Array.from({ length: 20 }, (_, n) => ping(n)));
  await until('all replies', () => peer.inbox.length === 20);
  const steps = turns.map((bytes, n) => bytes - (turns[n - 1] ?? 0));
  t.ok(Math.max(...steps) <= BYTES_PER_TURN_MAX + READ_BUFFER_BYTES, `at most ${Math.max(...steps)} bytes in one turn`);
});

void t.test('a half-close after a request', async (t) => {
  const held = new HeldService();
  await using node = await TestNode.start({ services: [held] });

  await t.test('is answered, then closed', async (t) => {
    await using peer = await Peer.open(node.address);
    peer.send(request(1, 'last words', { app: HELD }), start(2, 'never finished', { app: HELD }));
    const call = await held.call(0);
    peer.socket.end();
    const unfinished = await held.call(1);
    await until('the unfinished stream to be cancelled', () => unfinished.heard.includes('cancel'));
    await pause(20);
    t.equal(peer.end, undefined, 'still open for the answer');
    call.reply.end(200, call.request.payload);
    t.equal(textOf(await peer.take(1)), 'last words');
    t.equal(await peer.ended(), 'fin');
    t.equal(peer.inbox.length, 0);
    await node.calm(0);
  });

  await t.test('ends a reply that has no end, as when the peer died', async (t) => {
    await using peer = await Peer.open(node.address);
    peer.send(request(1, 'tell me', { app: HELD }));
    const call = await held.call(2);
    call.on = { endless: true };
    peer.socket.end();
    t.equal(await peer.ended(), 'fin');
    t.strictSame(call.heard, ['cancel']);
    await node.calm(0);
  });

  await t.test('with nothing in flight is closed at once', async (t) => {
    await using peer = await Peer.open(node.address);
    peer.socket.end();
    t.equal(await peer.ended(), 'fin');
    await using silent = await Peer.dial(node.address);
    silent.socket.end();
    t.equal(await silent.ended(), 'fin');
    await node.calm(0);
    t.strictSame(node.allRejected, {}, 'no fault of the peer');
  });
});

void t.test('peers that vanish', async (t) => {
  const held = new HeldService();
  await using node = await TestNode.start({ services: [held] });
  await using bystander = await Peer.open(node.address);
  const big = request(9, new Uint8Array(200_000), { app: HELD });
  const phases: Record<string, readonly Uint8Array[]> = {
    'before a byte': [],
    'in the header of HELLO': [hello().subarray(0, 20)],
    'in the body of HELLO': [hello({ client: 'x'.repeat(100) }).subarray(0, 60)],
    'right after HELLO': [hello()],
    'in mid-frame': [hello(), big.subarray(0, 100_000)],
    'with a request in flight': [hello(), big],
    'with a stream half sent': [hello(), start(1, 'x', { app: HELD }), part(1, 'y', { app: HELD })],
    'with a reply half read': [hello({ initial_window: 16_777_216 }), ...Array.from({ length: 4 }, (_, n) => request(n + 1, new Uint8Array(900_000)))],
  };
  const descriptors = (): number | undefined => (process.platform === 'linux' ? readdirSync('/proc/self/fd').length : undefined);
  const vanish = async (bytes: readonly Uint8Array[]): Promise<void> => {
    await new Promise<void>((resolve) => {
      const socket = connect(node.address, () => {
        if (bytes.length > 0) socket.write(Buffer.concat(bytes));
        setTimeout(() => socket.resetAndDestroy(), 1);
      });
      socket.on('error', () => undefined);
      socket.on('close', () => {
        resolve();
      });
    });
  };
  await Promise.all(Object.values(phases).map(vanish));
  await node.calm(1);
  const before = descriptors();
  for (const [phase, bytes] of Object.entries(phases)) {
    for (let round = 0; round < 8; round++) await Promise.all(Array.from({ length: 10 }, () => vanish(bytes)));
    await node.calm(1);
    t.equal(descriptors(), before, phase);
  }
  t.equal(held.calls.filter(({ heard }) => !heard.includes('cancel')).length, 0, 'the service was told of each');
  await assertServed(bystander);
});

void t.test('a reset behind a request reaches the node as an end of stream, and is told from one', async (t) => {
  const held = new HeldService();
  await using node = await TestNode.start({ services: [held] });
  const peers = await Promise.all(Array.from({ length: 20 }, () => Peer.open(node.address)));
  for (const peer of peers) {
    peer.send(request(1, 'x', { app: HELD }));
    peer.reset();
  }
  await held.call(19);
  await node.calm(0);
  t.strictSame(held.calls.map(({ heard }) => heard), peers.map(() => ['cancel']));
});

void t.test('10,000 resets in mid-frame leave nothing behind', { timeout: 60_000 }, async (t) => {
  await using node = await TestNode.start();
  await using bystander = await Peer.open(node.address);
  const bytes = Buffer.concat([hello(), request(1, 'x'), request(2, new Uint8Array(1_000)).subarray(0, 500)]);
  const descriptors = (): number => (process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0);
  const before = descriptors();
  let left = 10_000;
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      await new Promise<void>((resolve) => {
        const socket = connect(node.address, () => {
          socket.write(bytes, () => socket.resetAndDestroy());
        });
        socket.on('error', () => undefined);
        socket.on('close', () => {
          resolve();
        });
      });
    }
  };
  await Promise.all(Array.from({ length: 100 }, worker));
  await node.calm(1);
  // The operating system drops some before they are accepted.
  t.ok(node.metrics.connectionsTotal > 5_000, `${node.metrics.connectionsTotal} were accepted`);
  t.equal(descriptors(), before);
  await assertServed(bystander);
});

void t.test('random bytes on 1,000 connections are refused one by one', async (t) => {
  await using node = await TestNode.start();
  await using bystander = await Peer.open(node.address);
  let left = 1_000;
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      const bytes = randomBytes(65_536);
      // A length below the bound would only make the node wait for more.
      bytes[0] = (bytes[0] ?? 0) | 0x80;
      await using peer = await Peer.dial(node.address);
      peer.send(bytes);
      const error = await peer.take(0);
      t.equal(bodyOf(error).reason, 'frame_too_large');
      await peer.ended();
    }
  };
  await Promise.all(Array.from({ length: 40 }, worker));
  await node.calm(1);
  t.equal(node.rejected('frame_too_large'), 1_000);
  await assertServed(bystander);
});
