import { expectThat, Skip } from '../../deviation.ts';
import { last, part, ping, request, start } from '../../wire/frames.ts';
import type { ServerCase } from '../bench.ts';

const STREAM_BYTES = 65_536;
const INFLIGHT_BYTES_TESTED_MAX = 67_108_864;

/** §10: requests and bytes in flight, half-close with streams open. */
export const boundCases: readonly ServerCase[] = [
  {
    section: '10.1',
    title: 'refuses requests above max_inflight and harms none of those below: inflight',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet({ max_inflight: 3 });
      const max = link.agreed.maxInflight;
      const open = Array.from({ length: max }, (_, index) => index + 2);
      link.send(...open.map((corr) => start(corr)));
      link.send(request(100, 'x'), start(101));
      await link.expectError(100, 'inflight');
      await link.expectError(101, 'inflight');
      link.send(...open.map((corr) => last(corr, `end of ${corr}`)));
      for (const corr of open) await link.expectEcho(corr, `end of ${corr}`);
      link.send(request(102, 'room again'));
      await link.expectEcho(102, 'room again');
    },
  },
  {
    section: '10.1',
    title: 'holds its own max_inflight at exactly the number that it told',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet();
      const max = link.agreed.maxInflight;
      if (max > 65_536) throw new Skip(`max_inflight is ${max}`);
      link.send(Buffer.concat(Array.from({ length: max }, (_, index) => start(index + 10))));
      await link.expectAlive();
      link.send(start(5));
      await link.expectError(5, 'inflight');
      await link.expectAlive();
    },
  },
  {
    section: '10.1',
    title: 'answers a PING although max_inflight requests are in flight',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet({ max_inflight: 1 });
      link.send(start(2), ping(3, 'x'));
      await link.expectPong(3, 'x');
    },
  },
  {
    section: '10.1',
    title: 'refuses payload above max_inflight_bytes: inflight_bytes',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet({ initial_window: 1_024 });
      const { initialWindow, maxInflight, maxInflightBytes } = link.agreed;
      const perStream = Math.floor(initialWindow / STREAM_BYTES);
      const streams = Math.ceil(maxInflightBytes / STREAM_BYTES / Math.max(1, perStream)) + 1;
      if (maxInflightBytes > INFLIGHT_BYTES_TESTED_MAX || streams > maxInflight || perStream < 1) throw new Skip('the bounds of the server cannot be reached');
      // Echo cannot send the replies, for want of credit, and holds what came.
      for (let corr = 2; corr < 2 + streams && link.errors === 0; corr++) {
        link.send(start(corr), ...Array.from({ length: perStream }, () => part(corr, Buffer.alloc(STREAM_BYTES))));
        await link.until(() => (link.end === undefined ? true : undefined), 'an open connection');
      }
      const refused = await link.take(({ code }) => code >= 300, 'an error 429 inflight_bytes');
      link.inbox.length = 0;
      link.inbox.push(refused);
      await link.expectError(refused.corr, 'inflight_bytes');
      expectThat(link.end === undefined, 'an open connection', 'its end');
    },
  },
  {
    section: '10.3',
    title: 'drops a request whose END can no longer come, and closes',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet({ initial_window: 1_024 });
      link.send(start(2), request(3, 'whole'));
      link.finish();
      await link.expectEcho(3, 'whole');
      await link.expectEnd();
    },
  },
];
