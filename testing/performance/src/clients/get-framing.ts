import { encode } from '@msgpack/msgpack';
import {
  APP_CONTROL,
  ControlOp,
  createHeader,
  encodeCredit,
  encodeFrame,
  Flag,
  HEADER_BYTES,
  readHeader,
  Status,
  STREAM_WINDOW_BYTES,
} from '@omnigate/kernel/wire';
import { helloBytes } from './framing.ts';
import type { Framing } from './framing.ts';

/** What is downloaded, again and again in this order. */
export interface Downloads {
  /** Ids of blobs, or names of files, all of one length. */
  readonly names: readonly string[];
  /** Size of each, bytes. */
  readonly sizeBytes: number;
  /** What a node wants to know; no use to others. */
  readonly caller: { readonly tenant: string; readonly capability: Uint8Array };
}

/** What a bare server is asked with: the number of a file in text, and its size. */
export const BARE_NAME_CHARS = 8;
export const BARE_REQUEST_BYTES = BARE_NAME_CHARS + 4;

const APP_STORAGE = 17;
const OP_GET = 1;
const CORR_LOW_OFFSET = HEADER_BYTES - 4;
const START_END = Flag.START | Flag.END;
const STATUS_LINE = 'HTTP/1.1 200 OK\r\n';
const HEAD_END = '\r\n\r\n';

/** Questions for as many bytes as a file has, which come without anything before them. */
export function bareGetFraming({ names, sizeBytes }: Downloads): Framing {
  const requests = names.map((name) => {
    const request = Buffer.alloc(BARE_REQUEST_BYTES);
    request.write(name, 'latin1');
    request.writeUInt32BE(sizeBytes, BARE_NAME_CHARS);
    return request;
  });
  let unread = 0;
  return {
    requestBytes: BARE_REQUEST_BYTES,
    greeting: undefined,
    fill: () => undefined,
    stamp: turns(requests),
    read: (_chunk, bytes) => {
      unread += bytes;
      if (unread < sizeBytes) return 0;
      if (unread > sizeBytes) throw new Error(`${unread} bytes came for ${sizeBytes}`);
      unread = 0;
      return 1;
    },
  };
}

/** GETs of HTTP/1.1 with keep-alive. The heads of all replies of one server to one size are equally long, so only the first is parsed. */
export function httpGetFraming({ names, sizeBytes }: Downloads): Framing {
  const requests = names.map((name) => Buffer.from(`GET /${name} HTTP/1.1\r\nHost: localhost\r\n\r\n`));
  const requestBytes = (requests[0] as Buffer).length;
  let replyBytes: number | undefined;
  let unread = 0;
  return {
    requestBytes,
    greeting: undefined,
    fill: () => undefined,
    stamp: turns(requests),
    read: (chunk, bytes) => {
      if (unread === 0 && chunk.toString('latin1', 0, STATUS_LINE.length) !== STATUS_LINE) throw new Error(`no file: ${chunk.toString('latin1', 0, 80)}`);
      replyBytes ??= chunk.indexOf(HEAD_END) + HEAD_END.length + sizeBytes;
      unread += bytes;
      if (unread < replyBytes) return 0;
      if (unread > replyBytes) throw new Error(`${unread} bytes came for ${replyBytes}`);
      unread = 0;
      return 1;
    },
  };
}

/**
 * GETs of a node, without proof. Credit for a blob that is larger than the
 * window is granted with the request: this client throws bytes away as they
 * come. Of each frame only the header is looked at.
 */
export function oapGetFraming({ names, sizeBytes, caller }: Downloads): Framing {
  const needsCredit = sizeBytes >= STREAM_WINDOW_BYTES / 2;
  const credit = encodeFrame({ app: APP_CONTROL, flags: Flag.EVENT | START_END, code: ControlOp.CREDIT, payload: encodeCredit(sizeBytes) });
  const requests = names.map((id) => {
    const { tenant } = caller;
    const request = encodeFrame({ app: APP_STORAGE, flags: Flag.REQ | START_END, code: OP_GET, tenant, payload: encode({ id }) });
    return Buffer.concat(needsCredit ? [request, credit] : [request]);
  });
  const requestBytes = (requests[0] as Buffer).length;
  const next = turns(requests);
  const frames = new FrameSkipper();
  let corr = 0;
  let payloadBytes = 0;
  let refused = 0;
  return {
    requestBytes,
    greeting: helloBytes(caller),
    fill: () => undefined,
    stamp: (out, count) => {
      next(out, count);
      for (let at = CORR_LOW_OFFSET, left = count; left > 0; left--, at += requestBytes) {
        corr = (corr + 1) | 0;
        out.writeInt32BE(corr, at);
        if (needsCredit) out.writeInt32BE(corr, at + requestBytes - credit.length);
      }
    },
    read: (chunk, bytes) => {
      let replies = 0;
      frames.feed(chunk, bytes);
      while (frames.next()) {
        const { header } = frames;
        if (header.code === Status.UNAVAILABLE) {
          refused += 1;
          continue;
        }
        if (header.code !== Status.OK) throw new Error(`the node answered with status ${header.code}`);
        payloadBytes += header.len - HEADER_BYTES;
        if ((header.flags & Flag.END) === 0) continue;
        if (header.app === APP_STORAGE && payloadBytes < sizeBytes) throw new Error(`a blob of ${payloadBytes} bytes`);
        payloadBytes = 0;
        replies += 1;
      }
      return replies;
    },
    // On a machine with other work to do the node sees itself overloaded now and then.
    refused: () => {
      const count = refused;
      refused = 0;
      return count;
    },
  };
}

/** Puts the next `count` of some requests of one length into a buffer. */
function turns(requests: readonly Buffer[]): (out: Buffer, count: number) => void {
  // Connections that all began with the first would ask for the same thing at the same time.
  let turn = Math.floor(Math.random() * requests.length);
  return (out, count) => {
    for (let at = 0, left = count; left > 0; left--) {
      const request = requests[turn++ % requests.length] as Buffer;
      out.set(request, at);
      at += request.length;
    }
  };
}

/** Walks from header to header, and tells of a frame when its last byte was there. */
class FrameSkipper {
  readonly header = createHeader();
  #chunk: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;
  /** Payload of the current frame that did not come yet; undefined while its header is incomplete. */
  #left: number | undefined;
  readonly #head = Buffer.alloc(HEADER_BYTES);
  #headBytes = 0;

  feed(chunk: Buffer, bytes: number): void {
    this.#chunk = chunk;
    this.#at = 0;
    this.#end = bytes;
  }

  next(): boolean {
    this.#left ??= this.#readHead();
    if (this.#left === undefined) return false;
    const skipped = Math.min(this.#left, this.#end - this.#at);
    this.#at += skipped;
    this.#left -= skipped;
    if (this.#left > 0) return false;
    this.#left = undefined;
    return true;
  }

  #readHead(): number | undefined {
    const bytes = Math.min(HEADER_BYTES - this.#headBytes, this.#end - this.#at);
    this.#chunk.copy(this.#head, this.#headBytes, this.#at, this.#at + bytes);
    this.#at += bytes;
    this.#headBytes += bytes;
    if (this.#headBytes < HEADER_BYTES) return undefined;
    this.#headBytes = 0;
    readHeader(new DataView(this.#head.buffer, this.#head.byteOffset), 0, this.header);
    return this.header.len - HEADER_BYTES;
  }
}
