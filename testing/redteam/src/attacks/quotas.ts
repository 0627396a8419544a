import { writeFileSync } from 'node:fs';
import { TemporaryFolder } from '@omnigate/harness';
import { decodeErrorBody } from '@omnigate/kernel/wire';
import { ALICE, BOB, CAROL, ping, request } from '../frames.ts';
import { inParallel, pause } from '../patience.ts';
import type { Attack, Scene } from '../play.ts';
import { Target } from '../target.ts';
import { refusalOf } from '../trial.ts';
import type { Trial } from '../trial.ts';
import { VAULT, VaultOp } from './capabilities.ts';

/** Of Alice: a small request costs 2 units, so these are 10 requests a second. */
const UNITS_PER_SECOND = 20;
const TIMES_QUOTA = 100;
const NEIGHBOURS = 4;
/** Refusals of one connection that are counted against it and do not end it yet (specs/oap-1.md §8.4). */
const GLITCHES_ENDURED = 99;
const WIDE = { units: { per_second: 1_000_000, burst: 1_000_000 } };

const QUOTAS = {
  tenants: {
    [ALICE]: { units: { per_second: UNITS_PER_SECOND, burst: 2 * UNITS_PER_SECOND } },
    [BOB]: { ...WIDE, units_per_app: { per_second: 1, burst: 10 } },
    [CAROL]: { ...WIDE, bytes: { per_second: 100_000, burst: 3_000_000 } },
  },
  tenant: WIDE,
};

const read = { app: VAULT, code: VaultOp.READ };

/** Asks again and again as somebody whose quota covers it, and counts what is refused. */
async function neighbour(trial: Trial, tenant: string): Promise<number> {
  const peer = await trial.greeted({ capability: await trial.target.desk.mint({ tenant }), tenant });
  let lost = 0;
  for (let n = 1; n <= trial.scale.neighbourRequests; n++) {
    peer.send(request(n, '', { ...read, tenant }));
    if ((await peer.take(n)).code !== 200) lost++;
  }
  trial.drop(peer);
  return lost;
}

const hog: Attack = {
  row: 56,
  play: async (trial) => {
    const peer = await trial.greeted({ capability: await trial.target.desk.mint(), tenant: ALICE });
    const neighbours = Promise.all(Array.from({ length: NEIGHBOURS }, (_, n) => neighbour(trial, `${n + 1}`.repeat(32))));
    let served = 0;
    let retryAfterMs = 0;
    const perBatch = UNITS_PER_SECOND / 2;
    for (let batch = 0; batch < TIMES_QUOTA; batch++) {
      const ids = Array.from({ length: perBatch }, (_, n) => batch * perBatch + n + 1);
      peer.send(...ids.map((id) => request(id, '', { ...read, tenant: ALICE })));
      for (const id of ids) {
        const reply = await peer.take(id);
        if (reply.code === 200) served++;
        else {
          trial.saw(refusalOf(reply));
          retryAfterMs = decodeErrorBody(reply.code, reply.payload, '').retryAfterMs ?? 0;
          trial.ensure(Number.isInteger(retryAfterMs) && retryAfterMs >= 1_000 && retryAfterMs <= 5_000, `retry_after_ms is ${retryAfterMs}`);
        }
      }
    }
    trial.ensure(served >= UNITS_PER_SECOND, `${served} were served, fewer than the burst`);
    const lost = (await neighbours).reduce((sum, count) => sum + count, 0);
    trial.ensure(lost === 0, `neighbours lost ${lost} requests`);
    await pause(retryAfterMs);
    peer.send(request(1, '', { ...read, tenant: ALICE }));
    trial.ensure((await peer.take(1)).code === 200, 'a retry at the told time is served');
    trial.drop(peer);
    trial.fact(`neighbours lost ${lost} of ${NEIGHBOURS * trial.scale.neighbourRequests}`);
  },
};

