import { randomBytes } from 'node:crypto';
import { CONTROL, Control, Flag, WHOLE } from '../../wire/frame.ts';
import { cancel, controlEvent, credit, last, ping, request, start } from '../../wire/frames.ts';
import type { ServerCase } from '../bench.ts';

const ENDED_REMEMBERED = 64;

/** §5: PING, GOAWAY, CANCEL, CREDIT, and what is none of them. */
export const controlCases: readonly ServerCase[] = [
  ...[Flag.REQ, Flag.REQ | Flag.START, Flag.REQ | Flag.END].map(
    (flags): ServerCase => ({
      section: '5',
      title: `answers a PING with flags ${flags}: START and END mean nothing`,
      async run(bench) {
        const link = await bench.greet();
        link.send(ping(2, 'x', { flags }));
        await link.expectPong(2, 'x');
      },
    }),
  ),
  ...[Flag.COMP, Flag.APP_E2E, Flag.ACK_REQ, Flag.COMP | Flag.APP_E2E | Flag.ACK_REQ].map(
    (flags): ServerCase => ({
      section: '5',
      title: `ignores the flags ${flags} on a PING`,
      async run(bench) {
        const link = await bench.greet();
        link.send(ping(2, 'x', { flags: Flag.REQ | WHOLE | flags }));
        await link.expectPong(2, 'x');
      },
    }),
  ),
  ...[0, 1, 4_058, 65_537].map(
    (bytes): ServerCase => ({
      section: '5.2',
      title: `answers a PING with the same ${bytes} bytes`,
      async run(bench) {
        const link = await bench.greet();
        const payload = randomBytes(bytes);
        link.send(ping(2, payload));
        await link.expectPong(2, payload);
      },
    }),
  ),
  {
    section: '5.2',
    title: 'answers PINGs with one corr_id over and over: they are never in flight',
    async run(bench) {
      const link = await bench.greet();
      link.send(Buffer.concat([ping(2, 'a'), ping(2, 'b'), ping(2, 'c')]));
      for (const text of ['a', 'b', 'c']) await link.expectPong(2, text);
    },
  },
  {
    section: '5.2',
    title: 'answers a PING with the corr_id of an open stream, and harms neither',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet({ initial_window: 1024 });
      link.send(start(2, ''), ping(2, 'ping'));
      await link.expectPong(2, 'ping');
      link.send(last(2, 'stream'));
      await link.expectEcho(2, 'stream');
    },
  },
  {
    section: '5.3',
    title: 'takes no action on a GOAWAY of the client',
    async run(bench) {
      const link = await bench.greet();
      link.send(controlEvent(Control.GOAWAY, 0, Buffer.of(0x80)), controlEvent(Control.GOAWAY, 0, 'no map at all'));
      await link.expectAlive();
    },
  },
  {
    section: '5.4',
    title: 'sends nothing for an exchange after its CANCEL',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet({ initial_window: 1024 });
      link.send(start(2, ''), cancel(2));
      await link.expectAlive();
      link.send(last(2, 'too late'));
      await link.expectAlive();
    },
  },
  {
    section: '5.4',
    title: 'sends nothing more of a reply after CANCEL, whatever credit comes',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet({ initial_window: 1024 });
      link.send(start(2, randomBytes(3_000)), last(2, randomBytes(3_000)));
      await link.take(2, 'the first frame of the reply');
      link.send(cancel(2), ping(3));
      // What was under way before the CANCEL arrived may still come.
      await link.expectPong(3);
      link.inbox.length = 0;
      link.send(credit(2, 10_000));
      await link.expectAlive();
    },
  },
  {
    section: '5.4',
    title: 'does other requests while it cancels one',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet();
      link.send(Buffer.concat([start(2, ''), start(3, ''), cancel(2), last(3, 'third')]));
      await link.expectEcho(3, 'third');
      await link.expectAlive();
    },
  },
  ...[Control.GOAWAY, Control.CANCEL, Control.CREDIT, Control.REVOKED, 6, 255, 0xffff].map(
    (code): ServerCase => ({
      section: '5.7',
      title: `refuses a control REQ with code ${code}: op_unknown`,
      async run(bench) {
        const link = await bench.greet();
        link.send(request(2, '', { app: CONTROL, code }));
        await link.expectError(2, 'op_unknown', { app: CONTROL });
        await link.expectAlive();
      },
    }),
  ),
  ...[Control.HELLO, Control.PING, Control.REVOKED, 6, 0xffff].map(
    (code): ServerCase => ({
      section: '5.7',
      title: `discards a control EVENT with code ${code}`,
      async run(bench) {
        const link = await bench.greet();
        link.send(controlEvent(code, 2, 'whatever'));
        await link.expectAlive();
      },
    }),
  ),
  ...[0, 3, 5].map(
    (bytes): ServerCase => ({
      section: '5.7',
      title: `discards a CREDIT of ${bytes} bytes`,
      async run(bench) {
        const link = await bench.greet();
        link.send(controlEvent(Control.CREDIT, 2, Buffer.alloc(bytes, 1)));
        await link.expectAlive();
      },
    }),
  ),
  {
    section: '5.7',
    title: 'discards CANCEL and CREDIT for a corr_id that was never used',
    async run(bench) {
      const link = await bench.greet();
      link.send(Buffer.concat([cancel(77), credit(78, 1_000), cancel((1n << 64n) - 1n)]));
      await link.expectAlive();
    },
  },
  {
    section: '5.7',
    title: 'counts 100 CANCELs of unknown corr_ids as glitches: flood',
    async run(bench) {
      const link = await bench.greet();
      link.send(Buffer.concat(Array.from({ length: 100 }, (_, index) => cancel(1_000 + index))));
      await link.expectFatal('flood');
    },
  },
  {
    section: '5.7',
    title: 'counts no CANCEL or CREDIT for the last 64 ended exchanges',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet();
      const corrs = Array.from({ length: ENDED_REMEMBERED }, (_, index) => index + 100);
      for (const corr of corrs) {
        link.send(request(corr, 'x'));
        await link.expectReply(corr);
      }
      // Twice as many frames as glitches end a connection.
      link.send(Buffer.concat(corrs.flatMap((corr) => [cancel(corr), credit(corr, 5), cancel(corr), credit(corr, 5)])));
      await link.expectAlive();
    },
  },
];
