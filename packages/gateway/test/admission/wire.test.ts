import { Writable } from 'node:stream';
import { createLogger, defineService, LocalBus, Metrics, OapServer, Supervisor } from '@omnigate/kernel';
import { APP_CONTROL, ControlOp, Flag, STREAM_WINDOW_BYTES } from '@omnigate/kernel/wire';
import t from 'tap';
import { CAP_INVALID_MAX } from '../../src/limits.ts';
import type { AdmissionOptions } from '../../src/admission/admission-control.ts';
import { Client } from './client.ts';
import { ALICE, BOB, MAILBOX, Office } from './office.ts';

const mailbox = defineService({
  appProtoId: MAILBOX,
  name: 'mailbox',
  verbs: { 1: 'count', 3: 'name' },
  checksTopics: true,
  operations: {
    1: async (call) => {
      let bytes = 0;
      for await (const part of call) bytes += part.length;
      return String(bytes);
    },
    2: (call) => new Promise((resolve) => {
      call.signal.addEventListener('abort', () => {
        resolve('let go');
      });
    }),
    3: async (call) => {
      call.checkTopic(await call.text());
      return 'ok';
    },
  },
});

/** A server with an admission, and times as they are. */
class Gatehouse implements AsyncDisposable {
  readonly office: Office;
  readonly metrics = new Metrics();
  readonly server: OapServer;
  address = { host: '127.0.0.1', port: 0 };
  readonly #bus = new LocalBus(this.metrics, () => undefined);
  readonly #supervisor: Supervisor;

