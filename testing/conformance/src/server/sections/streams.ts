import { randomBytes } from 'node:crypto';
import { expectSame, expectThat, Skip } from '../../deviation.ts';
import { Flag } from '../../wire/frame.ts';
import { credit, last, part, ping, request, start } from '../../wire/frames.ts';
import type { ServerCase } from '../bench.ts';
import type { ServerLink } from '../server-link.ts';

const CHUNK_BYTES = 32_768;
const WINDOW_MIN = 1_024;
const CREDIT_MAX = 0xffff_ffff;
/** More than this is not sent to find the end of a window. */
const WINDOW_TESTED_MAX = 33_554_432;

/** §7: credit in both directions. */
export const streamCases: readonly ServerCase[] = [
  {
    section: '7.1',
    title: 'takes no credit for a message of one frame, either way',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet({ initial_window: WINDOW_MIN });
      const payload = randomBytes(link.agreed.maxFrame > 100_000 ? 60_000 : 4_000);
      link.send(request(2, payload));
      await link.expectReply(2, { payload });
    },
  },
  window('stops a reply at the initial_window of the client', 4_096, 4_096),
  window('holds an initial_window of 0 to 1,024', 0, WINDOW_MIN),
  window('holds an initial_window of 1,023 to 1,024', 1_023, WINDOW_MIN),
  {
    section: '7.2',
    title: 'has credit of its own for each stream',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet({ initial_window: WINDOW_MIN });
      const corrs = [2, 3, 4];
      link.send(...corrs.map((corr) => start(corr, randomBytes(2_000))));
      for (const corr of corrs) expectSame(`bytes of reply ${corr} without credit`, await received(link, corr, WINDOW_MIN, corrs), WINDOW_MIN);
    },
  },
  {
    section: '7.2',
    title: 'takes a request stream of exactly its initial_window, sent at once',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet({ initial_window: WINDOW_MIN });
      fill(link, 2, link.agreed.initialWindow);
      await link.expectAliveBeside(2);
    },
  },
  {
    section: '7.2',
    title: 'takes empty frames when no credit is left',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet({ initial_window: WINDOW_MIN });
      fill(link, 2, link.agreed.initialWindow);
      link.send(part(2), part(2));
      await link.expectAliveBeside(2);
    },
  },
  {
    section: '7.3',
    title: 'goes on with a reply by what each CREDIT adds',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet({ initial_window: WINDOW_MIN });
      link.send(start(2, randomBytes(8_000)));
      let due = WINDOW_MIN;
      expectSame('bytes of the reply', await received(link, 2, due), due);
      for (const grant of [1, 500, 2_000]) {
        link.send(credit(2, grant));
        due += grant;
        expectSame(`bytes of the reply after CREDIT ${grant}`, await received(link, 2, due), due);
      }
    },
  },
  {
    section: '7.3',
    title: 'adds up grants that come at once, and grants of 0',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet({ initial_window: WINDOW_MIN });
      link.send(start(2, randomBytes(8_000)), credit(2, 100), credit(2, 0), credit(2, 200), credit(2, 300));
      expectSame('bytes of the reply', await received(link, 2, WINDOW_MIN + 600), WINDOW_MIN + 600);
    },
  },
  {
    section: '7.3',
    title: 'takes the largest grants over and over',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet({ initial_window: WINDOW_MIN });
      const payload = randomBytes(200_000);
      link.send(start(2), ...Array.from({ length: 20 }, () => credit(2, CREDIT_MAX)));
      for (let at = 0; at < payload.length; at += 50_000) link.send(part(2, payload.subarray(at, at + 50_000)));
      link.send(last(2));
      await link.expectEcho(2, payload);
    },
  },
  {
    section: '7.3',
    title: 'returns credit before a sender that obeys is stuck',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet();
      const { initialWindow } = link.agreed;
      if (initialWindow > WINDOW_TESTED_MAX) throw new Skip(`an initial_window of ${initialWindow} is too much to fill`);
      const total = initialWindow * 2 + 10_000;
      link.send(start(2));
      const reading = link.collect(2);
      // It fails with the connection, and then the loop below says why.
      reading.catch(() => undefined);
      for (let sent = 0; sent < total; ) {
        const size = Math.min(CHUNK_BYTES, total - sent);
        await link.until(() => (initialWindow + link.granted(2) - sent >= size ? true : undefined), `CREDIT for more than ${sent} bytes`);
        link.send(part(2, Buffer.alloc(size, sent / CHUNK_BYTES)));
        sent += size;
      }
      link.send(last(2));
      expectSame('bytes of the echo', (await reading).length, total);
    },
  },
  {
    section: '7.4',
    title: 'returns credit at once when it is asked to',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet();
      link.send(start(2, randomBytes(1_000)));
      await received(link, 2, 1_000);
      link.send(part(2, 'x', { flags: Flag.REQ | Flag.ACK_REQ }));
      await link.until(() => (link.granted(2) >= 1_000 ? true : undefined), 'CREDIT for what echo has sent back');
      link.send(last(2));
    },
  },
  {
    section: '7.4',
    title: 'ignores ACK_REQ where nothing can be returned, and on a message of one frame',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet({ initial_window: WINDOW_MIN });
      link.send(start(2, '', { flags: Flag.REQ | Flag.START | Flag.ACK_REQ }), part(2, '', { flags: Flag.REQ | Flag.ACK_REQ }));
      link.send(request(3, 'x', { flags: Flag.REQ | Flag.START | Flag.END | Flag.ACK_REQ }));
      await link.expectReply(3, { payload: 'x' });
      await link.expectAlive();
    },
  },
  {
    section: '7.5',
    title: 'refuses one byte beyond the credit, and what was under way in silence: credit_exceeded',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet({ initial_window: WINDOW_MIN });
      if (link.agreed.initialWindow > WINDOW_TESTED_MAX) throw new Skip(`an initial_window of ${link.agreed.initialWindow} is too much to fill`);
      fill(link, 2, link.agreed.initialWindow);
      await link.expectAliveBeside(2);
      // Echo gives back what it could send, at most the window of the reply.
      const beyond = link.granted(2) + 1;
      link.send(part(2, Buffer.alloc(beyond)), part(2, 'under way'), last(2));
      dropReply(link, 2);
      await link.expectError(2, 'credit_exceeded');
      await link.expectAlive();
    },
  },
  {
    section: '7.5',
    title: 'refuses a first frame beyond the credit: credit_exceeded',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet({ initial_window: WINDOW_MIN });
      const { initialWindow, maxFrame } = link.agreed;
      if (initialWindow + 1 > maxFrame - 38) {
        fill(link, 2, initialWindow);
        await link.expectAliveBeside(2);
        dropReply(link, 2);
        link.send(part(2, Buffer.alloc(link.granted(2) + WINDOW_MIN)));
      } else {
        link.send(start(2, Buffer.alloc(initialWindow + 1)));
      }
      await link.expectError(2, 'credit_exceeded');
    },
  },
  {
    section: '7.6',
    title: 'sends a long reply in frames of at most 65,536 payload bytes',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet();
      const payload = randomBytes(300_000);
      if (link.agreed.initialWindow < payload.length || link.agreed.maxFrame < 200_000) throw new Skip('the window or max_frame of the server is too small');
      link.send(start(2, payload.subarray(0, 150_000)), last(2, payload.subarray(150_000)));
      // `collect` looks at the size of every frame.
      await link.expectEcho(2, payload);
    },
  },
  {
    section: '7.7',
    title: 'holds the example: 300,000 bytes against a reply window of 131,072',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet({ initial_window: 131_072 });
      const payload = randomBytes(300_000);
      let sent = 0;
      const { initialWindow } = link.agreed;
      const parts: Buffer[] = [];
      while (sent < payload.length) {
        const size = Math.min(65_536, payload.length - sent);
        await link.until(() => (initialWindow + link.granted(2) >= sent + size ? true : undefined), 'CREDIT');
        const chunk = payload.subarray(sent, sent + size);
        link.send(sent === 0 ? start(2, chunk) : sent + size < payload.length ? part(2, chunk) : last(2, chunk));
        sent += size;
        if (parts.length === 0 && sent >= 131_072) {
          expectSame('bytes of the reply without CREDIT', await received(link, 2, 131_072), 131_072);
          parts.push(...link.inbox.splice(0).map((frame) => frame.payload));
          link.send(credit(2, 300_000));
        }
      }
      while (Buffer.concat(parts).length < payload.length) parts.push((await link.take(2, 'the rest of the reply')).payload);
      expectSame('the echo', Buffer.concat(parts).equals(payload), true);
    },
  },
];

