import { randomBytes } from 'node:crypto';
import { expectSame, expectThat } from '../../deviation.ts';
import { CONTROL, ECHO, Flag, WHOLE } from '../../wire/frame.ts';
import { cancel, credit, event, frame, last, part, ping, request, start } from '../../wire/frames.ts';
import type { ServerCase } from '../bench.ts';

const { REQ, RESP, EVENT, START, END, COMP, APP_E2E } = Flag;
const UNKNOWN_ANSWERS = 16;
/** An app_proto_id that nobody registers (§15). */
const NOBODY = 255;

/** §6: kinds, frames of a message, corr_ids, replies, order of checks. */
export const messageCases: readonly ServerCase[] = [
  ...[
    ['no kind', 0],
    ['REQ and RESP', REQ | RESP],
    ['REQ and EVENT', REQ | EVENT],
    ['RESP and EVENT', RESP | EVENT],
    ['all three kinds', REQ | RESP | EVENT],
  ].flatMap(([what, kind]): ServerCase[] =>
    [ECHO, CONTROL].map((app) => ({
      section: '6.1',
      title: `refuses ${String(what)} in a frame to app ${app}: bad_flags`,
      async run(bench) {
        const link = await bench.greet();
        link.send(frame(Number(kind) | WHOLE, 2, '', { app, code: app === CONTROL ? 1 : 0 }));
        await link.expectError(2, 'bad_flags', { app });
        await link.expectAlive();
      },
    })),
  ),
  ...[200, 404, 500].map(
    (code): ServerCase => ({
      section: '6.1',
      title: `discards a RESP of the client with status ${code}`,
      async run(bench) {
        const link = await bench.greet();
        link.send(frame(RESP | WHOLE, 2, 'unasked', { code }), frame(RESP | WHOLE, 3, 'unasked', { code, app: CONTROL }));
        await link.expectAlive();
      },
    }),
  ),
  {
    section: '6.2',
    title: 'takes a message of many frames as one',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet();
      const payload = randomBytes(9_000);
      link.send(start(2, payload.subarray(0, 10)), part(2, payload.subarray(10, 8_000)), part(2, ''), last(2, payload.subarray(8_000)));
      await link.expectEcho(2, payload);
      await link.expectAlive();
    },
  },
  {
    section: '6.2',
    title: 'takes a stream that ends with an empty frame, and one that is empty',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet();
      link.send(start(2, 'all of it'), last(2), start(3), last(3));
      await link.expectEcho(2, 'all of it');
      await link.expectEcho(3, '');
    },
  },
  {
    section: '6.2',
    title: 'keeps interleaved streams apart',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet();
      const corrs = [2, 3, 4];
      link.send(Buffer.concat(corrs.map((corr) => start(corr, `a${corr}`))));
      link.send(Buffer.concat(corrs.map((corr) => part(corr, `b${corr}`))), ping(9), request(8, 'between'));
      link.send(Buffer.concat(corrs.map((corr) => last(corr, `c${corr}`))));
      await link.expectPong(9);
      await link.expectEcho(8, 'between');
      for (const corr of corrs) await link.expectEcho(corr, `a${corr}b${corr}c${corr}`);
    },
  },
  {
    section: '6.2',
    title: 'goes by APP_E2E of the START frame',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet();
      link.send(start(2, 'x', { flags: REQ | START | APP_E2E }), last(2, 'y'));
      const { flags } = await link.until(() => link.inbox.find(({ corr }) => corr === 2n), 'a frame of the reply');
      expectThat((flags & APP_E2E) !== 0, 'APP_E2E on the reply', `flags ${flags}`, '15.1');
      await link.expectEcho(2, 'xy');
    },
  },
  aborted('START a second time before END', start(2, 'again')),
  aborted('a one-frame request before END', request(2, 'again')),
  aborted('a continuation with another code', part(2, 'x', { code: 9 })),
  aborted('a continuation to another app', part(2, 'x', { app: NOBODY })),
  aborted('a continuation with another tenant', part(2, 'x', { tenant: 'ab'.repeat(16) })),
  aborted('a continuation of another kind', part(2, 'x', { flags: EVENT })),
  {
    section: '6.2',
    title: 'discards in silence what follows of a stream that it aborted',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet({ initial_window: 1024 });
      link.send(start(2), start(2), part(2, 'rest'), last(2, 'end'));
      await link.expectError(2, 'bad_state');
      await link.expectAlive();
    },
  },
  {
    section: '6.2',
    title: 'discards in silence what follows of a stream that it refused',
    async run(bench) {
      const link = await bench.greet();
      const there = { app: NOBODY };
      link.send(start(2, 'x', there), part(2, 'rest', there), last(2, 'end', there));
      await link.expectError(2, 'app_unknown', there);
      await link.expectAlive();
    },
  },
  {
    section: '6.2',
    title: 'discards in silence what follows of a stream that the client cancelled',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet({ initial_window: 1024 });
      link.send(start(2), cancel(2), part(2, 'rest'), last(2, 'end'));
      await link.expectAlive();
    },
  },
  {
    section: '6.2',
    title: 'refuses continuations without a request 16 times, then discards them: corr_unknown',
    async run(bench) {
      const link = await bench.greet();
      const corrs = Array.from({ length: UNKNOWN_ANSWERS + 20 }, (_, index) => index + 50);
      link.send(Buffer.concat(corrs.map((corr) => part(corr, 'x'))));
      for (const corr of corrs.slice(0, UNKNOWN_ANSWERS)) await link.expectError(corr, 'corr_unknown');
      await link.expectAlive();
    },
  },
  {
    section: '6.2',
    title: 'refuses a continuation of a request that was answered: corr_unknown',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet();
      link.send(request(2, 'whole'));
      await link.expectEcho(2, 'whole');
      link.send(part(2, 'more'));
      await link.expectError(2, 'corr_unknown');
      await link.expectAlive();
    },
  },
  {
    section: '6.2',
    title: 'refuses a continuation behind END while the reply is still on its way: corr_unknown',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet({ initial_window: 1024 });
      const payload = randomBytes(3_000);
      link.send(start(2, payload), last(2), part(2, 'more'));
      await link.until(() => link.inbox.find(({ code }) => code === 409), 'an error 409 corr_unknown');
      const at = link.inbox.findIndex(({ code }) => code === 409);
      const [error] = link.inbox.splice(at, 1);
      if (error !== undefined) link.inbox.unshift(error);
      await link.expectError(2, 'corr_unknown');
      await link.expectEcho(2, payload);
    },
  },
  {
    section: '6.3',
    title: 'refuses a corr_id that is in use, and answers the first request in full: corr_dup',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet({ initial_window: 1024 });
      const payload = randomBytes(3_000);
      link.send(start(2, payload), last(2));
      // The reply stops for want of credit, so the request stays in flight.
      const first = await link.take(2, 'the first frame of the reply');
      link.send(request(2, 'duplicate'));
      await link.until(() => link.inbox.find(({ code }) => code === 409), 'an error 409 corr_dup');
      const at = link.inbox.findIndex(({ code }) => code === 409);
      const between = link.inbox.splice(0, at);
      await link.expectError(2, 'corr_dup');
      link.inbox.unshift(first, ...between);
      link.send(credit(2, 2_000));
      await link.expectEcho(2, payload);
    },
  },
  {
    section: '6.3',
    title: 'takes a corr_id again once its exchange ended',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet();
      for (const text of ['one', 'two', 'three']) {
        link.send(request(2, text));
        await link.expectEcho(2, text);
      }
    },
  },
  {
    section: '6.4',
    title: 'answers each of many requests exactly once, in any order',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet();
      const corrs = Array.from({ length: Math.min(100, link.agreed.maxInflight) }, (_, index) => index + 2);
      link.send(Buffer.concat(corrs.map((corr) => request(corr, `request ${corr}`))));
      for (const corr of corrs) await link.expectEcho(corr, `request ${corr}`);
      await link.expectAlive();
    },
  },
  {
    section: '6.4',
    title: 'repeats app, tenant and corr on every frame of a reply',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet();
      const tenant = 'c0ffee00'.repeat(4);
      const payload = randomBytes(150_000);
      link.send(start(2, payload.subarray(0, 65_536), { tenant }), part(2, payload.subarray(65_536, 131_072), { tenant }), last(2, payload.subarray(131_072), { tenant }));
      await link.expectEcho(2, payload, { tenant });
    },
  },
  {
    section: '6.4',
    title: 'ends a reply that had begun with one error frame of its own',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet();
      link.send(start(2, 'begun'));
      const head = await link.take(2, 'the first frame of the reply');
      expectSame('START and not END on it', head.flags & WHOLE, START);
      link.send(start(2, 'again'));
      await link.expectError(2, 'bad_state');
      await link.expectAlive();
    },
  },
  {
    section: '6.5',
    title: 'does not answer an EVENT that it accepts',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet();
      link.send(event(2, 'news'), event(3), frame(EVENT | START, 4, 'a '), frame(EVENT | END, 4, 'stream'));
      await link.expectAlive();
    },
  },
  {
    section: '6.5',
    title: 'answers an EVENT that it refuses with an error',
    async run(bench) {
      const link = await bench.greet();
      link.send(event(2, 'news', { app: NOBODY }));
      await link.expectError(2, 'app_unknown', { app: NOBODY });
      await link.expectAlive();
    },
  },
  firstCheck('HELLO before flags', '6.6'),
  order('flags before app_proto_id', request(2, 'x', { app: NOBODY, flags: REQ | WHOLE | COMP | APP_E2E }), 'bad_flags'),
  order('the state of the corr_id before app_proto_id', part(2, 'x', { app: NOBODY }), 'corr_unknown'),
  order('app_proto_id before the capability', request(2, 'x', { app: NOBODY, capability: randomBytes(20) }), 'app_unknown'),
  {
    section: '6.6',
    title: 'answers no RESP with an error, whatever else is wrong with it',
    async run(bench) {
      const link = await bench.greet();
      link.send(frame(RESP | WHOLE | COMP | APP_E2E, 2, 'x', { app: NOBODY, code: 404 }), frame(RESP, 3, 'x', { code: 400 }));
      await link.expectAlive();
      expectSame('errors', link.errors, 0);
    },
  },
];

function aborted(what: string, offence: Buffer): ServerCase {
  return {
    section: '6.2',
    title: `aborts a stream on ${what}: bad_state`,
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet({ initial_window: 1024 });
      link.send(start(2), offence);
      await link.expectError(2, 'bad_state');
      await link.expectAlive();
    },
  };
}

function firstCheck(what: string, section: string): ServerCase {
  return {
    section,
    title: `checks ${what}`,
    async run(bench) {
      const link = await bench.connect();
      link.send(frame(WHOLE | COMP | APP_E2E, 2, 'x', { app: NOBODY }));
      await link.expectFatal('hello_required', 2, { app: NOBODY });
    },
  };
}

function order(what: string, bytes: Buffer, reason: 'bad_flags' | 'corr_unknown' | 'app_unknown'): ServerCase {
  return {
    section: '6.6',
    title: `checks ${what}: ${reason}`,
    async run(bench) {
      const link = await bench.greet({ supported_flags: 255 });
      link.send(bytes);
      await link.expectError(2, reason, { app: NOBODY });
      await link.expectAlive();
    },
  };
}