  constructor(options: Partial<AdmissionOptions>) {
    this.office = new Office({ clock: { now: () => performance.now() }, unixClock: Date.now, ...options });
    this.office.unixMs = Date.now();
    const logger = createLogger({ level: 'error', destination: new Writable({ write: (_line, _encoding, done: () => void) => { done(); } }) });
    this.#supervisor = new Supervisor({ bus: this.#bus, metrics: this.metrics, logger });
    this.server = new OapServer({ bus: this.#bus, metrics: this.metrics, logger, name: 'test/1', admission: this.office.control, onServiceCrash: () => undefined });
  }

  static async open(options: Partial<AdmissionOptions> = {}): Promise<Gatehouse> {
    const house = new Gatehouse(options);
    await house.#supervisor.start(mailbox);
    house.address = await house.server.listen(house.address);
    return house;
  }

  /** A capability that is good today. */
  mint(options: Parameters<Office['mint']>[0] = {}): Buffer {
    return this.office.mint({ nowMs: Date.now(), ...options });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await this.#supervisor.stop();
    this.office[Symbol.dispose]();
  }
}

const ask = (corr: number, more: object = {}) => ({ corr, app: MAILBOX, code: 1, tenant: ALICE, ...more });

await t.test('who may do what, over a socket', async (t) => {
  await using house = await Gatehouse.open();
  using stranger = await Client.open(house.address);
  stranger.send(ask(1));
  t.equal((await stranger.verdict(1)).reason, 'cap_missing');
  stranger.send(ask(2, { capability: house.mint({ verbs: ['count'] }), payload: new Uint8Array(7) }));
  t.same(Buffer.from((await stranger.take(2)).payload).toString(), '7');
  stranger.send(ask(3, { capability: house.mint(), tenant: BOB }));
  t.equal((await stranger.verdict(3)).reason, 'tenant_mismatch');
  using holder = await Client.open(house.address, house.mint({ prefixes: ['orders/'] }));
  holder.send(ask(1, { code: 3, payload: Buffer.from('orders/new') }));
  t.equal((await holder.verdict(1)).reason, '200');
  holder.send(ask(2, { code: 3, payload: Buffer.from('orders/../other') }));
  t.equal((await holder.verdict(2)).reason, 'cap_scope');
  t.equal(house.metrics.rejected.get('cap_scope'), 1);
  t.same(house.office.denied.map(({ reason }) => reason), ['cap_missing', 'tenant_mismatch', 'cap_scope']);
});

await t.test('whoever guesses is answered, and then cut off', async (t) => {
  await using house = await Gatehouse.open();
  using guesser = await Client.open(house.address);
  for (let i = 1; i <= CAP_INVALID_MAX + 5; i++) {
    const capability = house.mint();
    capability[60 + i] = (capability[60 + i] as number) ^ 0x10;
    guesser.send(ask(i, { capability }));
  }
  await guesser.end();
  t.equal(guesser.closed, true);
  t.equal(guesser.received.length, CAP_INVALID_MAX);
  t.equal((await guesser.verdict(CAP_INVALID_MAX)).reason, 'cap_invalid');
});

await t.test('a revocation ends what is open before the peer is told of it', async (t) => {
  await using house = await Gatehouse.open();
  const { office, server } = house;
  using alice = await Client.open(house.address, house.mint());
  using bob = await Client.open(house.address, house.mint({ tenant: BOB }));
  alice.send(ask(1, { code: 2 }));
  alice.send(ask(2, { flags: Flag.REQ | Flag.START }));
  bob.send(ask(1, { code: 2, tenant: BOB }));
  while (house.metrics.inflight < 3) await new Promise((resolve) => setTimeout(resolve, 2));
  office.verifier.setRevocations(office.verifier.revocations.add({ tenant: ALICE, issuedUntilMs: Date.now() }, Date.now(), Date.now() + 1e6));
  server.announceRevocation(office.verifier.revocations.sequence);
  t.equal((await alice.verdict(1)).reason, 'cap_revoked');
  t.equal((await alice.verdict(2)).reason, 'cap_revoked');
  const told = await alice.take(0);
  t.same([told.app, told.code], [APP_CONTROL, ControlOp.REVOKED]);
  alice.send(ask(3));
  t.equal((await alice.verdict(3)).reason, 'cap_revoked');
  t.equal(house.metrics.inflight, 1, 'the neighbour goes on');
  t.equal(house.metrics.glitches, 1, 'and only what came afterwards is a fault');
});

await t.test('one tenant at a hundred times its quota', async (t) => {
  await using house = await Gatehouse.open({ quotas: { tenant: { units: { perSecond: 200, burst: 20 } } }, random: Math.random });
  using loud = await Client.open(house.address, house.mint());
  using quiet = await Client.open(house.address, house.mint({ tenant: BOB }));
  const count = 2_000;
  for (let i = 1; i <= count; i++) {
    loud.send(ask(i));
    if (i % 200 === 0) {
      quiet.send(ask(i, { tenant: BOB }));
      t.equal((await quiet.verdict(i)).reason, '200');
    }
  }
  const told: number[] = [];
  let served = 0;
  for (let i = 1; i <= count; i++) {
    const { reason, retryAfterMs } = await loud.verdict(i);
    if (reason === '200') served++;
    else if (reason === 'quota_tenant') told.push(retryAfterMs ?? 0);
  }
  t.equal(served + told.length, count);
  t.ok(served >= 10 && served < 500, `${served} served`);
  t.ok(told.every((ms) => Number.isInteger(ms) && ms >= 1_000 && ms <= 5_000));
  t.ok(new Set(told).size > 100, 'they will not all come back at once');
  t.equal(house.metrics.glitches, 0, 'a quota is no fault');
});

await t.test('a large upload under a quota of bytes is slow and whole', async (t) => {
  const perSecond = 2_000_000;
  await using house = await Gatehouse.open({ quotas: { tenant: { bytes: { perSecond, burst: STREAM_WINDOW_BYTES } } } });
  using holder = await Client.open(house.address, house.mint());
  const part = new Uint8Array(65_536);
  const parts = 80;
  let credit = STREAM_WINDOW_BYTES;
  const begin = performance.now();
  for (let i = 0; i < parts; i++) {
    while (credit < part.length) {
      const grant = await holder.take(1);
      if (grant.app !== APP_CONTROL) throw new Error(`the upload was ended with ${grant.code}`);
      credit += new DataView(grant.payload.buffer).getUint32(0);
    }
    credit -= part.length;
    const flags = Flag.REQ | (i === 0 ? Flag.START : 0) | (i === parts - 1 ? Flag.END : 0);
    holder.send(ask(1, { flags, payload: part }));
  }
  let answer = await holder.take(1);
  while (answer.app === APP_CONTROL) answer = await holder.take(1);
  const elapsedMs = performance.now() - begin;
  t.equal(Buffer.from(answer.payload).toString(), String(parts * part.length));
  const bytes = parts * (part.length + 38);
  // What comes at once, and what is on its way when the credit stops.
  const leastMs = ((bytes - 2 * STREAM_WINDOW_BYTES) / perSecond) * 1_000;
  t.ok(elapsedMs > leastMs && elapsedMs < 3 * leastMs, `${Math.round(elapsedMs)} ms, at least ${Math.round(leastMs)}`);
});
