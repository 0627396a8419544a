import { OapError, Reject, Status } from '@omnigate/kernel';
import type { ServiceReply } from '@omnigate/kernel';
import { decodeErrorBody, Flag } from '@omnigate/kernel/wire';
import { FromEngine } from './engine/batch.ts';
import type { EngineReply } from './engine/batch.ts';
import { MailboxReject } from './rejects.ts';

/** A request that the engine has. */
export interface PendingCall {
  readonly callId: number;
  readonly reply: ServiceReply;
  readonly tenant: string;
  /** Topic that it receives from; undefined when it receives nothing. */
  readonly receivesFrom: string | undefined;
}

/** What pending calls tell the engine. */
export interface CallNotices {
  /**
   * The last part of a subscription has left.
   *
   * @param urgent the engine may have more for it at once
   */
  drained(call: PendingCall, urgent: boolean): void;
  /** Messages were for somebody who is gone. */
  undelivered(call: PendingCall, payload: Uint8Array): void;
}

/** Bytes of the length before a record. */
const RECORD_HEAD_BYTES = 4;
/** A small payload must not keep a batch larger than this in memory while its reader is slow. */
const KEPT_BATCH_BYTES_MAX = 65_536;

/** The requests that wait for the engine, by number. */
export class PendingCalls {
  readonly #calls = new Map<number, PendingCall>();
  readonly #notices: CallNotices;
  #nextId = 1;

  constructor(notices: CallNotices) {
    this.#notices = notices;
  }

  add(reply: ServiceReply, tenant: string, receivesFrom: string | undefined): PendingCall {
    // The numbers come round after four thousand million calls; one that is still open is passed over.
    while (this.#calls.has(this.#nextId)) this.#advance();
    const call = { callId: this.#nextId, reply, tenant, receivesFrom };
    this.#advance();
    this.#calls.set(call.callId, call);
    return call;
  }

  /** A call that did not go to the engine after all. */
  drop(call: PendingCall): void {
    this.#calls.delete(call.callId);
  }

  /** Passes on what the engine says. */
  onAnswer(answer: EngineReply): void {
    const call = this.#calls.get(answer.callId);
    if (call === undefined) return;
    const { kind, status } = answer;
    if (kind !== FromEngine.PART) this.#calls.delete(call.callId);
    if (kind === FromEngine.CANCELLED) return;
    if (kind === FromEngine.ERROR) {
      call.reply.fail(errorOf(status, answer.payload));
      return;
    }
    const payload = ownBytes(answer.payload);
    const flags = answer.endToEnd ? Flag.APP_E2E : 0;
    if (call.reply.ended) {
      if (call.receivesFrom !== undefined) {
        this.#notices.undelivered(call, kind === FromEngine.PART ? payload.subarray(RECORD_HEAD_BYTES) : payload);
      }
    } else if (kind === FromEngine.REPLY) {
      call.reply.end(Status.OK, payload, flags);
    } else if (call.reply.write(Status.OK, payload, flags)) {
      this.#notices.drained(call, !answer.sated);
    }
  }

  /** Nothing more will come from the engine; what became of the requests is unknown. */
  failAll(cause: unknown): void {
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const { reply } of calls) reply.fail(new OapError(Reject.internal, { message: 'The mailbox had to start again; it is unknown what became of the request.', cause }));
  }

  #advance(): void {
    this.#nextId = (this.#nextId % 0xffff_ffff) + 1;
  }
}

/** The error as its registered row, so that it is counted under it. */
function errorOf(status: number, payload: Uint8Array): OapError {
  const error = decodeErrorBody(status, payload, '');
  const own = Object.values(MailboxReject).find(({ reason }) => reason === error.reason);
  return own === undefined ? error : new OapError(own, { ...(error.what === undefined ? {} : { message: error.what }), ...facts(error) });
}

function facts({ retryAfterMs, detail }: OapError): { retryAfterMs?: number; detail?: unknown } {
  return { ...(retryAfterMs === undefined ? {} : { retryAfterMs }), ...(detail === undefined ? {} : { detail }) };
}

function ownBytes(payload: Uint8Array): Uint8Array {
  const { byteLength } = payload.buffer;
  return byteLength > KEPT_BATCH_BYTES_MAX && payload.length * 2 < byteLength ? new Uint8Array(payload) : payload;
}
