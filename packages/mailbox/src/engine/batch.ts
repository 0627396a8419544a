import { encodeError, OapError } from '@omnigate/kernel/wire';
import type { Replies } from '../broker/call.ts';
import { asBuffer } from '../codec/slot.ts';
import { Writer } from '../codec/writer.ts';

/**
 * What goes between the service and the engine: batches of frames, as bytes, so
 * that the engine may be in a thread, in a process, or on another machine.
 */

/** Kinds of frames to the engine. */
export const ToEngine = {
  /** A request; an answer follows. */
  REQUEST: 0,
  /** The receiver of a call is gone. */
  CANCEL: 1,
  /** The last part of a subscription has left. */
  DRAINED: 2,
  /** The payload of this frame never left; its receipts are to be taken back. */
  UNDELIVERED: 3,
} as const;

/** Kinds of frames from the engine. */
export const FromEngine = {
  /** The answer to a call. */
  REPLY: 0,
  /** A part of an answer that goes on. */
  PART: 1,
  /** An error, which is the answer. */
  ERROR: 2,
  /** A CANCEL was done: nothing more comes for the call. */
  CANCELLED: 3,
} as const;

/** A frame to the engine. */
export interface EngineFrame {
  readonly kind: number;
  /** Names the call among those that are open. */
  readonly callId: number;
  /** Operation. */
  readonly op: number;
  readonly endToEnd: boolean;
  /** Binary string of 16 bytes. */
  readonly tenant: string;
  /** Topic of an UNDELIVERED; else empty, since the payload says it. */
  readonly topic: string;
  readonly payload: Uint8Array;
}

/** A frame from the engine. */
export interface EngineReply {
  readonly kind: number;
  readonly callId: number;
  readonly endToEnd: boolean;
  /** The receiver can take no more however soon this part leaves: there is no hurry to say DRAINED. */
  readonly sated: boolean;
  /** Status of an ERROR, else 200. */
  readonly status: number;
  readonly payload: Uint8Array;
}

const TENANT_BYTES = 16;
// length, kind, call, operation, flags, tenant, length of the topic
const FRAME_HEAD_BYTES = 4 + 1 + 4 + 2 + 1 + TENANT_BYTES + 2;
// length, kind, call, flags, status
const REPLY_HEAD_BYTES = 4 + 1 + 4 + 1 + 2;
const END_TO_END = 1;
const SATED = 2;
const OK = 200;

export function writeFrame(out: Writer, frame: EngineFrame): void {
  const topicBytes = Buffer.byteLength(frame.topic);
  out.u32(FRAME_HEAD_BYTES + topicBytes + frame.payload.length);
  out.u8(frame.kind);
  out.u32(frame.callId);
  out.u16(frame.op);
  out.u8(frame.endToEnd ? END_TO_END : 0);
  out.latin1(frame.tenant);
  out.u16(topicBytes);
  if (topicBytes > 0) out.raw(Buffer.from(frame.topic));
  out.raw(frame.payload);
}

/** The frames of a batch; their payloads lie in it. */
export function* readFrames(batch: Uint8Array): Generator<EngineFrame, undefined> {
  const bytes = asBuffer(batch);
  for (let at = 0; at < bytes.length; ) {
    const end = at + bytes.readUInt32BE(at);
    const tenantAt = at + 12;
    const topicAt = at + FRAME_HEAD_BYTES;
    const payloadAt = topicAt + bytes.readUInt16BE(topicAt - 2);
    yield {
      kind: bytes[at + 4] as number,
      callId: bytes.readUInt32BE(at + 5),
      op: bytes.readUInt16BE(at + 9),
      endToEnd: bytes[at + 11] === END_TO_END,
      tenant: bytes.toString('latin1', tenantAt, tenantAt + TENANT_BYTES),
      topic: payloadAt === topicAt ? '' : bytes.toString('utf8', topicAt, payloadAt),
      payload: bytes.subarray(payloadAt, end),
    };
    at = end;
  }
  return undefined;
}

/** The frames of a batch from the engine; their payloads lie in it. */
export function* readReplies(batch: Uint8Array): Generator<EngineReply, undefined> {
  const bytes = asBuffer(batch);
  for (let at = 0; at < bytes.length; ) {
    const end = at + bytes.readUInt32BE(at);
    yield {
      kind: bytes[at + 4] as number,
      callId: bytes.readUInt32BE(at + 5),
      endToEnd: ((bytes[at + 9] as number) & END_TO_END) !== 0,
      sated: ((bytes[at + 9] as number) & SATED) !== 0,
      status: bytes.readUInt16BE(at + 10),
      payload: bytes.subarray(at + REPLY_HEAD_BYTES, end),
    };
    at = end;
  }
  return undefined;
}

/** Collects the answers of one step. */
export class ReplyBatch implements Replies {
  readonly #out = new Writer();
  #start = 0;
  #begun = false;

  get bytes(): number {
    return this.#out.at;
  }

  begin(callId: number): Writer {
    return this.#begin(FromEngine.REPLY, callId, OK);
  }

  beginPart(callId: number): Writer {
    return this.#begin(FromEngine.PART, callId, OK);
  }

  end(endToEnd: boolean, sated = false): void {
    this.#out.setU8(this.#start + 9, (endToEnd ? END_TO_END : 0) | (sated ? SATED : 0));
    this.#out.setU32(this.#start, this.#out.at - this.#start);
    this.#begun = false;
  }

  cancelled(callId: number): void {
    this.#begin(FromEngine.CANCELLED, callId, OK);
    this.end(false);
  }

  fail(callId: number, thrown: unknown): void {
    const error = OapError.from(thrown);
    // An answer that was begun leads nowhere.
    if (this.#begun) this.#out.at = this.#start;
    this.#begin(FromEngine.ERROR, callId, error.status).raw(encodeError(error));
    this.end(false);
  }

  /** The batch, for good; the next one begins. */
  take(): Uint8Array {
    return this.#out.take();
  }

  #begin(kind: number, callId: number, status: number): Writer {
    const out = this.#out;
    this.#start = out.at;
    this.#begun = true;
    out.u32(0);
    out.u8(kind);
    out.u32(callId);
    out.u8(0);
    out.u16(status);
    return out;
  }
}
