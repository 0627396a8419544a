import { randomBytes } from 'node:crypto';
import { expectSame, expectThat } from '../../deviation.ts';
import { CONTROL, Flag, HEADER_BYTES } from '../../wire/frame.ts';
import { last, ping, request, start } from '../../wire/frames.ts';
import type { ServerCase } from '../bench.ts';

const CORRS: readonly bigint[] = [0n, 1n, 0xffff_ffffn, 0x1_0000_0000n, (1n << 53n) + 1n, 1n << 63n, (1n << 64n) - 1n];
const TENANTS = ['00'.repeat(15) + '01', '80' + '00'.repeat(15), 'ff'.repeat(16), '0123456789abcdef0020000000000001'];
const LARGE_FRAME_BYTES = 16_777_216;

/** §3.1 and §3.2: fields survive, lengths up to max_frame, flags. */
export const headerCases: readonly ServerCase[] = [
  ...CORRS.map(
    (corr): ServerCase => ({
      section: '3.1',
      title: `keeps corr_id ${corr}`,
      async run(bench) {
        const link = await bench.greet();
        link.send(ping(corr, 'same'));
        await link.expectPong(corr, 'same');
        if (bench.facts?.noEcho !== undefined) return;
        link.send(request(corr, 'same'));
        await link.expectReply(corr, { payload: 'same' });
      },
    }),
  ),
  ...TENANTS.map(
    (tenant): ServerCase => ({
      section: '3.1',
      title: `keeps tenant_id ${tenant}`,
      async run(bench) {
        const link = await bench.greet();
        link.send(ping(2, 'same', { tenant }));
        await link.expectPong(2, 'same', tenant);
        link.send(request(3, '', { app: 255, tenant }));
        await link.expectError(3, 'app_unknown', { app: 255, tenant });
      },
    }),
  ),
  {
    section: '3.1',
    title: 'takes a frame of 38 bytes, which has no payload',
    async run(bench) {
      const link = await bench.greet();
      expectSame('bytes of the PING', ping(2).length, HEADER_BYTES);
      link.send(ping(2));
      await link.expectPong(2);
    },
  },
  {
    section: '3.1',
    title: 'takes a frame of exactly max_frame bytes',
    async run(bench) {
      const link = await bench.greet();
      const { maxFrame } = link.agreed;
      const payload = randomBytes(Math.min(maxFrame, LARGE_FRAME_BYTES) - HEADER_BYTES);
      link.send(ping(2, payload));
      await link.expectPong(2, payload);
    },
  },
  {
    section: '3.1',
    title: 'sends no frame above a max_frame that the client made smaller',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet({ max_frame: 5_000 });
      const payload = randomBytes(20_000);
      for (let at = 0; at < payload.length; at += 4_000) {
        const chunk = payload.subarray(at, at + 4_000);
        link.send(at === 0 ? start(2, chunk) : at + 4_000 < payload.length ? request(2, chunk, { flags: Flag.REQ }) : last(2, chunk));
      }
      // The link itself refuses a frame above the max_frame of the reply.
      await link.expectEcho(2, payload);
    },
  },
  {
    section: '3.1',
    title: 'takes a capability that fills the frame, and none',
    async run(bench) {
      const link = await bench.greet();
      link.send(ping(2, '', { capability: randomBytes(4096) }), ping(3, 'x', { capability: randomBytes(1) }));
      await link.expectPong(2);
      await link.expectPong(3, 'x');
    },
  },
  ...Array.from({ length: 8 }, (_, bit): ServerCase => {
    const flag = 0x100 << bit;
    return {
      section: '3.2',
      title: `refuses the undefined flag bit 0x${flag.toString(16)}`,
      async run(bench) {
        const link = await bench.greet();
        link.send(ping(7, '', { flags: Flag.REQ | Flag.START | Flag.END | flag }));
        await link.expectFatal('bad_flags', 7, { app: CONTROL });
      },
    };
  }),
  {
    section: '3.2',
    title: 'knows all defined bits: an unsolicited RESP with every other flag is only discarded',
    async run(bench) {
      const link = await bench.greet();
      link.send(request(2, '', { flags: 0xff & ~(Flag.REQ | Flag.EVENT) }));
      await link.expectAlive();
      expectThat(link.errors === 0, 'no error', `${link.errors} errors`);
    },
  },
];
