import { OapError } from '@omnigate/kernel/wire';
import { SdkReject } from '../rejects.ts';
import { monotonicMs } from '../sweep.ts';
import { MailboxOp } from './operations.ts';
import type { Outcome, Settlements, Settling } from './settlements.ts';

/** Who watches over leases and wants to know when one is over. */
export interface LeaseWatch {
  add(lease: Lease): void;
  forget(lease: Lease): void;
}

/** A request to settle or extend, and who waits for it. */
interface Asked {
  readonly op: number;
  readonly resolve: () => void;
  readonly reject: (error: OapError) => void;
}

/**
 * The time for which a message is this receiver's alone. It ends when the
 * message is settled, or is lost: its time ran out, or the node says that the
 * message went elsewhere.
 */
export class Lease implements Settling {
  /** When the message came, monotonic milliseconds. */
  readonly startedAt: number;
  /** When the lease ends unless it is extended, monotonic milliseconds; never later at the node. */
  endsAt: number;
  /** When an extension is to be tried next. */
  extendAt = 0;
  /** Somebody else may have the message. */
  lost = false;
  /** An acknowledgement failed: nobody works on the message, so it is not kept for longer. */
  finished = false;
  watch: LeaseWatch | undefined;

  readonly #settlements: Settlements;
  readonly #id: string;
  #receipt: Uint8Array;
  #settled: Promise<void> | undefined;
  /** What the node was asked for and did not answer; never two at a time. */
  #asked: Asked | undefined;
  /** Present while an EXTEND is under way: the receipt is about to change. */
  #extending: Promise<void> | undefined;
  /** Present while an acknowledgement waits for that. */
  #unsent: Promise<void> | undefined;
  #controller: AbortController | undefined;

  constructor(settlements: Settlements, id: string, receipt: Uint8Array, visibilityMs: number) {
    this.#settlements = settlements;
    this.#id = id;
    this.#receipt = receipt;
    this.startedAt = monotonicMs();
    this.endsAt = this.startedAt + visibilityMs;
  }

  /** Neither settled, nor being settled, nor lost. */
  get held(): boolean {
    return this.#settled === undefined && !this.lost;
  }

  get extending(): boolean {
    return this.#extending !== undefined;
  }

  /** Aborted when the lease is lost; the reason is an OapError `lease_lost`. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.lost) this.#controller.abort(this.#lostError('it ended'));
    }
    return this.#controller.signal;
  }

  /** ACK or NACK; only the first one counts, and a failed one may be repeated until the lease ends. */
  settle(op: number, delayMs: number | undefined): Promise<void> {
    this.#settled ??= this.#extending === undefined ? this.#ask(op, delayMs) : this.#settleAfter(this.#extending, op, delayMs);
    return this.#settled;
  }

  /**
   * Makes the lease last `visibilityMs` from now; one extension at a time.
   *
   * @throws OapError lease_lost, or why there was no answer
   */
  async extend(visibilityMs: number): Promise<void> {
    while (this.#extending !== undefined) await settledQuietly(this.#extending);
    if (this.#settled !== undefined) throw this.#lostError('it was settled before');
    this.#extending = this.#extend(visibilityMs);
    try {
      await this.#extending;
    } finally {
      this.#extending = undefined;
    }
  }

  /** Whether an acknowledgement waits for an EXTEND. */
  get unsent(): boolean {
    return this.#unsent !== undefined;
  }

  /** Resolves when an acknowledgement that waits for an EXTEND is among those that leave. */
  async sendable(): Promise<void> {
    while (this.#unsent !== undefined) await this.#unsent;
  }

  /** The message may be delivered to somebody else from now on. */
  lose(what: string): void {
    if (this.lost) return;
    this.lost = true;
    this.watch?.forget(this);
    this.#controller?.abort(this.#lostError(what));
  }

  // Settling

  settled(outcome: Outcome, receipt: Uint8Array | undefined, repeated: boolean): void {
    const { op, resolve } = this.#asked as Asked;
    if (receipt !== undefined) this.#receipt = receipt;
    if (!isDone(op, outcome, repeated)) {
      this.lose(LOST[outcome] ?? outcome);
      this.failed(this.#lostError(LOST[outcome] ?? outcome));
      return;
    }
    if (op !== MailboxOp.EXTEND) this.watch?.forget(this);
    resolve();
  }

  failed(error: OapError): void {
    const { op, reject } = this.#asked as Asked;
    if (op !== MailboxOp.EXTEND && !this.lost) {
      this.#settled = undefined;
      this.finished = true;
      this.watch?.add(this);
    }
    reject(error);
  }

  /** The receipt that an EXTEND replaces is good for nothing. */
  async #settleAfter(extending: Promise<void>, op: number, delayMs: number | undefined): Promise<void> {
    this.#unsent = settledQuietly(extending);
    await this.#unsent;
    this.#unsent = undefined;
    await this.#ask(op, delayMs);
  }

  async #extend(visibilityMs: number): Promise<void> {
    const endsAt = monotonicMs() + visibilityMs;
    await this.#ask(MailboxOp.EXTEND, visibilityMs);
    this.endsAt = endsAt;
  }

  #ask(op: number, timeMs: number | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#asked = { op, resolve, reject };
      this.#settlements.add(op, timeMs, this.#receipt, this);
    });
  }

  #lostError(what: string): OapError {
    const message = `The lease of message ${this.#id} is lost: ${what}.`;
    return new OapError(SdkReject.lease_lost, { message, detail: { id: this.#id } });
  }
}

const LOST: Readonly<Partial<Record<Outcome, string>>> = {
  stale: 'the message was given to another receiver, or given back',
  gone: 'the message is gone from the topic',
};

/** Whether an outcome is what was asked for; a repeated ACK or NACK finds what its first attempt did. */
function isDone(op: number, outcome: Outcome, repeated: boolean): boolean {
  if (outcome === 'ok' || outcome === 'dead') return true;
  if (!repeated) return false;
  return op === MailboxOp.ACK ? outcome === 'gone' : op === MailboxOp.NACK;
}

async function settledQuietly(promise: Promise<void>): Promise<void> {
  try {
    await promise;
  } catch {
    // Whoever asked for it hears of it.
  }
}
