import { randomBytes } from 'node:crypto';
import { expectSame, expectThat, Skip } from '../../deviation.ts';
import { ECHO, Flag, WHOLE } from '../../wire/frame.ts';
import { hello, last, part, ping, request, start } from '../../wire/frames.ts';
import type { Bench, ServerCase } from '../bench.ts';

const { REQ, START, APP_E2E } = Flag;
/** Numbers that §15 keeps free. */
const UNASSIGNED = [96, 200, 255] as const;

/** §12, §13 and §15: extension, capabilities, applications and echo. */
export const applicationCases: readonly ServerCase[] = [
  {
    section: '12.1',
    title: 'has ver 1 in every frame that it sends',
    async run(bench) {
      const link = await bench.greet();
      // The link refuses any other.
      link.send(ping(2), request(3, '', { app: 255 }));
      await link.expectPong(2);
      await link.expectError(3, 'app_unknown', { app: 255 });
    },
  },
  {
    section: '12.2',
    title: 'tolerates fields of later versions in HELLO',
    async run(bench) {
      const link = await bench.connect();
      link.send(hello({ versions: [1, 2], session_token: Buffer.of(0xc4, 1, 7), priority: [1, 'high'] }));
      await bench.welcome(link);
    },
  },
  {
    section: '13',
    title: 'ignores a capability on a PING',
    async run(bench) {
      const link = await bench.greet();
      link.send(ping(2, 'x', { capability: randomBytes(100) }));
      await link.expectPong(2, 'x');
    },
  },
  {
    section: '13',
    title: 'refuses an application that needs a capability without one: cap_missing',
    async run(bench) {
      const app = protectedApp(bench);
      const link = await bench.greet();
      link.send(request(2, '', { app, code: 1 }));
      await link.expectError(2, 'cap_missing', { app });
      await link.expectAlive();
    },
  },
  {
    section: '13',
    title: 'refuses a stream to it at its START, and discards the rest: cap_missing',
    async run(bench) {
      const app = protectedApp(bench);
      const link = await bench.greet();
      link.send(start(2, 'x', { app, code: 1 }), part(2, 'y', { app, code: 1 }), last(2, 'z', { app, code: 1 }));
      await link.expectError(2, 'cap_missing', { app });
      await link.expectAlive();
    },
  },
  {
    section: '13',
    title: 'judges the capability of a request to an open application too',
    async run(bench) {
      bench.needsEcho();
      protectedApp(bench);
      const link = await bench.greet();
      link.send(request(2, 'x', { capability: randomBytes(40) }));
      const { code } = await link.take(2, 'an error 400, 401 or 403');
      expectThat([400, 401, 403].includes(code), 'status 400, 401 or 403', String(code));
      await link.expectAlive();
    },
  },
  ...UNASSIGNED.map(
    (app): ServerCase => ({
      section: '15',
      title: `has no service at the unassigned number ${app}: app_unknown`,
      async run(bench) {
        const link = await bench.greet();
        link.send(request(2, 'x', { app }));
        await link.expectError(2, 'app_unknown', { app });
        await link.expectAlive();
      },
    }),
  ),
  ...[1, 0xffff].map(
    (code): ServerCase => ({
      section: '15',
      title: `has no operation ${code} in echo: op_unknown`,
      async run(bench) {
        bench.needsEcho();
        const link = await bench.greet();
        link.send(request(2, 'x', { code }));
        await link.expectError(2, 'op_unknown', { app: ECHO });
        await link.expectAlive();
      },
    }),
  ),
  ...[0, 1, 255, 4_000].map(
    (bytes): ServerCase => ({
      section: '15.1',
      title: `echoes ${bytes} bytes of any value`,
      async run(bench) {
        bench.needsEcho();
        const link = await bench.greet();
        const payload = Buffer.from(Array.from({ length: bytes }, (_, at) => at & 0xff));
        link.send(request(2, payload));
        await link.expectReply(2, { payload });
      },
    }),
  ),
  {
    section: '15.1',
    title: 'echoes a frame of max_frame',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet();
      const payload = randomBytes(Math.min(link.agreed.maxFrame, 1_048_576) - 38);
      link.send(request(2, payload));
      await link.expectEcho(2, payload);
    },
  },
  {
    section: '15.1',
    title: 'answers a stream while it is being sent',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet();
      link.send(start(2, 'first'));
      const frame = await link.take(2, 'the beginning of the reply before the end of the request');
      expectSame('END on it', frame.flags & Flag.END, 0);
      link.send(last(2, 'last'));
    },
  },
  {
    section: '15.1',
    title: 'sets APP_E2E on the reply when the request has it, and only then',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet();
      link.send(request(2, 'x', { flags: REQ | WHOLE | APP_E2E }), request(3, 'y'));
      link.send(start(4, 'z', { flags: REQ | START | APP_E2E }), last(4, '', { flags: REQ | Flag.END | APP_E2E }));
      await link.expectReply(2, { payload: 'x', more: APP_E2E });
      await link.expectReply(3, { payload: 'y' });
      const { flags } = await link.take(4, 'a frame of the reply');
      expectSame('APP_E2E on it', flags & APP_E2E, APP_E2E);
    },
  },
];

function protectedApp({ facts }: Bench): number {
  if (facts?.protectedApp === undefined) throw new Skip('no application of the server was found that needs a capability');
  return facts.protectedApp;
}
