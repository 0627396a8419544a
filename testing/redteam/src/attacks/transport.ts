import { connect } from 'node:net';
import { hello, request, textOf, withLength } from '../frames.ts';
import { inParallel, pause, until } from '../patience.ts';
import type { Attack } from '../play.ts';
import { HELD, HeldOp } from './messages.ts';

/** Reply streams that never wait for credit. */
const GENEROUS = { initial_window: 16_777_216 };
/** A peer that takes nothing is cut off after 10 s (specs/oap-1.md §9). */
const STALLED_WITHIN_MS = 60_000;
const STALL_MS_MIN = 9_000;
/** How far the node may be behind because of what neighbours say. */
const SMALL_BYTES = 100_000;

/** Row 47 waits for 10 s. */
export const neverReads: Attack = {
  row: 47,
  play: async (trial) => {
    const counted = async (): Promise<number> => (await trial.target.rejected()).get('slow_reader') ?? 0;
    const before = await counted();
    const startMs = performance.now();
    // One asks for more than the node holds for anybody, and is cut off at once; the other lets it wait.
    const asking = await trial.greeted({ hello: GENEROUS });
    asking.socket.pause();
    asking.send(...Array.from({ length: 60 }, (_, n) => request(n + 1, '', { app: HELD, code: HeldOp.MUCH })));
    await until('the first to be cut off', async () => (await counted()) > before);
    trial.ensure(performance.now() - startMs < STALL_MS_MIN, 'too much is not waited for');
    const echoing = await trial.greeted({ hello: GENEROUS });
    echoing.socket.pause();
    const secondMs = performance.now();
    for (let n = 1; n <= 20; n++) echoing.send(request(n, new Uint8Array(900_000)));
    await until('the second to be cut off', async () => (await counted()) > before + 1, STALLED_WITHIN_MS);
    trial.ensure(performance.now() - secondMs >= STALL_MS_MIN, 'a reader may pause for 10 s');
    for (const peer of [asking, echoing]) {
      peer.socket.resume();
      await trial.reaction(peer, { silent: 'slow_reader', ping: false });
    }
  },
};

const shutWindow: Attack = {
  row: 48,
  play: async (trial) => {
    const { target } = trial;
    const bytes = async (name: string): Promise<number> => (await target.metrics()).get(name) ?? 0;
    const behind = async (): Promise<number> => (await bytes('bytes_in_total')) - (await bytes('bytes_out_total'));
    const peer = await trial.greeted({ hello: GENEROUS });
    peer.socket.pause();
    const before = await behind();
    // Step by step, until the operating system takes no more of the replies.
    for (let n = 1; (await behind()) - before < SMALL_BYTES && n < 200; n++) {
      peer.send(request(n, new Uint8Array(200_000)));
      await pause(30);
    }
    peer.send(withLength(request(9), 1));
    trial.counted('bad_length', 1);
    const startMs = performance.now();
    await until('it to be cut off', async () => ((await target.rejected()).get('slow_reader') ?? 0) > 0);
    trial.ensure(performance.now() - startMs < STALL_MS_MIN, 'the error is not waited for');
    peer.socket.resume();
    await trial.reaction(peer, { silent: 'slow_reader', ping: false });
  },
};

const halfClose: Attack = {
  row: 49,
  play: async (trial) => {
    const peer = await trial.greeted();
    peer.send(request(5, 'last words', { app: HELD, code: HeldOp.LATE }));
    peer.socket.end();
    const answered = textOf(await peer.take(5)) === 'last words';
    const end = await peer.ended();
    if (answered && end === 'fin') trial.saw('answered, then closed');
  },
};

const resets: Attack = {
  row: 50,
  play: async (trial) => {
    const begun = Buffer.concat([hello(), request(1, 'x'), request(2, new Uint8Array(1_000)).subarray(0, 500)]);
    await inParallel(trial.scale.resets, 16, async () => {
      await new Promise<void>((resolve) => {
        const socket = connect(trial.target.oap, () => {
          socket.write(begun, () => socket.resetAndDestroy());
        });
        socket.on('error', () => undefined);
        socket.on('close', () => {
          resolve();
        });
      });
    });
    // A reset behind bytes that were read may show as an end of stream.
    trial.counted('truncated', undefined);
    trial.saw('descriptors flat');
    trial.fact(`${trial.scale.resets} resets`);
  },
};

/** Rows 48 to 50. */
export const transportAttacks: readonly Attack[] = [shutWindow, halfClose, resets];
