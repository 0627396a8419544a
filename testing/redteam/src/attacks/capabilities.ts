import { attenuateCapability } from '@omnigate/capability';
import { ControlOp, Flag } from '@omnigate/kernel/wire';
import { tokenOf } from '../desk.ts';
import { ALICE, BOB, CAROL, cancel, event, Field, frame, hello, part, ping, request, start, withField } from '../frames.ts';
import { inParallel, until } from '../patience.ts';
import type { Peer } from '../peer.ts';
import type { Attack } from '../play.ts';
import { refusalOf } from '../trial.ts';
import type { Trial } from '../trial.ts';

/** The protected application of src/services/vault.ts. */
export const VAULT = 40_000;
export const VaultOp = { WRITE: 1, READ: 2, WAIT: 3 } as const;

const MINUTE_MS = 60_000;
/** Wrong signatures on one connection that do not end it yet (specs/oap-1.md §8.4). */
const INVALID_ENDURED = 9;
const ZEROS = '0'.repeat(32);
const ONES = 'f'.repeat(32);

const to = { corr: 5, app: VAULT, tenant: ALICE };

/** A request to the vault. */
function ask(capability: Uint8Array | undefined, code: number = VaultOp.READ, payload: Uint8Array | string = '', tenant = ALICE): Uint8Array {
  return request(5, payload, { app: VAULT, code, tenant, ...(capability && { capability }) });
}

/** What the node says to one request on a connection of its own. */
async function told(trial: Trial, bytes: Uint8Array, about: { corr: number; app: number; tenant: string } = to): Promise<string> {
  const peer = await trial.greeted();
  peer.send(bytes);
  return trial.reaction(peer, { to: about });
}

/** Fails unless a request is answered with 200. */
async function works(trial: Trial, bytes: Uint8Array, what: string): Promise<void> {
  const peer = await trial.greeted();
  peer.send(bytes);
  const { code } = await peer.take(5);
  trial.ensure(code === 200, `${what} was answered with ${code}`);
  trial.drop(peer);
}

const missing: Attack = {
  row: 25,
  play: async (trial) => {
    await told(trial, ask(undefined));
    await told(trial, start(5, 'x', { app: VAULT, tenant: ALICE }));
    await told(trial, event(5, 'x', { app: VAULT, tenant: ALICE }));
  },
};

const flipped: Attack = {
  row: 26,
  play: async (trial) => {
    const token = await trial.target.desk.mint({ apps: [VAULT], verbs: ['read'] });
    await works(trial, ask(token), 'the token as it is');
    const bits = Array.from({ length: Math.ceil((token.length * 8) / trial.scale.flipStep) }, (_, n) => n * trial.scale.flipStep);
    await inParallel(Math.ceil(bits.length / INVALID_ENDURED), 8, async (n) => {
      const peer = await trial.greeted();
      const some = bits.slice(n * INVALID_ENDURED, (n + 1) * INVALID_ENDURED);
      for (const bit of some) {
        const changed = Uint8Array.from(token);
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        peer.send(frame(bit + 10, Flag.REQ | Flag.START | Flag.END, '', { app: VAULT, code: VaultOp.READ, tenant: ALICE, capability: changed }));
      }
      for (const bit of some) trial.saw(refusalOf(await peer.take(bit + 10)));
      trial.drop(peer);
    });
    trial.fact(`${bits.length} of ${token.length * 8} bits`);
    const guessing = await trial.greeted();
    const wrong = Uint8Array.from(token);
    wrong[wrong.length - 1] = (wrong.at(-1) ?? 0) ^ 1;
    for (let n = 0; n < INVALID_ENDURED; n++) {
      guessing.send(ask(wrong));
      trial.saw(refusalOf(await guessing.take(5)));
    }
    guessing.send(ask(wrong));
    await trial.reaction(guessing, { to });
  },
};

