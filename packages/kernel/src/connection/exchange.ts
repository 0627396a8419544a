import type { Permit } from '../admission.ts';
import type { Route } from '../bus.ts';
import type { RequestBody, ServiceReply, ServiceRequest } from '../service.ts';
import type { ReceiveCredit } from '../wire/credit.ts';
import type { FrameAddress, FrameHeader } from '../wire/header.ts';
import { Flag } from '../wire/header.ts';
import { OapError } from '../wire/oap-error.ts';
import type { ReplyQueue } from './reply-queue.ts';

const NO_BYTES = new Uint8Array(0);

/** What an exchange needs of the connection it belongs to. */
export interface ExchangeOwner {
  /** Sends a whole reply at once if nothing stands in its way; false when it has to queue. */
  sendWhole(exchange: Exchange, status: number, payload: Uint8Array, flags: number): boolean;
  /** Payload bytes of a reply that may leave now. */
  roomBytesOf(exchange: Exchange): number;
  /** Makes the queue of a reply that does not leave at once. */
  createReplyQueue(): ReplyQueue;
  /** Sends what a reply queue may send now; true when the queue is empty afterwards. */
  pump(exchange: Exchange): boolean;
  /** Sends an error reply that is not held against the peer. */
  sendError(exchange: Exchange, error: OapError): void;
  /** Sends an error reply for a fault of the peer and books it. */
  refuse(exchange: Exchange, error: OapError): void;
  sendCredit(exchange: Exchange, bytes: number): void;
  /** Whether `payload` lies in memory that is used again after this turn. */
  isBorrowed(payload: Uint8Array): boolean;
  /** What a service threw: a refusal is its answer, anything else a crash. */
  serviceThrew(exchange: Exchange, thrown: unknown): void;
  /** The exchange is over, whichever way. */
  finished(exchange: Exchange): void;
  /** `bytes` of request payload are held no longer. */
  releaseBytes(bytes: number): void;
}

/**
 * One message and its reply: the request that a service reads and the reply
 * that it writes are the same object, so that a request costs one allocation.
 */
export class Exchange implements ServiceRequest, ServiceReply, FrameAddress {
  readonly app: number;
  readonly code: number;
  readonly flags: number;
  readonly tenant0: number;
  readonly tenant1: number;
  readonly tenant2: number;
  readonly tenant3: number;
  readonly corrHi: number;
  readonly corrLo: number;
  readonly complete: boolean;
  readonly oneWay: boolean;
  readonly payload: Uint8Array;
  readonly route: Route;
  /** What admission said, and is told of the rest. */
  readonly permit: Permit;
  /** When the START frame arrived, monotonic milliseconds. */
  readonly startedMs: number;

  /** The service is done with the reply, or the peer with the request. */
  ended = false;
  /** Nothing is left to send; the corr_id is free again. */
  done = false;
  /** The exchange outlived the read it came with and is in the connection's table. */
  tabled = false;
  /** The peer has more of the request to send. */
  receiving: boolean;
  body: RequestBody | undefined = undefined;
  credit: ReceiveCredit | undefined = undefined;
  queue: ReplyQueue | undefined = undefined;
  /** Request payload bytes that came as continuations, START included. */
  receivedBytes = 0;
  emptyFrames = 0;
  /** Request payload bytes that count against the connection's bytes in flight. */
  heldBytes = 0;
  /** Credit that the peer gets when it has not overdrawn its quota any more. */
  creditHeld = 0;
  /** Next exchange under the same key of the table. */
  chained: Exchange | undefined = undefined;

  readonly #owner: ExchangeOwner;

  constructor(owner: ExchangeOwner, route: Route, permit: Permit, header: FrameHeader, payload: Uint8Array, startedMs: number) {
    this.#owner = owner;
    this.route = route;
    this.permit = permit;
    this.app = header.app;
    this.code = header.code;
    this.flags = header.flags & ~Flag.COMP;
    this.tenant0 = header.tenant0;
    this.tenant1 = header.tenant1;
    this.tenant2 = header.tenant2;
    this.tenant3 = header.tenant3;
    this.corrHi = header.corrHi;
    this.corrLo = header.corrLo;
    this.complete = (header.flags & Flag.END) !== 0;
    this.oneWay = (header.flags & Flag.EVENT) !== 0;
    this.receiving = !this.complete;
    this.payload = payload;
    this.startedMs = startedMs;
  }

