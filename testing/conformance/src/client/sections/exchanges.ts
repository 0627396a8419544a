import { CLIENT_GIVES_UP_MS, FRAME_BYTES_MAX } from '../../bounds.ts';
import { Deviation, expectSame, expectThat, Skip } from '../../deviation.ts';
import { CONTROL, Control, encodeFrame, Flag, HEADER_BYTES, WHOLE } from '../../wire/frame.ts';
import { controlEvent, credit } from '../../wire/frames.ts';
import { encodeMap } from '../../wire/messagepack.ts';
import { block, BlockType, raw, rle, zstdFrame } from '../../wire/zstd.ts';
import type { ClientLink, Message } from '../client-link.ts';
import { patternOf } from '../client-link.ts';
import type { ClientCase } from '../stand.ts';

const { RESP, START, END, COMP, APP_E2E } = Flag;
const RETRY_AFTER_MS = 1_200;
const CREDIT_MAX = 0xffff_ffff;
/** How long a client is watched that must not do something. */
const WATCH_MS = 400;

/** §5 to §11, for clients: messages, credit, errors, GOAWAY, compression. */
export const exchangeCases: readonly ClientCase[] = [
  {
    section: '5.5',
    title: 'ignores CREDIT for exchanges that ended or never were',
    async run(stand) {
      const link = await stand.greet('5,6');
      const message = await link.takeRequest(5);
      link.send(link.replyTo(message, message.payload), credit(message.corr, 1_000), credit(0xffff_ffff_ffffn, 1_000));
      link.echo(await link.takeRequest(6));
      await stand.expectOutcomes('ok', 'ok');
    },
  },
  {
    section: '6.1',
    title: 'sends no RESP, not even to a request',
    async run(stand) {
      const link = await stand.greet('5');
      const message = await link.takeRequest(5);
      stand.serveOthers();
      link.send(encodeFrame({ flags: Flag.REQ | WHOLE, app: CONTROL, code: Control.PING, corr: 99, payload: 'ping' }));
      // Going on and giving up are both allowed; the link refuses a RESP.
      link.echo(message);
      await stand.expectOutcomes('any');
    },
  },
  {
    section: '6.2',
    title: 'makes a long message a stream with START, END and the same fields throughout',
    async run(stand) {
      const link = await stand.greet('300000', { max_frame: 65_536 });
      const message = await link.takeRequest(300_000);
      await link.echoInFrames(message, 60_000);
      await stand.expectOutcomes('ok');
    },
  },
  {
    section: '6.2',
    title: 'stops sending on an exchange that the node ended with an error',
    async run(stand) {
      const link = await stand.greet('100000,5', { max_frame: 8_192, initial_window: 16_384 });
      const message = await link.takeStart();
      await link.until(() => (message.credit < 8_192 ? true : undefined), 'all that the window holds');
      link.send(link.errorTo(message, 413, 'stream_too_large'), credit(message.corr, 100_000));
      // The link refuses whatever still comes on this corr_id.
      link.echo(await link.takeRequest(5));
      await stand.expectOutcomes('error stream_too_large', 'ok');
    },
  },
  {
    section: '6.2',
    title: 'takes empty frames within a reply',
    async run(stand) {
      const link = await stand.greet('5');
      const message = await link.takeRequest(5);
      const part = (payload: Buffer | string, flags: number) => link.replyTo(message, payload, { flags: RESP | flags });
      link.send(part('', START), part(message.payload.subarray(0, 2), 0), part('', 0), part(message.payload.subarray(2), 0), part('', END));
      await stand.expectOutcomes('ok');
    },
  },
  {
    section: '6.3',
    title: 'uses no corr_id twice at a time, for many requests at once',
    async run(stand) {
      const link = await stand.greet(Array.from({ length: 20 }, (_, index) => index + 1).join('+'));
      // The link refuses a corr_id that is in flight.
      for (let done = 0; done < 20; done++) link.echo(await link.takeWhole());
      await stand.expectOutcomes(...Array.from({ length: 20 }, () => 'ok'));
    },
  },
  {
    section: '6.4',
    title: 'matches replies by corr_id, in any order',
    async run(stand) {
      const link = await stand.greet('5+6+7+8');
      const messages = [];
      for (const bytes of [5, 6, 7, 8]) messages.push(await link.takeRequest(bytes));
      for (const message of messages.reverse()) link.echo(message);
      await stand.expectOutcomes('ok', 'ok', 'ok', 'ok');
    },
  },
  {
    section: '6.4',
    title: 'matches replies whose frames are interleaved',
    async run(stand) {
      const link = await stand.greet('10+11');
      const [a, b] = [await link.takeRequest(10), await link.takeRequest(11)];
      const piece = (message: Message, from: number, to: number, flags: number) => link.replyTo(message, message.payload.subarray(from, to), { flags: RESP | flags });
      link.send(piece(a, 0, 3, START), piece(b, 0, 4, START), piece(a, 3, 9, 0), piece(b, 4, 11, END), piece(a, 9, 10, END));
      await stand.expectOutcomes('ok', 'ok');
    },
  },
  {
    section: '6.4',
    title: 'takes no part of a reply for the whole when an error ends it',
    async run(stand) {
      const link = await stand.greet('5,6');
      const message = await link.takeRequest(5);
      link.send(link.replyTo(message, message.payload, { flags: RESP | START }), link.errorTo(message, 507, 'storage_full'));
      link.echo(await link.takeRequest(6));
      await stand.expectOutcomes('error storage_full', 'ok');
    },
  },
  stray('a second reply to a request', (message, link) => link.answerTo(message.first, 'again')),
  stray('a reply to a request that it never made', (message, link) => link.answerTo({ ...message.first, corr: message.corr + 1_000_000n }, 'who?')),
  stray('an error for a request that it never made', (message, link) => link.answerTo({ ...message.first, corr: message.corr + 1_000_000n }, encodeMap({ reason: 'internal', message: '' }), { code: 500 })),
  {
    section: '7.2',
    title: 'stops at the initial_window of the node, and goes on by each CREDIT',
    async run(stand) {
      const link = await stand.greet('50000', { max_frame: 8_192, initial_window: 16_384 });
      const message = await link.takeStart();
      await link.until(() => (message.credit < 8_192 ? true : undefined), 'all that the window holds');
      // The link refuses a byte beyond the credit.
      for (const grant of [10_000, 1, 8_000, 8_000, 20_000]) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        link.grant(message.corr, grant);
      }
      await link.until(() => (message.complete ? true : undefined), 'the rest of the request');
      await link.echoInFrames(message, 8_000);
      await stand.expectOutcomes('ok');
    },
  },
  {
    section: '7.3',
    title: 'takes the largest grants over and over',
    async run(stand) {
      const link = await stand.greet('50000', { max_frame: 8_192, initial_window: 16_384 });
      const message = await link.takeStart();
      for (let time = 0; time < 10; time++) link.grant(message.corr, CREDIT_MAX);
      await link.until(() => (message.complete ? true : undefined), 'the rest of the request');
      await link.echoInFrames(message, 8_000);
      await stand.expectOutcomes('ok');
    },
  },
  {
    section: '7.3',
    title: 'returns credit on a reply before the node is stuck',
    async run(stand) {
      await stand.start('3000000');
      const link = await stand.accept();
      link.grantAsItComes();
      await link.welcome();
      await link.echoInFrames(await link.takeRequest(3_000_000), 65_536);
      await stand.expectOutcomes('ok');
    },
  },
  {
    section: '7.4',
    title: 'is not troubled by ACK_REQ on a reply',
    async run(stand) {
      const link = await stand.greet('5');
      const message = await link.takeRequest(5);
      link.send(link.replyTo(message, message.payload, { flags: RESP | START | Flag.ACK_REQ }), link.replyTo(message, '', { flags: RESP | END | Flag.ACK_REQ }));
      await stand.expectOutcomes('ok');
    },
  },
  {
    section: '7.5',
    title: 'ends the connection when the node sends more than there is credit for',
    async run(stand) {
      const link = await stand.greet('5');
      const message = await link.takeRequest(5);
      const window = link.hello?.initialWindow ?? 0;
      // In frames that are smaller than the window a client may return credit between them.
      if (window >= FRAME_BYTES_MAX - HEADER_BYTES) throw new Skip('the window of the client is not smaller than a frame');
      stand.serveOthers();
      link.send(link.replyTo(message, Buffer.alloc(window + 1), { flags: RESP | START }));
      await link.ended(CLIENT_GIVES_UP_MS);
      link.finish();
      await stand.expectOutcomes('any');
    },
  },
  refusal('reports an error with its reason', 403, 'cap_scope', 'error cap_scope'),
  refusal('reports a reason that it does not know, with a status that it knows', 400, 'never_heard_of', 'error never_heard_of'),
  refusal('takes an unknown status 4xx for a failure', 418, 'teapot', 'error teapot'),
  refusal('takes an unknown status 5xx for a failure', 599, 'odd', 'error odd'),
  refusal('takes fields that it does not know in an error', 403, 'cap_scope', 'error cap_scope', { colour: 'red', detail: { unheard: [1] } }),
  ...[202, 206, 299].map(
    (code): ClientCase => ({
      section: '8.1',
      title: `takes the status ${code} for success`,
      async run(stand) {
        const link = await stand.greet('5');
        const message = await link.takeRequest(5);
        link.send(link.replyTo(message, message.payload, { code }));
        await stand.expectOutcomes('ok');
      },
    }),
  ),
  {
    section: '8.1',
    title: 'reports an error whose body it cannot read',
    async run(stand) {
      const link = await stand.greet('5');
      const message = await link.takeRequest(5);
      stand.serveOthers();
      link.send(link.replyTo(message, Buffer.of(0xc1), { code: 404 }));
      await stand.expectOutcomes('error');
    },
  },
  {
    section: '8.1',
    title: 'tries again no sooner than retry_after_ms',
    async run(stand) {
      const link = await stand.greet('5');
      link.send(link.errorTo(await link.takeRequest(5), 429, 'quota_tenant', { retry_after_ms: RETRY_AFTER_MS }));
      const refusedMs = performance.now();
      const again = await Promise.race([link.takeRequest(5), stand.expectOutcomes('error quota_tenant')]);
      if (again === undefined) return;
      const tookMs = performance.now() - refusedMs;
      expectThat(tookMs >= RETRY_AFTER_MS - 20, `no request for ${RETRY_AFTER_MS} ms`, `one after ${Math.round(tookMs)} ms`);
      link.echo(again);
      await stand.expectOutcomes('ok');
    },
  },
  {
    section: '8.5',
    title: 'does not try again what is not retryable',
    async run(stand) {
      const link = await stand.greet('5,6');
      link.send(link.errorTo(await link.takeRequest(5), 404, 'op_unknown'));
      link.echo(await link.takeRequest(6));
      await stand.expectOutcomes('error op_unknown', 'ok');
      expectSame('requests', link.messages.length, 2);
    },
  },
  {
    section: '10.4',
    title: 'sends new requests on a new connection after GOAWAY, and lets open ones finish',
    async run(stand) {
      const first = await stand.greet('5,6');
      const message = await first.takeRequest(5);
      first.send(controlEvent(Control.GOAWAY, 0, encodeMap({ reason: 'restart', drain_ms: 10_000, colour: 'red' })));
      await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
      expectThat(first.end === undefined, 'a connection that stays open for its request', 'its end');
      first.echo(message);
      const second = await Promise.race([stand.accept(), first.takeRequest(6).catch(() => undefined)]);
      if (second === undefined || !('welcome' in second)) throw new Deviation('the next request on a new connection', 'it on the old one');
      await second.welcome();
      second.echo(await second.takeRequest(6));
      await first.ended(CLIENT_GIVES_UP_MS);
      await stand.expectOutcomes('ok', 'ok');
    },
  },
  {
    section: '10.4',
    title: 'takes a GOAWAY without a body that it can read',
    async run(stand) {
      const link = await stand.greet('5');
      const message = await link.takeRequest(5);
      stand.serveOthers();
      link.send(controlEvent(Control.GOAWAY, 0, encodeMap({})));
      link.echo(message);
      await stand.expectOutcomes('ok');
    },
  },
  {
    section: '10.4',
    title: 'makes a request that met a drain again on a new connection, or reports it',
    async run(stand) {
      const link = await stand.greet('5');
      const message = await link.takeRequest(5);
      stand.serveOthers();
      link.send(controlEvent(Control.GOAWAY, 0, encodeMap({ reason: 'restart', drain_ms: 10_000 })), link.errorTo(message, 503, 'draining', { retry_after_ms: 1_000 }));
      await stand.expectOutcomes('any');
    },
  },
  {
    section: '11.1',
    title: 'does not take a compressed reply that was not negotiated',
    async run(stand) {
      const link = await stand.greet('5', { supported_flags: 191 });
      const message = await link.takeRequest(5);
      stand.serveOthers();
      link.send(link.replyTo(message, zstdFrame({ contentBytes: 5 }, raw(message.payload)), { flags: RESP | WHOLE | COMP }));
      await stand.expectRefused();
    },
  },
  ...(
    [
      ['takes a compressed reply', (content) => zstdFrame({ contentBytes: content.length }, raw(content)), 'ok'],
      ['refuses a window of 3.75 TiB', () => Buffer.from('28b52ffdc0ff', 'hex'), 'error'],
      ['refuses a content above max_decompressed', () => zstdFrame({ contentBytes: 8_388_609, window: 0 }), 'error'],
      ['refuses a content above the ratio', () => zstdFrame({ contentBytes: 1_000_000 }, rle(0, 131_072, false), rle(0, 131_072)), 'error'],
      ['refuses a frame that ends too soon', () => zstdFrame({ contentBytes: 5 }, block(BlockType.RAW, 5, Buffer.of(1), true)), 'error'],
      ['refuses bytes that are no zstd frame', () => Buffer.from('no zstd at all'), 'error'],
    ] as readonly [string, (content: Buffer) => Buffer, 'ok' | 'error'][]
  ).map(
    ([title, bytes, outcome]): ClientCase => ({
      section: outcome === 'ok' ? '11.1' : '11.3',
      title,
      async run(stand) {
        const link = await stand.greet('5', { supported_flags: 255 });
        const message = await link.takeRequest(5);
        if (((link.hello?.supportedFlags ?? 0) & COMP) === 0) throw new Skip('the client does not offer COMP');
        stand.serveOthers();
        link.send(link.replyTo(message, bytes(patternOf(5)), { flags: RESP | WHOLE | COMP }));
        if (outcome === 'ok') await stand.expectOutcomes('ok');
        else await stand.expectRefused();
      },
    }),
  ),
  {
    section: '11.6',
    title: 'takes a reply with APP_E2E',
    async run(stand) {
      const link = await stand.greet('5');
      const message = await link.takeRequest(5);
      link.send(link.replyTo(message, message.payload, { flags: RESP | WHOLE | APP_E2E }));
      await stand.expectOutcomes('ok');
    },
  },
];

/** A reply that belongs to nothing: the client may ignore it or give up the connection, and carries on. */
function stray(what: string, bytes: (message: Message, link: ClientLink) => Buffer): ClientCase {
  return {
    section: '6.4',
    title: `is not troubled by ${what}`,
    async run(stand) {
      const link = await stand.greet('5,6');
      const message = await link.takeRequest(5);
      stand.serveOthers();
      link.send(link.replyTo(message, message.payload), bytes(message, link));
      await Promise.race([link.takeRequest(6).then((next) => { link.echo(next); }), link.ended()]);
      link.finish();
      await stand.expectOutcomes('ok', 'any');
    },
  };
}

function refusal(title: string, code: number, reason: string, outcome: string, more: Parameters<ClientLink['errorTo']>[3] = {}): ClientCase {
  return {
    section: '8.1',
    title,
    async run(stand) {
      const link = await stand.greet('5');
      const message = await link.takeRequest(5);
      stand.serveOthers();
      link.send(link.errorTo(message, code, reason, more));
      await stand.expectOutcomes(outcome);
    },
  };
}
