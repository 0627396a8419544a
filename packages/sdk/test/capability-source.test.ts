import { setTimeout as sleep } from 'node:timers/promises';
import { Keyring, mintCapability } from '@omnigate/capability';
import { APP_CONTROL, ControlOp, defineReject, Flag, Status } from '@omnigate/kernel/wire';
import type { Frame } from '@omnigate/kernel/wire';
import t from 'tap';
import type { Test } from 'tap';
import { CapabilitySource } from '../src/capability-source.ts';
import type { Client, ConnectOptions } from '../src/index.ts';
import { connect } from '../src/index.ts';
import { CAP_ANSWER_MS } from '../src/limits.ts';
import { pattern, ScriptedNode } from './fixtures/scripted-node.ts';
import type { Peer } from './fixtures/scripted-node.ts';
import { failure, isRequest, until } from './fixtures/session.ts';

const APP = 300;
const TENANT = '00112233445566778899aabbccddeeff';
const keyring = Keyring.create({ nowMs: Date.now() });
const REFUSALS = {
  cap_expired: defineReject('cap_expired', Status.UNAUTHENTICATED, false, 'K', ''),
  cap_revoked: defineReject('cap_revoked', Status.UNAUTHENTICATED, false, 'K', ''),
  cap_kid: defineReject('cap_kid', Status.UNAUTHENTICATED, false, 'K', ''),
};

function mint(ttlMs = 3_600_000, tenant = TENANT): Uint8Array {
  const nowMs = Date.now();
  return mintCapability(keyring, { tenant, nowMs, ttlMs }).bytes;
}

/** A node that knows which capabilities are good, and a client whose function mints them. */
class Site {
  readonly answers: Uint8Array[] = [];
  readonly refused = new Set<string>();
  reason: keyof typeof REFUSALS = 'cap_revoked';
  detail: unknown;
  /** What the function does; mints when absent. */
  answer: (() => Uint8Array | Promise<Uint8Array>) | undefined;
  ttlMs = 3_600_000;
  #asked = 0;
  node: ScriptedNode | undefined;
  readonly #own = new WeakMap<Peer, string>();

  get asked(): number {
    return this.#asked;
  }

