import { randomBytes } from 'node:crypto';
import { CLOCK_TOLERANCE_MS } from '../../bounds.ts';
import { expectSame, expectThat, Skip } from '../../deviation.ts';
import { CONTROL, Flag } from '../../wire/frame.ts';
import { cancel, controlEvent, hello, part, ping, request, start } from '../../wire/frames.ts';
import type { ServerCase } from '../bench.ts';

const GLITCHES_MAX = 100;
const EMPTY_FRAMES_MAX = 100;
const ACK_REQS_MAX = 100;
const YOUNG_CANCELS_MAX = 50;
const ERRORS_PER_SECOND = 50;
const NOBODY = 255;

/** §8: the form of errors, what ends a connection and what does not. */
export const misbehaviourCases: readonly ServerCase[] = [
  {
    section: '8.1',
    title: 'writes an error as one frame with a MessagePack map of reason and message',
    async run(bench) {
      const link = await bench.greet();
      link.send(request(2, 'x', { app: NOBODY }));
      await link.expectError(2, 'app_unknown', { app: NOBODY });
    },
  },
  {
    section: '8.1',
    title: 'writes errors in MessagePack after a HELLO in JSON',
    async run(bench) {
      const link = await bench.connect();
      link.send(hello('{}'));
      await bench.welcome(link);
      link.send(request(2, 'x', { app: NOBODY }));
      await link.expectError(2, 'app_unknown', { app: NOBODY });
    },
  },
  {
    section: '8.1',
    title: 'repeats app, tenant and corr of the frame that provoked an error',
    async run(bench) {
      const link = await bench.greet();
      const corr = (1n << 64n) - 1n;
      const tenant = randomBytes(16).toString('hex');
      link.send(request(corr, 'x', { app: NOBODY, tenant }));
      await link.expectError(corr, 'app_unknown', { app: NOBODY, tenant });
      link.send(ping(5, '', { code: 77, tenant }));
      await link.expectError(5, 'op_unknown', { app: CONTROL, tenant });
    },
  },
  {
    section: '8.1',
    title: 'repeats them too when the header is whole and the flags are not',
    async run(bench) {
      const link = await bench.greet();
      const tenant = randomBytes(16).toString('hex');
      link.send(request(6, '', { app: NOBODY, tenant, flags: Flag.REQ | 0x8000 }));
      await link.expectFatal('bad_flags', 6, { app: NOBODY, tenant });
    },
  },
  {
    section: '8.1',
    title: 'gives zeros for them when the version is wrong',
    async run(bench) {
      const link = await bench.greet();
      link.send(request(6, '', { app: NOBODY, tenant: 'ff'.repeat(16), ver: 9 }));
      await link.expectFatal('bad_version');
    },
  },
  {
    section: '8.1',
    title: 'says with a retryable refusal when to try again, from 1,000 to 5,000 ms and not the same to all',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet({ max_inflight: 1 });
      const corrs = Array.from({ length: 20 }, (_, index) => index + 100);
      link.send(start(2), ...corrs.map((corr) => request(corr, 'x')));
      const times = new Set<unknown>();
      for (const corr of corrs) times.add((await link.expectError(corr, 'inflight')).retry_after_ms);
      expectThat(times.size > 1, 'more than one retry_after_ms in 20 refusals', `always ${String([...times][0])}`);
    },
  },
  {
    section: '8.2',
    title: 'keeps the connection after an error of reaction K',
    async run(bench) {
      const link = await bench.greet();
      for (let corr = 2; corr < 12; corr++) {
        link.send(request(corr, 'x', { app: NOBODY }));
        await link.expectError(corr, 'app_unknown', { app: NOBODY });
        await link.expectAlive();
      }
    },
  },
  {
    section: '8.2',
    title: 'reads no more after an error of reaction C, and ends within 250 ms',
    async run(bench) {
      const link = await bench.greet();
      const beganMs = performance.now();
      link.send(ping(2, '', { ver: 2 }));
      await link.expectError(0, 'bad_version');
      link.send(ping(3), ping(4));
      await link.ended();
      const tookMs = performance.now() - beganMs;
      expectThat(tookMs < 250 + CLOCK_TOLERANCE_MS, 'the end within 250 ms', `it after ${Math.round(tookMs)} ms`);
      link.expectNothing('after an error that ends the connection');
    },
  },
  {
    section: '8.3',
    title: 'ends the connection at the 100th glitch, not before: flood',
    async run(bench) {
      const link = await bench.greet();
      const discarded = controlEvent(77);
      link.send(Buffer.concat(Array.from({ length: GLITCHES_MAX - 1 }, () => discarded)));
      await link.expectAlive();
      link.send(discarded);
      await link.expectFatal('flood');
    },
  },
  {
    section: '8.3',
    title: 'counts errors as glitches as well',
    async run(bench) {
      const link = await bench.greet();
      link.send(Buffer.concat(Array.from({ length: GLITCHES_MAX }, (_, index) => request(index + 2, '', { app: NOBODY }))));
      await link.take(({ app, corr, code }) => app === CONTROL && corr === 0n && code === 429, 'an error 429 flood');
      await link.ended();
    },
  },
  {
    section: '8.3',
    title: 'answers at most 50 faults in a second',
    async run(bench) {
      const link = await bench.greet();
      const beganMs = performance.now();
      link.send(Buffer.concat(Array.from({ length: GLITCHES_MAX - 1 }, (_, index) => request(index + 2, '', { app: NOBODY }))), ping(500));
      await link.expectPong(500);
      const seconds = Math.ceil((performance.now() - beganMs) / 1_000);
      expectThat(link.errors <= ERRORS_PER_SECOND * (seconds + 1), `at most ${ERRORS_PER_SECOND} errors a second`, `${link.errors} in ${seconds} s`);
      expectThat(link.errors >= ERRORS_PER_SECOND, `${ERRORS_PER_SECOND} errors at least`, String(link.errors));
    },
  },
  {
    section: '8.3',
    title: 'always sends replies with a retryable reason, and counts none as a glitch',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet({ max_inflight: 1 });
      const corrs = Array.from({ length: GLITCHES_MAX + 20 }, (_, index) => index + 100);
      link.send(start(2), ...corrs.map((corr) => request(corr, 'x')));
      for (const corr of corrs) await link.expectError(corr, 'inflight');
      await link.expectAlive();
    },
  },
  {
    section: '8.4',
    title: 'takes 100 empty frames in a row, and ends the connection at the 101st: flood',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet();
      // START is the first of them.
      link.send(start(2), ...Array.from({ length: EMPTY_FRAMES_MAX - 1 }, () => part(2)));
      await link.expectAlive();
      link.send(part(2));
      await link.expectFatal('flood');
    },
  },
  {
    section: '8.4',
    title: 'counts empty frames only in a row',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet({ initial_window: 1_024 });
      const row = Array.from({ length: EMPTY_FRAMES_MAX - 1 }, () => part(2));
      link.send(start(2), ...row, part(2, 'x'), ...row, part(2, 'y'), ...row);
      await link.expectAliveBeside(2);
    },
  },
  {
    section: '8.4',
    title: 'ends the connection for 101 needless ACK_REQs in a second: flood',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet();
      const ask = { flags: Flag.REQ | Flag.ACK_REQ };
      link.send(start(2));
      await link.expectAlive();
      // On two streams, so that it is not for empty frames in a row.
      link.send(start(3), Buffer.concat(Array.from({ length: ACK_REQS_MAX + 1 }, (_, index) => part(2 + (index % 2), '', ask))));
      await link.expectFatal('flood');
    },
  },
  {
    section: '8.4',
    title: 'ends the connection for 50 CANCELs of young requests in a second: cancel_flood',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet();
      if (link.agreed.maxInflight < 2) throw new Skip('max_inflight is below 2');
      const pairs = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => Buffer.concat([start(from + index), cancel(from + index)]));
      link.send(Buffer.concat(pairs(100, 100 + YOUNG_CANCELS_MAX)));
      await link.expectFatal('cancel_flood');
      expectSame('errors', link.errors, 1);
    },
  },
];
