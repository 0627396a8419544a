import { randomBytes } from 'node:crypto';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import { CLOCK_TOLERANCE_MS } from '../../bounds.ts';
import { Deviation, expectSame } from '../../deviation.ts';
import { HEADER_BYTES } from '../../wire/frame.ts';
import { hello, last, part, ping, request, start } from '../../wire/frames.ts';
import type { Bench, ServerCase } from '../bench.ts';
import { dial, dialTcp } from '../target.ts';

const TLS_TIMEOUT_MS = 5_000;

/** §2: one byte stream, cut anywhere; TLS; half-close. */
export const transportCases: readonly ServerCase[] = [
  {
    section: '2.1',
    title: 'takes a conversation that comes byte by byte',
    async run(bench) {
      const link = await bench.connect();
      await link.sendSplit(Buffer.concat([hello({ client: 'oapspec' }), ping(2, 'one'), ping(3, 'two')]), 1);
      await bench.welcome(link);
      await link.expectPong(2, 'one');
      await link.expectPong(3, 'two');
    },
  },
  {
    section: '2.1',
    title: 'takes a frame that is cut at any of its bytes',
    async run(bench) {
      const link = await bench.greet();
      for (let cut = 1; cut < HEADER_BYTES + 4; cut++) {
        await link.sendSplit(ping(cut + 1, 'body'), cut, HEADER_BYTES + 4);
        await link.expectPong(cut + 1, 'body');
      }
    },
  },
  {
    section: '2.1',
    title: 'answers each of 200 frames that come in one piece',
    async run(bench) {
      const link = await bench.greet();
      const corrs = Array.from({ length: 200 }, (_, index) => index + 10);
      link.send(Buffer.concat(corrs.map((corr) => ping(corr, String(corr)))));
      for (const corr of corrs) await link.expectPong(corr, String(corr));
      await link.expectAlive();
    },
  },
  {
    section: '2.1',
    title: 'takes the end of one frame and the beginning of the next in one piece',
    async run(bench) {
      const link = await bench.greet();
      const bytes = Buffer.concat([ping(2, 'first'), ping(3, 'second'), ping(4, 'third')]);
      await link.sendSplit(bytes, 30);
      for (const [corr, text] of [[2, 'first'], [3, 'second'], [4, 'third']] as const) await link.expectPong(corr, text);
    },
  },
  {
    section: '2.2',
    title: 'agrees on TLS 1.3 and the ALPN protocol oap/1',
    async run(bench) {
      bench.needsTls(true);
      const socket = await dial(bench.target);
      bench.adopt(socket);
      const { alpnProtocol, protocol } = Object.assign({ alpnProtocol: undefined }, socket, { protocol: tlsVersionOf(socket) });
      expectSame('ALPN protocol', alpnProtocol, 'oap/1');
      expectSame('TLS version', protocol, 'TLSv1.3');
    },
  },
  refusedHandshake('refuses TLS 1.2', { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' }),
  refusedHandshake('closes without ALPN', { ALPNProtocols: [] }),
  refusedHandshake('closes when another ALPN protocol is offered', { ALPNProtocols: ['h2'] }),
  {
    section: '2.2',
    title: 'answers no plain frame on an oaps port',
    async run(bench) {
      bench.needsTls(true);
      const link = bench.adopt(await dialTcp(bench.target));
      let bytes = 0;
      link.onFrame = () => true;
      link.send(hello({}));
      await link.ended(TLS_TIMEOUT_MS + CLOCK_TOLERANCE_MS).catch((error: unknown) => {
        // An alert of TLS is no OAP frame, and is what a fault looks like here.
        if (!(error instanceof Deviation)) throw error;
        bytes += 1;
      });
      if (bytes === 0) link.expectNothing('without TLS');
    },
  },
  {
    section: '2.2',
    title: 'does not upgrade a plain connection to TLS',
    async run(bench) {
      bench.needsTls(false);
      const socket = await dialTcp(bench.target);
      bench.adopt(socket);
      const secure = connectTls({ socket, ALPNProtocols: ['oap/1'], rejectUnauthorized: false });
      await new Promise<void>((resolve, reject) => {
        secure.once('secureConnect', () => {
          reject(new Deviation('no TLS on an oap port', 'a TLS handshake'));
        });
        secure.once('error', () => {
          resolve();
        });
        secure.once('close', resolve);
      });
    },
  },
  {
    section: '2.4',
    title: 'answers in full what it received before a half-close',
    async run(bench) {
      const link = await bench.greet();
      const corrs = Array.from({ length: 50 }, (_, index) => index + 2);
      link.send(Buffer.concat(corrs.map((corr) => ping(corr, randomBytes(500)))));
      link.finish();
      for (const corr of corrs) await link.expectPong(corr, (await peek(link, corr)).payload);
      await link.expectEnd();
    },
  },
  {
    section: '2.4',
    title: 'answers a HELLO and a request that come with the end of the stream',
    async run(bench) {
      const link = await bench.connect();
      link.send(hello({}), ping(2, 'goodbye'));
      link.finish();
      await bench.welcome(link);
      await link.expectPong(2, 'goodbye');
      await link.expectEnd();
    },
  },
  {
    section: '2.4',
    title: 'answers a stream whose END came before the half-close',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet();
      const payload = randomBytes(30_000);
      link.send(start(2, payload.subarray(0, 10_000)), part(2, payload.subarray(10_000, 20_000)), last(2, payload.subarray(20_000)));
      link.finish();
      await link.expectEcho(2, payload);
      await link.expectEnd();
    },
  },
  {
    section: '2.4',
    title: 'discards a frame that the stream ends in, within the header',
    async run(bench) {
      const link = await bench.greet();
      link.send(ping(2, 'cut').subarray(0, 20));
      link.finish();
      await link.expectEnd();
    },
  },
  {
    section: '2.4',
    title: 'discards a frame that the stream ends in, within the payload',
    async run(bench) {
      const link = await bench.greet();
      link.send(ping(3, 'cut').subarray(0, HEADER_BYTES + 1));
      link.finish();
      await link.expectEnd();
    },
  },
  {
    section: '2.4',
    title: 'discards the request that an incomplete frame belongs to',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet({ initial_window: 1024 });
      link.send(start(2, ''), request(3, 'cut').subarray(0, HEADER_BYTES + 1));
      link.finish();
      await link.expectEnd();
    },
  },
];

/** The frame with this corr_id, left in the inbox. */
async function peek(link: Awaited<ReturnType<Bench['connect']>>, corr: number) {
  const find = () => link.inbox.find((frame) => frame.corr === BigInt(corr));
  return link.until(find, `an answer to the PING ${corr}`);
}

function tlsVersionOf(socket: unknown): string | null {
  const { getProtocol } = socket as { getProtocol?: () => string | null };
  return getProtocol === undefined ? null : getProtocol.call(socket);
}

function refusedHandshake(title: string, tls: ConnectionOptions): ServerCase {
  return {
    section: '2.2',
    title,
    async run(bench) {
      bench.needsTls(true);
      let link;
      try {
        link = await bench.connect(tls);
      } catch {
        return;
      }
      link.send(hello({}));
      await link.expectEnd();
    },
  };
}