  get roomBytes(): number {
    return this.ended || this.oneWay ? 0 : this.#owner.roomBytesOf(this);
  }

  checkTopic(topic: string): void {
    const refusal = this.permit.topic(this, topic);
    if (refusal !== undefined) throw new OapError(refusal.reject, refusal);
  }

  end(status: number, payload: Uint8Array = NO_BYTES, flags = 0): void {
    if (this.ended) return;
    this.ended = true;
    if (this.oneWay) {
      this.finish();
    } else if (this.queue === undefined && this.#owner.sendWhole(this, status, payload, flags)) {
      this.finish();
    } else {
      this.#enqueue(status, payload, flags, true);
    }
  }

  write(status: number, payload: Uint8Array, flags = 0): boolean {
    if (this.ended || this.oneWay) return true;
    return this.#enqueue(status, payload, flags, false);
  }

  fail(error: OapError): void {
    if (this.ended) return;
    this.ended = true;
    this.#owner.sendError(this, error);
    this.finish();
  }

  consumed(bytes: number): void {
    const { credit } = this;
    if (credit === undefined || this.done) return;
    this.release(Math.min(bytes, this.heldBytes));
    const grant = credit.consume(bytes);
    if (grant > 0 && this.receiving) this.#owner.sendCredit(this, grant);
  }

  /** The peer let go, or is gone: nothing is sent, and the service is told. */
  cancel(): void {
    if (this.done) return;
    this.ended = true;
    this.finish();
    this.#tellCancel();
  }

  /** Ends with an error of the service, and tells the service that the peer is out. */
  abort(error: OapError): void {
    if (this.done) return;
    this.ended = true;
    this.#owner.sendError(this, error);
    this.finish();
    this.#tellCancel();
  }

  /** Ends for a fault of the peer, and tells the service that the peer is out (specs/oap-1.md §6.2). */
  reject(error: OapError): void {
    if (this.done) return;
    this.ended = true;
    this.#owner.refuse(this, error);
    this.finish();
    this.#tellCancel();
  }

  /** Ends the message when it is not allowed any more; else gives the credit that had to wait. */
  review(nowMs: number): void {
    const refusal = this.permit.review(this, nowMs);
    if (refusal !== undefined) {
      // The refusal of a START promises that nothing was done; this one cannot, and has to be told apart (specs/oap-1.md §13).
      this.abort(new OapError(refusal.reject, { ...refusal, detail: { in_flight: true } }));
    } else if (this.creditHeld > 0 && this.receiving && !this.permit.overdrawn(nowMs)) {
      const bytes = this.creditHeld;
      this.creditHeld = 0;
      this.#owner.sendCredit(this, bytes);
    }
  }

  /** The queue was sent: either this was the end, or there is room for more. */
  drained(): void {
    if (this.ended) {
      this.finish();
      return;
    }
    try {
      this.body?.onDrain?.();
    } catch (thrown) {
      this.#owner.serviceThrew(this, thrown);
    }
  }

  /** So many payload bytes of the queue are with the operating system. */
  sent(bytes: number): void {
    try {
      this.body?.onSent?.(bytes);
    } catch (thrown) {
      this.#owner.serviceThrew(this, thrown);
    }
  }

  /** Gives back `bytes` of what the request holds. */
  release(bytes: number): void {
    this.heldBytes -= bytes;
    this.#owner.releaseBytes(bytes);
  }

  finish(): void {
    if (this.done) return;
    this.done = true;
    this.release(this.heldBytes);
    this.#owner.finished(this);
  }

  #tellCancel(): void {
    const { body } = this;
    this.body = undefined;
    try {
      body?.onCancel?.();
    } catch (thrown) {
      this.#owner.serviceThrew(this, thrown);
    }
  }

  #enqueue(status: number, payload: Uint8Array, flags: number, last: boolean): boolean {
    const queue = (this.queue ??= this.#owner.createReplyQueue());
    const waiting = !queue.empty;
    queue.push(status, payload, flags & Flag.APP_E2E, last, this.#owner.isBorrowed(payload));
    if (waiting) return false;
    if (this.#owner.pump(this)) {
      if (this.ended) this.finish();
      return true;
    }
    return false;
  }
}