/** Fills a request stream with so many bytes, without waiting for credit. */
function fill(link: ServerLink, corr: number, bytes: number): void {
  for (let sent = 0; sent < bytes; sent += CHUNK_BYTES) {
    const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, bytes - sent));
    link.send(sent === 0 ? start(corr, chunk) : part(corr, chunk));
  }
}

/**
 * How many payload bytes of a reply came: waits for `least`, then for whatever else the server sends.
 *
 * @param others replies of which frames may come meanwhile
 */
async function received(link: ServerLink, corr: number, least: number, others: readonly number[] = []): Promise<number> {
  const bytes = () => link.inbox.filter((frame) => frame.corr === BigInt(corr)).reduce((sum, { payload }) => sum + payload.length, 0);
  await link.until(() => (bytes() >= least ? true : undefined), `${least} bytes of the reply to corr ${corr}`);
  await link.expectAliveBeside(corr, ...others);
  return bytes();
}

/** Drops the frames of a reply that carry data. */
function dropReply(link: ServerLink, corr: number): void {
  const kept = link.inbox.filter((frame) => frame.corr !== BigInt(corr) || frame.code >= 300);
  link.inbox.splice(0, link.inbox.length, ...kept);
}

function window(title: string, stated: number, effective: number): ServerCase {
  return {
    section: '7.2',
    title,
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet({ initial_window: stated });
      if (link.agreed.initialWindow < effective * 2) throw new Skip('the window of the server is too small');
      link.send(start(2, randomBytes(effective * 2)), ping(3));
      await link.expectPong(3);
      expectSame('bytes of the reply without CREDIT', await received(link, 2, effective), effective);
      expectThat(link.end === undefined, 'an open connection', 'its end');
    },
  };
}