const storm: Attack = {
  row: 57,
  play: async (trial) => {
    const peer = await trial.greeted({ capability: await trial.target.desk.mint({ tenant: BOB }), tenant: BOB });
    const ids = Array.from({ length: 50 }, (_, n) => n + 1);
    peer.send(...ids.map((id) => request(id, '', { ...read, tenant: BOB })));
    for (const id of ids) {
      const reply = await peer.take(id);
      if (reply.code !== 200) trial.saw(refusalOf(reply));
    }
    peer.send(request(99, 'elsewhere', { tenant: BOB }));
    trial.ensure((await peer.take(99)).code === 200, 'another app is served');
    trial.drop(peer);
  },
};

const large: Attack = {
  row: 58,
  play: async (trial) => {
    const peer = await trial.greeted({ capability: await trial.target.desk.mint({ tenant: CAROL }), tenant: CAROL });
    const body = new Uint8Array(1_000_000);
    for (let n = 1; n <= 6; n++) {
      peer.send(request(n, body, { ...read, tenant: CAROL }));
      const reply = await peer.take(n);
      if (reply.code !== 200) trial.saw(refusalOf(reply));
    }
    trial.drop(peer);
  },
};

/** Tenants that nobody has ever heard of. */
function madeUp(n: number): string {
  return (BigInt(n + 1) * 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835n).toString(16).slice(-32).padStart(32, '1');
}

/** Growth that is no growth: pages that V8 and the allocator hold. */
const RSS_BYTES_NOISE = 64 * 1_048_576;

const strangers: Attack = {
  row: 59,
  play: async (trial) => {
    const { target, scale } = trial;
    const accounts = async (): Promise<number> => (await target.metrics()).get('quota_accounts') ?? 0;
    const rounds = Math.ceil(scale.tenants / GLITCHES_ENDURED);
    const play = async (from: number, until: number): Promise<void> => {
      await inParallel(until - from, 16, async (index) => {
        const first = (from + index) * GLITCHES_ENDURED;
        const tenants = Array.from({ length: Math.min(GLITCHES_ENDURED, scale.tenants - first) }, (_, n) => madeUp(first + n));
        const peer = await trial.greeted();
        // Where it is protected, and where it is open.
        peer.send(...tenants.map((tenant, n) => request(n + 1, '', { ...read, tenant })), ping(1_000));
        await peer.take(1_000);
        const refusals = peer.inbox.splice(0);
        for (const refusal of refusals) trial.saw(refusalOf(refusal));
        // Beyond 50 in a second they are counted and not answered.
        trial.counted('cap_missing', tenants.length - refusals.length);
        peer.send(...tenants.map((tenant, n) => request(n + 1, '', { tenant })), ping(1_000));
        await peer.take(1_000);
        trial.ensure(peer.inbox.every(({ code }) => code === 200), 'echo is open to everyone');
        trial.drop(peer);
      });
    };
    const warm = Math.ceil(rounds / 10);
    await play(0, warm);
    const before = await accounts();
    const { rssBytes } = target.node.usage();
    await play(warm, rounds);
    const grown = (await accounts()) - before;
    const grownBytes = target.node.usage().rssBytes - rssBytes;
    if (grown === 0 && grownBytes < RSS_BYTES_NOISE) trial.saw('tables flat');
    trial.fact(`${scale.tenants} tenants, ${grown} more accounts, ${(grownBytes / 1_048_576).toFixed(0)} MiB more memory`);
  },
};

/** A folder with the quotas in it. */
function quotaFolder(): TemporaryFolder {
  const folder = new TemporaryFolder();
  writeFileSync(folder.file('quotas.json'), JSON.stringify(QUOTAS));
  return folder;
}

export const quotasScene: Scene = {
  name: 'tight quotas',
  start: async () => {
    const folder = quotaFolder();
    return Target.start({ services: ['vault'], args: ['--quotas', folder.file('quotas.json')], belongings: folder });
  },
  attacks: [hog, storm, large, strangers],
};