const malformed: Attack = {
  row: 27,
  play: async (trial) => {
    const identifier = new Uint8Array(31).fill(1);
    const signature = new Uint8Array(32);
    const good = tokenOf(identifier, [`tenant=${ALICE}`], signature);
    const head = good.subarray(0, 11);
    const forms: Record<string, Uint8Array> = {
      'a thousand caveats': tokenOf(identifier, Array.from({ length: 1_000 }, () => ''), signature),
      '33 caveats': tokenOf(identifier, Array.from({ length: 33 }, () => 'exp=1'), signature),
      'a varint of ten bytes': Buffer.concat([head, Buffer.from('02ffffffffffffffffff7f', 'hex')]),
      'a varint that never ends': Buffer.concat([head, Buffer.from('02', 'hex'), Buffer.alloc(4_000, 0xff)]),
      'a varint longer than needed': Buffer.concat([good.subarray(0, 1), Buffer.from('018800', 'hex'), good.subarray(3)]),
      'a length beyond the end': Buffer.concat([head, Buffer.from('02ff3f', 'hex')]),
      'bytes behind the end': Buffer.concat([good, Buffer.of(0)]),
      'a third party': Buffer.concat([good.subarray(0, -35), Buffer.from('0201610401620000', 'hex'), good.subarray(-34)]),
      'the first half': good.subarray(0, good.length / 2),
    };
    for (const [name, bytes] of Object.entries(forms)) {
      const answer = await told(trial, ask(bytes));
      trial.ensure(answer === 'K 400 cap_malformed', `${name}: ${answer}`);
    }
    const many = tokenOf(identifier, Array.from({ length: 10_000 }, () => ''), signature);
    await told(trial, withField(ask(undefined, VaultOp.READ, many), Field.CAP_LEN, many.length));
  },
};

const outOfTime: Attack = {
  row: 28,
  play: async (trial) => {
    const { desk } = trial.target;
    const nowMs = Date.now();
    await told(trial, ask(desk.mintedAt(nowMs - 10 * MINUTE_MS, { ttlMs: MINUTE_MS })));
    await told(trial, ask(desk.mintedAt(nowMs, { notBeforeMs: nowMs + 10 * MINUTE_MS, ttlMs: 20 * MINUTE_MS })));
    await told(trial, ask(desk.mintedAt(nowMs + 10 * MINUTE_MS)));
  },
};

/** A connection with a stream and a waiting request that its capability opened. */
async function holding(trial: Trial, capability: Uint8Array, tenant: string): Promise<Peer> {
  const peer = await trial.greeted({ capability, tenant });
  const wait = { app: VAULT, code: VaultOp.WAIT, tenant };
  peer.send(start(1, '', wait), request(2, '', wait), ping(3));
  await peer.take(3);
  return peer;
}

const revoked: Attack = {
  row: 29,
  play: async (trial) => {
    const { desk } = trial.target;
    const victim = await desk.minted();
    const alice = await holding(trial, victim.bytes, ALICE);
    const bob = await holding(trial, await desk.mint({ tenant: BOB }), BOB);
    const { sequence } = await desk.store.revokeToken(victim.nonce);
    for (const corr of [1, 2]) trial.saw(refusalOf(await alice.take(corr)));
    for (const peer of [alice, bob]) {
      const { code, flags } = await peer.take(({ app, corrId }) => app === 0 && corrId === 0n);
      trial.ensure(code === ControlOp.REVOKED && (flags & Flag.EVENT) !== 0, 'all who are connected are told');
    }
    // What comes on the same connection and what was made from the same token.
    alice.send(request(5, '', { app: VAULT, code: VaultOp.READ, tenant: ALICE }));
    await trial.reaction(alice, { to });
    await told(trial, ask(attenuateCapability(victim.bytes, { apps: [VAULT] })));
    await works(trial, ask(await desk.mint()), 'another token of the tenant');

    const carols = await desk.mint({ tenant: CAROL });
    await desk.store.revokeTenant(CAROL);
    await until('the node to learn of it', async () => ((await trial.target.metrics()).get('revocation_sequence') ?? 0) > sequence);
    await told(trial, ask(carols, VaultOp.READ, '', CAROL), { ...to, tenant: CAROL });
    const greeting = await trial.connected();
    greeting.send(hello({}, { capability: carols, tenant: CAROL }));
    trial.saw(refusalOf(await greeting.take(0)));
    greeting.send(hello());
    trial.ensure((await greeting.take(0)).code === 200, 'another HELLO is taken');
    trial.drop(greeting);

    // A waiting request outlives a FIN, so it is let go first.
    bob.send(cancel(1), cancel(2), ping(9));
    await bob.take(9);
    trial.ensure(!bob.inbox.some(({ code }) => code >= 400), 'the streams of another tenant go on');
    trial.drop(bob);
  },
};

