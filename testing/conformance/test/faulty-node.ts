import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { connect } from 'node:net';
import { CONTROL, Control, decodeFrame, encodeFrame, Flag, WHOLE } from '../src/wire/frame.ts';
import type { Frame, FrameFields } from '../src/wire/frame.ts';
import { credit } from '../src/wire/frames.ts';
import { decodeMessagePack, encodeMap } from '../src/wire/messagepack.ts';
import type { Packable } from '../src/wire/messagepack.ts';

/** What the two directions of one connection may do with a frame. */
interface Way {
  /** Passes bytes on to where the frame was going. */
  readonly on: (bytes: Buffer) => void;
  /** Sends bytes back to where it came from. */
  readonly back: (bytes: Buffer) => void;
}

interface Rewriter {
  fromNode?(frame: Frame, bytes: Buffer, way: Way): void;
  fromClient?(frame: Frame, bytes: Buffer, way: Way): void;
  /** The end of the node's half is kept from the client. */
  readonly hidesEnd?: boolean;
}

/** The frame with other fields, and the length that they make. */
function changed({ flags, code, app, tenant, corr, capability, payload }: Frame, fields: Partial<FrameFields>): Buffer {
  return encodeFrame({ flags, code, app, tenant, corr, capability, payload, ...fields });
}

/** Whether the node refuses these bytes before the frame is complete. */
function isFault(bytes: Buffer): boolean {
  return bytes.length >= 6 && bytes.readUInt16BE(4) !== 1;
}

const isStream = ({ flags, app }: Frame) => app !== CONTROL && (flags & WHOLE) === Flag.START;

/** One deliberate defect each; `none` passes everything on as it is. */
const BUGS = {
  none: {},
  /** The length of a reply leaves the last byte out. */
  'wrong-len': {
    fromNode(frame: Frame, bytes: Buffer, { on }: Way) {
      if (frame.app !== CONTROL) bytes.writeUInt32BE(bytes.length - 1);
      on(bytes);
    },
  },
  /** Replies lack START. */
  'start-missing': {
    fromNode(frame: Frame, bytes: Buffer, { on }: Way) {
      on(changed(frame, { flags: frame.app === CONTROL ? frame.flags : frame.flags & ~Flag.START }));
    },
  },
  /** A RESP that nobody asked for is answered with an error, as a request would be. */
  'error-answered': {
    fromClient(frame: Frame, bytes: Buffer, { on, back }: Way) {
      const isReply = (frame.flags & (Flag.REQ | Flag.RESP | Flag.EVENT)) === Flag.RESP;
      if (isReply) back(changed(frame, { flags: Flag.RESP | WHOLE, code: 409, payload: encodeMap({ reason: 'corr_unknown', message: 'No such exchange.' }) }));
      else on(bytes);
    },
  },
  /** corr_ids pass through a floating-point number. */
  'corr-rounded': {
    fromNode(frame: Frame, _bytes: Buffer, { on }: Way) {
      on(changed(frame, { corr: BigInt.asUintN(64, BigInt(Number(frame.corr))) }));
    },
  },
  /** Replies do not stop at the credit of the client. */
  'credit-ignored': {
    fromClient(frame: Frame, bytes: Buffer, { on }: Way) {
      on(bytes);
      if (isStream(frame)) on(credit(frame.corr, 0x7fff_ffff));
    },
  },
  /** The HELLO reply leaves max_inflight_bytes out. */
  'hello-field-missing': {
    fromNode(frame: Frame, bytes: Buffer, { on }: Way) {
      if (frame.code !== 200 || frame.app !== CONTROL || frame.payload.indexOf('max_inflight_bytes') < 0 || frame.payload[0] === 0x7b) {
        on(bytes);
        return;
      }
      const { max_inflight_bytes: dropped, ...fields } = decodeMessagePack(frame.payload) as Record<string, Packable>;
      on(dropped === undefined ? bytes : changed(frame, { payload: encodeMap(fields) }));
    },
  },
  /** A second HELLO is welcome. */
  'hello-repeatable': {
    fromNode(frame: Frame, bytes: Buffer, { on }: Way) {
      const isRefused = frame.app === CONTROL && frame.payload.includes('hello_repeated');
      on(isRefused ? changed(frame, { code: 200, payload: encodeMap({ version: 1 }) }) : bytes);
    },
  },
  /** Undefined flag bits are masked. */
  'flags-masked': {
    fromClient(frame: Frame, bytes: Buffer, { on }: Way) {
      bytes.writeUInt16BE(frame.flags & 0xff, 6);
      on(bytes);
    },
  },
  /** Connections stay open after errors that must end them. */
  'end-missing': { hidesEnd: true },
  /** The tenant of a request is not repeated. */
  'tenant-lost': {
    fromNode(frame: Frame, _bytes: Buffer, { on }: Way) {
      on(changed(frame, { tenant: '00'.repeat(16) }));
    },
  },
  /** PING is answered without its payload. */
  'ping-empty': {
    fromNode(frame: Frame, bytes: Buffer, { on }: Way) {
      const isPong = frame.app === CONTROL && frame.code === 200 && frame.payload.indexOf('max_inflight') < 0;
      on(isPong && (frame.flags & Flag.RESP) !== 0 ? changed(frame, { payload: '' }) : bytes);
    },
  },
  /** CREDIT of the client is lost. */
  'credit-dropped': {
    fromClient(frame: Frame, bytes: Buffer, { on }: Way) {
      if (frame.app !== CONTROL || frame.code !== Control.CREDIT || (frame.flags & Flag.EVENT) === 0) on(bytes);
    },
  },
} as const satisfies Record<string, Rewriter>;

