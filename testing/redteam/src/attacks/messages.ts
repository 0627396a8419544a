import { Flag, STREAM_WINDOW_BYTES } from '@omnigate/kernel/wire';
import { cancel, credit, ECHO, frame, part, ping, request, start, textOf, WHOLE } from '../frames.ts';
import { inParallel } from '../patience.ts';
import type { Attack } from '../play.ts';
import { refusalOf } from '../trial.ts';
import { flood } from './greeting.ts';

/** The applications of src/services/held.ts and narrow.ts. */
export const HELD = 40_001;
export const HeldOp = { NEVER: 0, MUCH: 1, LATE: 2 } as const;
const NARROW = 40_002;

/** Budgets of specs/oap-1.md §8.4 and §6.2. */
const GLITCHES_ENDURED = 99;
const EMPTY_FRAMES_MAX = 100;
const ACK_REQUESTS_MAX = 100;
const YOUNG_CANCELS_MAX = 50;
const UNKNOWN_ANSWERS = 16;
const INFLIGHT_MAX = 1_024;

const atHeld = { app: HELD };
const toHeld = { corr: 5, app: HELD };

/** app_proto_ids without a service: beyond those of the project and those of the tests. */
function unknownApps(count: number): number[] {
  const apps = Array.from({ length: 0x1_0000 }, (_, app) => app).filter((app) => app > 95 && (app < 40_000 || app > 40_010));
  return apps.slice(0, count);
}

const scan: Attack = {
  row: 35,
  play: async (trial) => {
    const apps = unknownApps(trial.scale.apps);
    await inParallel(Math.ceil(apps.length / GLITCHES_ENDURED), 8, async (n) => {
      const some = apps.slice(n * GLITCHES_ENDURED, (n + 1) * GLITCHES_ENDURED);
      const peer = await trial.greeted();
      peer.send(...some.map((app) => request(app, '', { app })), ping(1));
      await peer.take(1);
      for (const reply of peer.inbox) {
        trial.ensure(Number(reply.corrId) === reply.app, 'each is told about its own app');
        trial.saw(refusalOf(reply));
      }
      trial.counted('app_unknown', some.length - peer.inbox.length);
      trial.drop(peer);
    });
    const peer = await trial.greeted();
    peer.send(...apps.slice(0, 3 * GLITCHES_ENDURED).map((app) => request(app, '', { app })));
    await flood(trial, peer, 'K 404 app_unknown');
    trial.fact(`${apps.length} apps`);
  },
};

const duplicate: Attack = {
  row: 36,
  play: async (trial) => {
    const peer = await trial.greeted();
    peer.send(request(5, 'the first', { ...atHeld, code: HeldOp.LATE }), request(5, 'the second', atHeld), start(5, 'the third'));
    for (let n = 0; n < 2; n++) trial.saw(refusalOf(await peer.take(({ code }) => code >= 400)));
    trial.ensure(textOf(await peer.take(5)) === 'the first', 'the first one is answered');
    trial.drop(peer);
  },
};

const orphans: Attack = {
  row: 37,
  play: async (trial) => {
    const count = 40;
    const peer = await trial.greeted();
    peer.send(...Array.from({ length: count }, (_, n) => part(n + 100)), ping(1));
    await peer.take(1);
    for (const reply of peer.inbox) trial.saw(refusalOf(reply));
    trial.ensure(peer.inbox.length === UNKNOWN_ANSWERS, `${peer.inbox.length} were answered`);
    trial.saw('D 409 corr_unknown', count - peer.inbox.length);
    trial.drop(peer);
    const ended = await trial.greeted();
    ended.send(request(5, '', atHeld), part(5, '', atHeld));
    trial.saw(refusalOf(await ended.take(5)));
    // What is in flight outlives a FIN, so it is let go first.
    ended.send(cancel(5), ping(6));
    await ended.take(6);
    trial.drop(ended);
  },
};

const startTwice: Attack = {
  row: 38,
  play: async (trial) => {
    const peer = await trial.greeted();
    peer.send(start(5, 'x', atHeld), start(5, 'y', atHeld));
    await trial.reaction(peer, { to: toHeld });
  },
};