const oldKey: Attack = {
  row: 30,
  play: async (trial) => {
    const { desk } = trial.target;
    await told(trial, ask(desk.foreign()));
    const old = await desk.minted();
    const peer = await holding(trial, old.bytes, ALICE);
    await desk.store.rotate();
    await works(trial, ask(old.bytes), 'a token of the key before');
    await works(trial, ask(await desk.mint()), 'a token of the next key');
    await desk.store.retire(old.kid, true);
    for (const corr of [1, 2]) trial.saw(refusalOf(await peer.take(corr)));
    trial.drop(peer);
    await told(trial, ask(old.bytes));
  },
};

const anotherTenant: Attack = {
  row: 31,
  play: async (trial) => {
    const { desk } = trial.target;
    const before = await desk.denials('tenant_mismatch');
    const token = await desk.mint();
    await told(trial, ask(token, VaultOp.READ, '', BOB), { ...to, tenant: BOB });
    const greeting = await trial.connected();
    greeting.send(hello({}, { capability: token, tenant: BOB }));
    trial.saw(refusalOf(await greeting.take(0)));
    trial.drop(greeting);
    await desk.audited('tenant_mismatch', before + 2);
    trial.fact('on record');
  },
};

const TOPICS_OUTSIDE = ['a/../b', 'a/..', 'ab', 'ab/c', 'b', 'a', 'a/', 'a//b', '/a/b', 'A/b', 'a/./b', 'a/b\0', 'a\\b', '%61/b', ' a/b', ''];

const outside: Attack = {
  row: 32,
  play: async (trial) => {
    const { desk } = trial.target;
    const writer = await desk.mint({ apps: [VAULT], verbs: ['write'], prefixes: ['a/'] });
    await works(trial, ask(writer, VaultOp.WRITE, 'a/b'), 'a topic inside');
    for (const topic of TOPICS_OUTSIDE) {
      const answer = await told(trial, ask(writer, VaultOp.WRITE, topic));
      trial.ensure(answer === 'K 403 cap_scope', `the topic ${JSON.stringify(topic)}: ${answer}`);
    }
    await told(trial, ask(writer, VaultOp.READ));
    await told(trial, ask(await desk.mint({ apps: [1] })));
    await told(trial, ask(await desk.forged([`tenant=${ALICE}`, 'moon=full'])));
    const small = await desk.mint({ maxBytes: 10 });
    await told(trial, ask(small, VaultOp.WRITE, 'elevenbytes'));
    const streaming = await trial.greeted();
    const write = { app: VAULT, code: VaultOp.WRITE, tenant: ALICE };
    streaming.send(start(5, 'seven b', { ...write, capability: small }), part(5, 'four', write));
    await trial.reaction(streaming, { to });
    await works(trial, ask(small, VaultOp.WRITE, 'ten bytes.'), 'as much as is allowed');
  },
};

const nobody: Attack = {
  row: 34,
  play: async (trial) => {
    const { desk } = trial.target;
    const token = await desk.mint();
    for (const tenant of [ZEROS, ONES]) {
      await told(trial, ask(token, VaultOp.READ, '', tenant), { ...to, tenant });
      const forged = await desk.forged([`tenant=${tenant}`]);
      await told(trial, ask(forged, VaultOp.READ, '', tenant), { ...to, tenant });
    }
  },
};

/** Rows 25 to 34, but for the one that needs TLS. */
export const capabilityAttacks: readonly Attack[] = [missing, flipped, malformed, outOfTime, revoked, oldKey, anotherTenant, outside, nobody];

