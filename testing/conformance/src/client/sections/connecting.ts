import type { TlsOptions } from 'node:tls';
import { CLIENT_GIVES_UP_MS } from '../../bounds.ts';
import { expectSame, expectThat } from '../../deviation.ts';
import { Flag, UNDEFINED_FLAGS, WHOLE } from '../../wire/frame.ts';
import { controlEvent } from '../../wire/frames.ts';
import { encodeMap } from '../../wire/messagepack.ts';
import type { ClientLink, Message } from '../client-link.ts';
import type { ClientCase } from '../stand.ts';

/** §2 to §4 and §12, for clients: bytes cut anywhere, faults of a node, HELLO. */
export const connectingCases: readonly ClientCase[] = [
  {
    section: '2.1',
    title: 'takes answers that come byte by byte',
    async run(stand) {
      await stand.start('5');
      const link = await stand.accept();
      await link.sendSplit(link.helloReply(await link.takeHello()), 1);
      const message = await link.takeRequest(5);
      await link.sendSplit(link.replyTo(message, message.payload), 1);
      await stand.expectOutcomes('ok');
    },
  },
  {
    section: '2.1',
    title: 'takes many answers that come in one piece, the last one cut',
    async run(stand) {
      const link = await stand.greet('5+6+7');
      const messages = [await link.takeRequest(5), await link.takeRequest(6), await link.takeRequest(7)];
      const bytes = Buffer.concat(messages.map((message) => link.replyTo(message, message.payload)));
      await link.sendSplit(bytes, bytes.length - 20, 20);
      await stand.expectOutcomes('ok', 'ok', 'ok');
    },
  },
  {
    section: '2.2',
    title: 'offers TLS 1.3 and the ALPN protocol oap/1',
    async run(stand) {
      let alpn: string | undefined;
      await stand.start('5', {
        ALPNCallback: ({ protocols }: { protocols: string[] }) => {
          [alpn] = protocols;
          return protocols.includes('oap/1') ? 'oap/1' : undefined;
        },
        minVersion: 'TLSv1.3',
      });
      const link = await stand.accept();
      expectSame('ALPN protocol', alpn, 'oap/1');
      await link.welcome({ transports: ['tls'] });
      link.echo(await link.takeRequest(5));
      await stand.expectOutcomes('ok');
    },
  },
  refusedTls('does not talk to a server that selects no ALPN protocol', {}),
  refusedTls('does not talk to a server with TLS 1.2', { ALPNProtocols: ['oap/1'], maxVersion: 'TLSv1.2' }),
  {
    section: '2.4',
    title: 'reports a request whose connection the node ended without an answer, or makes it again',
    async run(stand) {
      const link = await stand.greet('5');
      await link.takeRequest(5);
      stand.serveOthers();
      link.finish();
      await stand.expectOutcomes('any');
    },
  },
  {
    section: '2.4',
    title: 'takes an answer that comes right before the end of the connection',
    async run(stand) {
      const link = await stand.greet('5');
      link.echo(await link.takeRequest(5));
      link.finish();
      await stand.expectOutcomes('ok');
    },
  },
  {
    section: '3.1',
    title: 'sends whole frames with a header that §3.3 takes, empty payloads too',
    async run(stand) {
      const link = await stand.greet('0,1,1000');
      // The link checks every header, and the pattern of the payload.
      for (const bytes of [0, 1, 1_000]) link.echo(await link.takeRequest(bytes));
      await stand.expectOutcomes('ok', 'ok', 'ok');
    },
  },
  fault('len 37', (link, message) => link.replyTo(message, '', { len: 37 })),
  fault('len 0', (link, message) => link.replyTo(message, '', { len: 0 }).subarray(0, 4)),
  fault('len above max_frame', (link, message) => link.replyTo(message, '', { len: 1_048_577 })),
  fault('len 0xffffffff, with no byte behind it', (link, message) => link.replyTo(message, '', { len: 0xffff_ffff }).subarray(0, 4)),
  fault('ver 2', (link, message) => link.replyTo(message, message.payload, { ver: 2 })),
  fault('undefined flags', (link, message) => link.replyTo(message, message.payload, { flags: (UNDEFINED_FLAGS & 0x100) | Flag.RESP | WHOLE })),
  fault('a capability without START', (link, message) => link.replyTo(message, '', { flags: Flag.RESP | Flag.END, capability: Buffer.of(1) })),
  fault('cap_len 4,097', (link, message) => link.replyTo(message, '', { capability: Buffer.alloc(4_097) })),
  fault('cap_len beyond the frame', (link, message) => link.replyTo(message, '', { capLen: 100 })),
  {
    section: '3.3',
    title: 'ends the connection on a HELLO reply with ver 2',
    async run(stand) {
      await stand.start('5');
      const link = await stand.accept();
      const { frame } = await link.takeHello();
      link.send(link.answerTo(frame, encodeMap({ version: 1 }), { ver: 2 }));
      await link.ended(CLIENT_GIVES_UP_MS);
      link.finish();
      stand.serveOthers();
      await stand.expectOutcomes('any');
    },
  },
  {
    section: '4',
    title: 'begins with a HELLO of the right form and size, at once',
    async run(stand) {
      await stand.start('5');
      const link = await stand.accept();
      const beganMs = performance.now();
      // The link checks the fields.
      await link.welcome();
      const tookMs = performance.now() - beganMs;
      expectThat(tookMs < 2_000, 'a HELLO within 2 s', `it after ${Math.round(tookMs)} ms`, '9');
      link.echo(await link.takeRequest(5));
      await stand.expectOutcomes('ok');
    },
  },
  helloReply('ignores fields that it does not know', { colour: 'red', nothing: null, list: [1, [2, 3]], map: { a: 1 } }, 'ok'),
  helloReply('takes the default for fields that are missing', noneBut('version'), 'ok'),
  helloReply('refuses a reply without version', { version: undefined }, 'error'),
  helloReply('refuses a reply with version 2', { version: 2, versions: [1, 2] }, 'error'),
  helloReply('takes a reply that names other versions too', { versions: [1, 2, 3] }, 'ok'),
  {
    section: '4.3',
    title: 'refuses a reply that is no map',
    async run(stand) {
      await stand.start('5');
      const link = await stand.accept();
      const { frame } = await link.takeHello();
      link.send(link.answerTo(frame, Buffer.of(0x91, 0x01)));
      await stand.expectOutcomes('error');
    },
  },
  {
    section: '4.3',
    title: 'holds to a max_frame that the node made smaller',
    async run(stand) {
      const link = await stand.greet('20000', { max_frame: 4_096 });
      // The link refuses a frame above it.
      const message = await link.takeRequest(20_000);
      expectThat((message.first.flags & Flag.END) === 0, 'a stream', 'one frame', '7.6');
      await link.echoInFrames(message, 4_000);
      await stand.expectOutcomes('ok');
    },
  },
  {
    section: '4.3',
    title: 'holds to a max_inflight that the node made smaller',
    async run(stand) {
      const link = await stand.greet('5+6+7+8+9', { max_inflight: 2 });
      for (let done = 0; done < 5; done++) {
        await link.until(() => (link.mostInFlight >= 2 ? true : undefined), 'two requests at a time');
        link.echo(await link.takeWhole());
      }
      expectThat(link.mostInFlight <= 2, 'at most 2 requests in flight', `${link.mostInFlight}`, '10.1');
      await stand.expectOutcomes('ok', 'ok', 'ok', 'ok', 'ok');
    },
  },
  {
    section: '4.4',
    title: 'reports a refusal of its HELLO',
    async run(stand) {
      await stand.start('5');
      const link = await stand.accept();
      const { frame } = await link.takeHello();
      link.send(link.answerTo(frame, encodeMap({ reason: 'bad_version', message: 'Another version.' }), { code: 400 }));
      link.finish();
      await stand.expectOutcomes('error');
    },
  },
  {
    section: '12.2',
    title: 'tolerates unknown control events, and unknown fields in known ones',
    async run(stand) {
      const link = await stand.greet('5,6');
      link.send(controlEvent(6, 0, 'unheard of'), controlEvent(0xffff), controlEvent(5, 0, encodeMap({ revocation_seq: 1, colour: 'red' })));
      link.echo(await link.takeRequest(5));
      link.echo(await link.takeRequest(6));
      await stand.expectOutcomes('ok', 'ok');
      expectSame('connections', stand.connections, 1);
    },
  },
];