const endless: Attack = {
  row: 39,
  play: async (trial) => {
    const { streams } = trial.scale;
    const peer = await trial.greeted();
    peer.send(...Array.from({ length: streams }, (_, n) => start(n + 1, '', atHeld)), ping(2n ** 63n));
    await peer.take(2n ** 63n);
    for (const reply of peer.inbox) trial.saw(refusalOf(reply));
    trial.ensure(peer.inbox.length === streams - INFLIGHT_MAX, `${peer.inbox.length} of ${streams} were refused`);
    trial.drop(peer);
  },
};

const empty: Attack = {
  row: 40,
  play: async (trial) => {
    const peer = await trial.greeted();
    peer.send(start(5, 'x', atHeld), ...Array.from({ length: EMPTY_FRAMES_MAX + 1 }, () => part(5, '', atHeld)));
    await trial.reaction(peer, { ping: false, to: { corr: 0, app: 0 } });
  },
};

const long: Attack = {
  row: 41,
  play: async (trial) => {
    const peer = await trial.greeted();
    peer.send(start(5, 'x', { app: NARROW }), ...Array.from({ length: 100 }, () => part(5, new Uint8Array(2_000), { app: NARROW })));
    await trial.reaction(peer, { to: { corr: 5, app: NARROW } });
  },
};

const rapidReset: Attack = {
  row: 42,
  play: async (trial) => {
    const peer = await trial.greeted();
    peer.send(...Array.from({ length: 2 * YOUNG_CANCELS_MAX }, (_, n) => [start(n + 1, '', atHeld), cancel(n + 1)]).flat());
    await trial.reaction(peer, { ping: false, to: { corr: 0, app: 0 } });
  },
};

const madeYouReset: Attack = {
  row: 43,
  play: async (trial) => {
    const peer = await trial.greeted();
    peer.send(...Array.from({ length: 300 }, (_, n) => [start(n + 1, 'x', atHeld), start(n + 1, 'x', atHeld)]).flat());
    await flood(trial, peer, 'K 409 bad_state');
  },
};

const demands: Attack = {
  row: 44,
  play: async (trial) => {
    const peer = await trial.greeted();
    peer.send(start(5, 'x', atHeld), ...Array.from({ length: ACK_REQUESTS_MAX + 1 }, () => frame(5, Flag.REQ | Flag.ACK_REQ, 'x', atHeld)));
    await trial.reaction(peer, { ping: false, to: { corr: 0, app: 0 } });
  },
};

const unsolicited: Attack = {
  row: 45,
  play: async (trial) => {
    for (const nothing of [frame(5, Flag.RESP | WHOLE, '', { code: 200 }), frame(5, Flag.RESP | WHOLE, '', { code: 404 }), credit(5, 10), cancel(5)]) {
      const peer = await trial.greeted();
      peer.send(nothing);
      await trial.reaction(peer, { silent: 'corr_unknown' });
    }
    const peer = await trial.greeted();
    peer.send(start(5, 'x', atHeld), part(5, new Uint8Array(STREAM_WINDOW_BYTES - 1_000), atHeld), part(5, new Uint8Array(1_000), atHeld));
    await trial.reaction(peer, { to: toHeld });
  },
};

const extremes: Attack = {
  row: 46,
  play: async (trial) => {
    const peer = await trial.greeted();
    const ids = [0n, 2n ** 63n, 2n ** 64n - 1n];
    peer.send(...ids.map((id) => request(id, String(id))));
    for (const id of ids) {
      const reply = await peer.take(({ corrId, app }) => corrId === id && app === ECHO);
      trial.saw(textOf(reply) === String(id) ? 'accepted' : 'another reply');
    }
    trial.drop(peer);
  },
};

/** Rows 35 to 46. */
export const messageAttacks: readonly Attack[] = [
  scan,
  duplicate,
  orphans,
  startTwice,
  endless,
  empty,
  long,
  rapidReset,
  madeYouReset,
  demands,
  unsolicited,
  extremes,
];