  async start(t: Test, options: ConnectOptions = {}): Promise<[Client, ScriptedNode]> {
    const node = await ScriptedNode.start({ onFrame: (peer, frame) => this.#judge(peer, frame) });
    this.node = node;
    t.teardown(() => node[Symbol.asyncDispose]());
    const client = await connect({ url: node.url, cap: this.cap, ...options });
    t.teardown(() => client.close());
    return [client, node];
  }

  readonly cap = async (): Promise<Uint8Array> => {
    this.#asked++;
    await sleep(5);
    const bytes = this.answer === undefined ? mint(this.ttlMs) : await this.answer();
    this.answers.push(bytes);
    return bytes;
  };

  /** What was issued so far is good no longer. */
  revoke(): void {
    for (const bytes of this.answers) this.refused.add(hex(bytes));
  }

  #judge(peer: Peer, frame: Frame): boolean {
    const isHello = frame.app === APP_CONTROL && frame.code === ControlOp.HELLO;
    if (isHello) this.#own.set(peer, hex(frame.capability));
    if (!isHello && (!isRequest(frame) || (frame.flags & Flag.START) === 0)) return false;
    const shown = frame.capability.length === 0 ? this.#own.get(peer) : hex(frame.capability);
    if (shown === undefined || !this.refused.has(shown)) return false;
    peer.error(frame, REFUSALS[this.reason], { detail: this.detail });
    return true;
  }
}

const hex = (bytes: Uint8Array = new Uint8Array()): string => Buffer.from(bytes).toString('hex');

await t.test('it is asked at connect and before each new connection', async (t) => {
  const site = new Site();
  const [client, node] = await site.start(t);
  t.equal(site.asked, 1);
  t.same([hex(node.peer.frames[0]?.capability), node.peer.frames[0]?.tenant], [hex(site.answers[0]), TENANT]);
  await client.request(APP, 0, pattern(3));
  t.same([node.peer.requests[0]?.tenant, node.peer.requests[0]?.capability.length], [TENANT, 0]);
  node.peer.socket.destroy();
  await client.request(APP, 0, pattern(3), { idempotent: true });
  t.equal(site.asked, 2);
  t.equal(hex(node.peer.frames[0]?.capability), hex(site.answers[1]), 'the new HELLO has the new one');
});

await t.test('an answer that no node has seen serves the next attempt', async (t) => {
  const site = new Site();
  const [client, node] = await site.start(t);
  const { port } = node;
  await node[Symbol.asyncDispose]();
  await until(() => site.asked === 2);
  await sleep(400);
  t.equal(site.asked, 2, 'while nobody listens');
  await using again = await ScriptedNode.start({ port });
  await client.request(APP, 0, pattern(3));
  t.equal(hex(again.peer.frames[0]?.capability), hex(site.answers[1]));
});

await t.test('it is renewed shortly before its end and rides on requests until the next connection', async (t) => {
  const site = new Site();
  site.ttlMs = 3_000;
  const [client, node] = await site.start(t);
  site.ttlMs = 3_600_000;
  await client.request(APP, 0, pattern(3));
  await until(() => site.asked === 2);
  await sleep(20);
  await client.request(APP, 0, pattern(3));
  const big = pattern(1_200_000);
  t.equal((await client.request(APP, 0, big)).payload.length, big.length, 'a request of several frames too');
  const starts = node.peer.requests.filter(({ flags }) => (flags & Flag.START) !== 0);
  const newest = hex(site.answers[1]);
  t.same(starts.map(({ capability }) => hex(capability)), ['', newest, newest]);
  t.equal(site.asked, 2);
  node.peer.socket.destroy();
  await client.request(APP, 0, pattern(3), { idempotent: true });
  t.equal(node.peer.requests[0]?.capability.length, 0, 'the next HELLO says it again');
});

for (const reason of ['cap_expired', 'cap_revoked', 'cap_kid'] as const) {
  await t.test(`${reason}: calls share one question and are repeated once`, async (t) => {
    const site = new Site();
    site.reason = reason;
    const [client] = await site.start(t);
    site.revoke();
    const replies = await Promise.all(Array.from({ length: 50 }, (_, i) => client.request(APP, 0, pattern(20, i))));
    t.ok(replies.every(({ payload }, i) => Buffer.from(payload).equals(pattern(20, i))));
    t.equal(site.asked, 2);
    await client.request(APP, 0, pattern(3));
    let bytes = 0;
    site.revoke();
    for await (const chunk of client.stream(APP, 0, { body: pattern(100_000) })) bytes += chunk.length;
    t.equal(bytes, 100_000, 'a stream whose body can be sent again too');
    t.equal(site.asked, 3);
  });
}

await t.test('never in a loop: a second refusal is final, and so is the same answer again', async (t) => {
  const site = new Site();
  const [client, node] = await site.start(t);
  site.revoke();
  site.answer = () => {
    const bytes = mint();
    site.refused.add(hex(bytes));
    return bytes;
  };
  const error = await failure(client.request(APP, 0, pattern(3)));
  t.match(error, { reason: 'cap_revoked', status: 401, origin: 'remote', message: /`ronctl cap mint`/ });
  t.same([site.asked, node.peer.requests.length], [2, 2]);
  const last = site.answers.at(-1) ?? new Uint8Array();
  site.answer = () => last;
  t.equal((await failure(client.request(APP, 0, pattern(3)))).reason, 'cap_revoked');
  t.same([site.asked, node.peer.requests.length], [3, 3]);
});

await t.test('what the function throws reaches all who need its answer, with a pause before the next question', async (t) => {
  const site = new Site();
  const [client, node] = await site.start(t);
  site.revoke();
  site.answer = () => {
    throw new Error('the token service is down');
  };
  const errors = await Promise.all(Array.from({ length: 20 }, () => failure(client.request(APP, 0, pattern(3)))));
  for (const error of errors) t.match(error, { reason: 'cap_unavailable', message: /the token service is down\. .*`ronctl cap mint`/ });
  t.match(errors[0]?.cause, { message: 'the token service is down' });
  await failure(client.request(APP, 0, pattern(3)));
  t.same([site.asked, node.peer.requests.length], [2, 21], 'no second question within a second');
  node.peer.socket.destroy();
  t.equal((await failure(client.request(APP, 0, pattern(3), { idempotent: true }))).reason, 'cap_unavailable', 'there is no connection without it');
  site.answer = undefined;
  await until(() => site.asked > 2);
  await client.request(APP, 0, pattern(3));
});

await t.test('what was in flight when the capability ended is repeated only where that is safe', async (t) => {
  const site = new Site();
  const [client, node] = await site.start(t);
  site.detail = { in_flight: true };
  site.revoke();
  t.match(await failure(client.request(APP, 0, pattern(3))), { reason: 'cap_revoked', detail: { in_flight: true } });
  t.same([site.asked, node.peer.requests.length], [1, 1]);
  await client.request(APP, 0, pattern(3), { idempotent: true });
  t.same([site.asked, node.peer.requests.length], [2, 3]);
  site.revoke();
  t.equal((await failure(client.request(APP, 0, pattern(3), { retry: false }))).reason, 'cap_revoked');
  t.equal(site.asked, 2, 'and not where the caller wants to hear of it');
});

await t.test('a call does not wait for an answer beyond its deadline, nor connect() beyond its signal', async (t) => {
  const site = new Site();
  const [client, node] = await site.start(t);
  site.revoke();
  site.answer = () => new Promise(() => undefined);
  t.equal((await failure(client.request(APP, 0, pattern(3), { deadlineMs: 50 }))).reason, 'deadline_exceeded');
  const signal = AbortSignal.timeout(20);
  t.equal((await failure(connect({ url: node.url, cap: site.cap, signal }))).reason, 'cancelled');
  const closing = failure(client.request(APP, 0, pattern(3)));
  await until(() => node.peer.requests.length === 2);
  // The refusal is here when what was asked after it is: from then on the call waits for the function.
  await client.ping();
  await client.close();
  t.equal((await closing).reason, 'client_closed');
});

await t.test('a function that gives nothing of use fails connect()', async (t) => {
  const node = await ScriptedNode.start();
  t.teardown(() => node[Symbol.asyncDispose]());
  for (const answer of [undefined, '', 'not base64url!', new Uint8Array(4_097), 7]) {
    const error = await failure(connect({ url: node.url, cap: () => answer as string }));
    t.match(error, { reason: 'cap_unavailable', retryable: false }, String(answer).slice(0, 20));
  }
  t.equal(node.peers.length, 0, 'nobody dialled');
});

await t.test('an answer for another tenant is refused, unless the caller says whose requests these are', async (t) => {
  const site = new Site();
  const [client] = await site.start(t);
  site.answer = () => mint(3_600_000, 'b'.repeat(32));
  site.revoke();
  t.match(await failure(client.request(APP, 0, pattern(3))), { reason: 'cap_unavailable', message: /another tenant/ });
  const other = new Site();
  const [free, node] = await other.start(t, { tenant: 'c'.repeat(32) });
  other.answer = site.answer;
  other.revoke();
  await free.request(APP, 0, pattern(3));
  t.same(node.peer.requests.map(({ tenant }) => tenant), ['c'.repeat(32), 'c'.repeat(32)]);
});

await t.test('a fixed capability, and one of a single call, are never asked for: the error says what to do', async (t) => {
  const site = new Site();
  const [client, node] = await site.start(t, { cap: mint() });
  const own = mint();
  site.refused.add(hex(own));
  site.reason = 'cap_expired';
  const error = await failure(client.request(APP, 0, pattern(3), { cap: own }));
  t.match(error, { reason: 'cap_expired', message: /Make a new capability with `ronctl cap mint`; .* a function as cap/ });
  t.same([site.asked, node.peer.requests.length], [0, 1]);
  t.match(await failure(connect({ url: node.url, cap: own })), { reason: 'cap_expired', message: /`ronctl cap mint`/ });
});

await t.test('the answer is waited for CAP_ANSWER_MS and not longer', async (t) => {
  let timeOut: () => void = () => undefined;
  const timers = t.capture(globalThis, 'setTimeout', (run: () => void) => {
    timeOut = run;
    return { unref: () => undefined };
  });
  const source = new CapabilitySource(() => new Promise(() => undefined), false);
  const asking = failure(source.renew());
  t.equal(timers()[0]?.args[1], CAP_ANSWER_MS);
  timeOut();
  t.match(await asking, { reason: 'cap_unavailable', message: /within 10000 ms/ });
});
