import {
  APP_CONTROL,
  ControlOp,
  corrToText,
  decodeErrorBody,
  encodeFrame,
  encodeHelloRequest,
  Flag,
  FrameDecoder,
  HEADER_BYTES,
  Status,
  TENANT_NONE,
} from '@omnigate/kernel/wire';
import type { Frame } from '@omnigate/kernel/wire';

/** The two things in which the raw clients differ; all else is the same code. */
export interface Framing {
  /** One request with its framing, bytes. */
  readonly requestBytes: number;
  /** What has to be sent before the first request, and is answered before it. */
  readonly greeting: Uint8Array | undefined;
  /** Fills `out` with requests, as many as fit. */
  fill(out: Buffer): void;
  /** Makes the first `count` requests in `out` ready to be sent. */
  stamp(out: Buffer, count: number): void;
  /** Takes bytes read and returns how many answers they complete; throws when one is not as it must be. */
  read(chunk: Buffer, bytes: number): number;
  /** Requests that a busy server refused since the last look, to be sent again; absent where that is a failure. */
  refused?(): number;
}

/** A payload that no compressor and no shortcut would guess. */
export function payloadOf(bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, at) => (at * 167 + 13) & 0xff);
}

/** Length-prefixed messages, answered in order. */
export function bareFraming(payloadBytes: number): Framing {
  const request = Buffer.alloc(4 + payloadBytes);
  request.writeUInt32BE(payloadBytes);
  request.set(payloadOf(payloadBytes), 4);
  return fixedReplyFraming(request, request.length);
}

/** HTTP/1.1 with keep-alive and pipelining against `servers/http-main`. */
export function httpFraming(payloadBytes: number): Framing {
  const head = `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${payloadBytes}\r\n\r\n`;
  const request = Buffer.concat([Buffer.from(head), payloadOf(payloadBytes)]);
  const replyHead = `HTTP/1.1 200 OK\r\ncontent-length: ${payloadBytes}\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n`;
  return fixedReplyFraming(request, replyHead.length + payloadBytes);
}

/** Protocols whose reply has a length known before: counted, not parsed. */
function fixedReplyFraming(request: Buffer, replyBytes: number): Framing {
  let unread = 0;
  return {
    requestBytes: request.length,
    greeting: undefined,
    fill: (out) => {
      for (let at = 0; at + request.length <= out.length; at += request.length) out.set(request, at);
    },
    stamp: () => undefined,
    read: (_chunk, bytes) => {
      unread += bytes;
      const replies = Math.floor(unread / replyBytes);
      unread -= replies * replyBytes;
      return replies;
    },
  };
}

const APP_ECHO = 1;
const OP_ECHO = 0;
const CORR_LOW_OFFSET = HEADER_BYTES - 4;

const NOBODY = { tenant: TENANT_NONE, capability: new Uint8Array(0) };

/** Bytes of a HELLO that asks for what every client gets. */
export function helloBytes(caller: Pick<Frame, 'tenant' | 'capability'> = NOBODY): Uint8Array {
  return encodeFrame({
    app: APP_CONTROL,
    flags: Flag.REQ | Flag.START | Flag.END,
    code: ControlOp.HELLO,
    ...caller,
    payload: encodeHelloRequest({ client: 'omnigate-performance' }),
  });
}

/** Bytes of one echo request; its corr_id is 0. */
function echoRequestBytes(payloadBytes: number): Uint8Array {
  const flags = Flag.REQ | Flag.START | Flag.END;
  return encodeFrame({ app: APP_ECHO, flags, code: OP_ECHO, payload: payloadOf(payloadBytes) });
}

/** OAP/1 echo requests, each with a corr_id of its own. */
export function oapFraming(payloadBytes: number): Framing {
  const request = echoRequestBytes(payloadBytes);
  const decoder = new FrameDecoder();
  let corr = 0;
  return {
    requestBytes: request.length,
    greeting: helloBytes(),
    fill: (out) => {
      for (let at = 0; at + request.length <= out.length; at += request.length) out.set(request, at);
    },
    stamp: (out, count) => {
      for (let at = CORR_LOW_OFFSET, left = count; left > 0; left--, at += request.length) {
        corr = (corr + 1) | 0;
        out.writeInt32BE(corr, at);
      }
    },
    read: (chunk, bytes) => {
      decoder.feed(chunk, bytes);
      let replies = 0;
      for (; decoder.next(); replies++) checkReply(decoder, payloadBytes);
      if (decoder.reject !== undefined) throw new Error(`the node sent a bad frame: ${decoder.reject.reason}`);
      return replies;
    },
  };
}

/** Throws unless the frame is a 200, and an echo as long as what was sent. */
function checkReply({ header, buffer, payloadStart, payloadEnd }: FrameDecoder, payloadBytes: number): void {
  const isOk = (header.flags & Flag.RESP) !== 0 && header.code === Status.OK;
  if (!isOk) throw decodeErrorBody(header.code, buffer.slice(payloadStart, payloadEnd), corrToText(header.corrHi, header.corrLo));
  if (header.app !== APP_CONTROL && payloadEnd - payloadStart !== payloadBytes) {
    throw new Error(`the node echoed ${payloadEnd - payloadStart} of ${payloadBytes} bytes`);
  }
}