function refusedTls(title: string, tls: TlsOptions): ClientCase {
  return {
    section: '2.2',
    title,
    async run(stand) {
      await stand.start('5', tls);
      await stand.expectOutcomes('error');
      if (stand.connections === 0) return;
      const link = await stand.accept();
      expectThat(link.hello === undefined, 'no HELLO', 'one');
    },
  };
}

/** A fault in the answer: the client answers with nothing but the end of the connection (§3.3). */
function fault(what: string, bytes: (link: ClientLink, message: Message) => Buffer): ClientCase {
  return {
    section: '3.3',
    title: `ends the connection on ${what}`,
    async run(stand) {
      const link = await stand.greet('5');
      const message = await link.takeRequest(5);
      const seen = link.messages.length;
      link.send(bytes(link, message));
      await link.ended(CLIENT_GIVES_UP_MS);
      expectSame('messages after the fault', link.messages.length, seen);
      link.finish();
      stand.serveOthers();
      await stand.expectRefused();
    },
  };
}

function noneBut(kept: string): Record<string, undefined> {
  const names = ['server', 'version', 'versions', 'max_frame', 'max_inflight', 'max_inflight_bytes', 'supported_flags'];
  const more = ['transports', 'initial_window', 'max_ratio', 'max_decompressed', 'revocation_seq', 'idle_timeout_ms'];
  return Object.fromEntries([...names, ...more].filter((name) => name !== kept).map((name) => [name, undefined]));
}

function helloReply(title: string, fields: Parameters<ClientLink['welcome']>[0], outcome: 'ok' | 'error'): ClientCase {
  return {
    section: '4.3',
    title,
    async run(stand) {
      const link = await stand.greet('5', fields);
      if (outcome === 'ok') link.echo(await link.takeRequest(5));
      await stand.expectOutcomes(outcome);
      if (outcome === 'error') expectSame('messages behind a reply that is refused', link.messages.length, 0);
    },
  };
}
