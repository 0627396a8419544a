import { ControlOp, decodeHelloReply, Flag, FRAME_BYTES_MAX } from '@omnigate/kernel/wire';
import { ECHO, hello, ping, request, withLength } from '../frames.ts';
import type { Attack } from '../play.ts';
import { refusalOf, reasonOf } from '../trial.ts';
import type { Trial } from '../trial.ts';
import type { Peer } from '../peer.ts';

/** The node gives up on who says nothing after 2 s (specs/oap-1.md §9); earlier it must not. */
const HELLO_MS_MIN = 1_500;
/** Faults that end a connection, and error frames a second at most (specs/oap-1.md §8.3). */
const GLITCHES_MAX = 100;
const ERROR_FRAMES_PER_SECOND_MAX = 50;

/**
 * Looks at a connection that makes the same fault again and again: refused each
 * time, told so some of the times, ended at the hundredth.
 */
export async function flood(trial: Trial, peer: Peer, refusal: string): Promise<void> {
  const startMs = performance.now();
  await peer.ended();
  const seconds = 1 + Math.ceil((performance.now() - startMs) / 1_000);
  const errors = peer.inbox.filter(({ code, flags }) => (flags & Flag.RESP) !== 0 && code >= 400);
  const end = errors.pop();
  trial.saw(end === undefined ? 'closed' : `C ${end.code} ${reasonOf(end)}`);
  const told = errors.filter((error) => refusalOf(error) === refusal).length;
  trial.ensure(told === errors.length, `${errors.length - told} other refusals`);
  trial.ensure(told <= seconds * ERROR_FRAMES_PER_SECOND_MAX, `${told} error frames`);
  trial.saw(refusal, told, GLITCHES_MAX);
}

const otherFirst: Attack = {
  row: 19,
  play: async (trial) => {
    for (const [first, app, corr] of [
      [request(5), ECHO, 5],
      [ping(5), 0, 5],
      [hello({}, { flags: Flag.EVENT }), 0, 0],
      [hello({}, { flags: Flag.REQ | Flag.RESP }), 0, 0],
    ] as const) {
      const peer = await trial.connected();
      peer.send(first);
      await trial.reaction(peer, { ping: false, to: { corr, app } });
    }
  },
};

const largeFirst: Attack = {
  row: 20,
  play: async (trial) => {
    const large = request(0, new Uint8Array(5_000), { app: 0 });
    for (const first of [large, withLength(hello(), 4_097), withLength(hello(), FRAME_BYTES_MAX).subarray(0, 4)]) {
      const peer = await trial.connected();
      peer.send(first);
      await trial.reaction(peer, { ping: false, to: { corr: 0, app: 0 } });
    }
  },
};

const second: Attack = {
  row: 21,
  play: async (trial) => {
    const peer = await trial.greeted();
    peer.send(request(7, '', { app: 0, code: ControlOp.HELLO }));
    await trial.reaction(peer, { to: { corr: 7, app: 0 } });
  },
};

const many: Attack = {
  row: 22,
  play: async (trial) => {
    const peer = await trial.greeted();
    peer.send(...Array.from({ length: 3 * GLITCHES_MAX }, (_, n) => request(n + 10, '', { app: 0, code: ControlOp.HELLO })));
    await flood(trial, peer, 'K 409 hello_repeated');
  },
};

const greedy: Attack = {
  row: 23,
  play: async (trial) => {
    const peer = await trial.connected();
    peer.send(hello({ max_frame: 4_294_967_296, max_inflight: 1e9, initial_window: 1e12 }));
    const reply = decodeHelloReply((await peer.take(0)).payload);
    if (reply?.max_frame === FRAME_BYTES_MAX) trial.saw('clamped');
    peer.send(withLength(request(5), FRAME_BYTES_MAX + 1));
    await trial.reaction(peer, { ping: false, to: { corr: 0, app: 0 } });
  },
};

/** Row 24 waits for 2 s. */
export const silence: Attack = {
  row: 24,
  play: async (trial) => {
    const quiet = Array.from({ length: 10 }, async () => {
      const startMs = performance.now();
      const peer = await trial.connected();
      await trial.reaction(peer, { silent: 'hello_timeout', ping: false });
      const tookMs = performance.now() - startMs;
      trial.ensure(tookMs >= HELLO_MS_MIN, `closed after ${Math.round(tookMs)} ms`);
    });
    await Promise.all(quiet);
  },
};

/** Rows 19 to 23. */
export const greetingAttacks: readonly Attack[] = [otherFirst, largeFirst, second, many, greedy];