export type Bug = keyof typeof BUGS;

/** A proxy in front of a real node that makes one deliberate mistake. */
export class FaultyNode implements AsyncDisposable {
  readonly #server;
  readonly #sockets = new Set<Socket>();

  private constructor(nodeUrl: string, bug: Bug) {
    const { hostname: host, port } = new URL(nodeUrl);
    this.#server = createServer({ allowHalfOpen: true }, (client) => {
      const node = connect({ host, port: Number(port), allowHalfOpen: true });
      const rewriter: Rewriter = BUGS[bug];
      this.#relay(client, node, rewriter.fromClient?.bind(rewriter), true);
      this.#relay(node, client, rewriter.fromNode?.bind(rewriter), rewriter.hidesEnd !== true);
    });
  }

  /** Starts one in front of `nodeUrl`, such as `oap://127.0.0.1:4711`. */
  static async start(nodeUrl: string, bug: Bug): Promise<FaultyNode> {
    const proxy = new FaultyNode(nodeUrl, bug);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `oap://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #relay(from: Socket, to: Socket, rewrite: Rewriter['fromNode'], passesEnd: boolean): void {
    this.#sockets.add(from);
    let unread = Buffer.alloc(0);
    const way: Way = { on: (bytes) => to.write(bytes), back: (bytes) => from.write(bytes) };
    from.setNoDelay(true);
    from.on('data', (chunk: Buffer) => {
      unread = Buffer.concat([unread, chunk]);
      for (;;) {
        if (unread.length < 4) return;
        const len = unread.readUInt32BE(0);
        const isFrame = len >= 38 && len <= 1_048_576 && (unread.length < 38 || 38 + unread.readUInt16BE(28) <= len);
        if (isFrame && unread.length < len && !isFault(unread)) return;
        // What is no frame is passed on as it came, cut where it was cut.
        const bytes = isFrame && unread.length >= len ? Buffer.from(unread.subarray(0, len)) : unread;
        unread = unread.subarray(bytes.length);
        if (isFrame && bytes.length === len && rewrite !== undefined) rewrite(decodeFrame(bytes), bytes, way);
        else to.write(bytes);
      }
    });
    from.on('end', () => {
      to.write(unread);
      if (passesEnd) to.end();
    });
    from.on('error', () => to.destroy());
    from.on('close', () => {
      this.#sockets.delete(from);
      if (passesEnd) to.destroy();
    });
  }
}
