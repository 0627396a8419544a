import { CLOCK_TOLERANCE_MS } from '../../bounds.ts';
import { SLOW_MS } from '../../case.ts';
import { expectThat, Skip } from '../../deviation.ts';
import { hello, last, part, ping, request, start } from '../../wire/frames.ts';
import type { ServerCase } from '../bench.ts';
import { dialTcp } from '../target.ts';

const HELLO_TIMEOUT_MS = 2_000;
const HEADER_TIMEOUT_MS = 5_000;
const BODY_TIMEOUT_MS = 5_000;
const TLS_TIMEOUT_MS = 5_000;
const WRITE_STALL_MS = 10_000;
const BODY_BYTES_PER_SECOND = 32_768;
/** A limit may be met this much early: clocks of the two sides, and a connection that is older than we know. */
const EARLY_MS = 300;

/** §9: the time limits a node has by default. */
export const timeLimitCases: readonly ServerCase[] = [
  {
    section: '9',
    title: 'ends a connection that sends nothing after 2 s, without a word',
    waitsMs: HELLO_TIMEOUT_MS,
    async run(bench) {
      const link = await bench.connect();
      await within(HELLO_TIMEOUT_MS, () => link.expectEnd(HELLO_TIMEOUT_MS + CLOCK_TOLERANCE_MS));
    },
  },
  {
    section: '9',
    title: 'refuses a first header that is begun and not completed in 5 s: header_timeout',
    waitsMs: HEADER_TIMEOUT_MS,
    async run(bench) {
      const link = await bench.connect();
      link.send(hello({}).subarray(0, 20));
      await within(HEADER_TIMEOUT_MS, () => link.take(0, 'an error 408 header_timeout', HEADER_TIMEOUT_MS + CLOCK_TOLERANCE_MS).then((frame) => link.inbox.push(frame)));
      await link.expectFatal('header_timeout');
    },
  },
  {
    section: '9',
    title: 'does not extend the time of a header whose bytes trickle: header_timeout',
    waitsMs: HEADER_TIMEOUT_MS,
    async run(bench) {
      const link = await bench.greet();
      const bytes = ping(2);
      let sent = 0;
      const drip = setInterval(() => {
        if (sent < 30) link.send(bytes.subarray(sent, ++sent));
      }, 250);
      try {
        await within(HEADER_TIMEOUT_MS, () => link.take(0, 'an error 408 header_timeout', HEADER_TIMEOUT_MS + CLOCK_TOLERANCE_MS).then((frame) => link.inbox.push(frame)));
      } finally {
        clearInterval(drip);
      }
      await link.expectFatal('header_timeout');
    },
  },
  {
    section: '9',
    title: 'refuses a body below 32 KiB/s after 5 s more: body_timeout',
    waitsMs: BODY_TIMEOUT_MS + 500,
    async run(bench) {
      const link = await bench.greet();
      const body = Buffer.alloc(16_384 - 38);
      const limitMs = BODY_TIMEOUT_MS + ((body.length + 38) / BODY_BYTES_PER_SECOND) * 1_000;
      link.send(ping(2, body).subarray(0, 1_000));
      await within(limitMs, () => link.take(0, 'an error 408 body_timeout', limitMs + CLOCK_TOLERANCE_MS).then((frame) => link.inbox.push(frame)));
      await link.expectFatal('body_timeout');
    },
  },
  {
    section: '9',
    title: 'ends a TLS handshake that is not completed in 5 s',
    waitsMs: TLS_TIMEOUT_MS,
    async run(bench) {
      bench.needsTls(true);
      const link = bench.adopt(await dialTcp(bench.target));
      await within(TLS_TIMEOUT_MS, () => link.expectEnd(TLS_TIMEOUT_MS + CLOCK_TOLERANCE_MS));
    },
  },
  {
    section: '9',
    title: 'ends a connection to a peer that takes nothing for 10 s',
    waitsMs: WRITE_STALL_MS + 4_000,
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet();
      if (link.agreed.maxFrame < 500_000) throw new Skip('max_frame is too small to fill the buffers of the system');
      link.pause();
      // More than any socket buffer takes.
      for (let corr = 2; corr < 34; corr++) link.send(request(corr, Buffer.alloc(500_000)));
      await new Promise((resolve) => setTimeout(resolve, WRITE_STALL_MS + 2_000 + CLOCK_TOLERANCE_MS));
      link.resume();
      await link.ended();
      expectThat(link.inbox.length < 32, 'fewer than all replies', 'all of them');
    },
  },
  {
    section: '9',
    title: 'ends an idle connection after idle_timeout_ms: idle_timeout',
    waitsMs: SLOW_MS + 1,
    async run(bench) {
      const link = await bench.greet();
      const { idleTimeoutMs } = link.agreed;
      await within(idleTimeoutMs, () => link.take(0, 'an error 408 idle_timeout', idleTimeoutMs + CLOCK_TOLERANCE_MS).then((frame) => link.inbox.push(frame)));
      await link.expectFatal('idle_timeout');
    },
  },
  {
    section: '9',
    title: 'counts no connection with an open request as silent for its header',
    waitsMs: HEADER_TIMEOUT_MS + 1_000,
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet({ initial_window: 1_024 });
      link.send(start(2));
      await new Promise((resolve) => setTimeout(resolve, HEADER_TIMEOUT_MS + 1_000));
      link.send(part(2, 'late '), last(2, 'but legal'));
      await link.expectEcho(2, 'late but legal');
    },
  },
];

/** Runs it, and expects that it does not take less than the limit. */
async function within(limitMs: number, run: () => Promise<unknown>): Promise<void> {
  const beganMs = performance.now();
  await run();
  const tookMs = performance.now() - beganMs;
  expectThat(tookMs >= limitMs - EARLY_MS, `the limit of ${limitMs} ms`, `the end after ${Math.round(tookMs)} ms`);
}
