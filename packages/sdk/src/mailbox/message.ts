import type { Lease } from './lease.ts';
import { MailboxOp } from './operations.ts';
import type { DeadLetter, StoredMessage } from './stored-message.ts';

/** Which delay a message takes that is given back. */
export interface NackOptions {
  /** Until it may be delivered again, milliseconds; 1 s doubled with each delivery up to 5 min when absent. */
  readonly delayMs?: number | undefined;
}

const NEVER = new AbortController().signal;

/**
 * A message that was delivered to this receiver. It comes again, here or
 * elsewhere, unless it is acknowledged before its lease ends.
 */
export class Message implements StoredMessage {
  readonly id: string;
  readonly body: Uint8Array;
  readonly deliveries: number;
  readonly sentAtMs: number;
  readonly priority: number;
  readonly key: string | undefined;
  readonly group: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly e2e: boolean;
  readonly dead: DeadLetter | undefined;
  /** Undefined when handing it out acknowledged it. */
  readonly #lease: Lease | undefined;

  constructor(from: StoredMessage, lease: Lease | undefined) {
    this.id = from.id;
    this.body = from.body;
    this.deliveries = from.deliveries;
    this.sentAtMs = from.sentAtMs;
    this.priority = from.priority;
    this.key = from.key;
    this.group = from.group;
    this.headers = from.headers;
    this.e2e = from.e2e;
    this.dead = from.dead;
    this.#lease = lease;
  }

  /** The body as UTF-8. */
  text(): string {
    const { buffer, byteOffset, byteLength } = this.body;
    return Buffer.from(buffer, byteOffset, byteLength).toString();
  }

  /** Whether the lease is lost: somebody else may have the message, or is about to. */
  get lost(): boolean {
    return this.#lease?.lost ?? false;
  }

  /** Aborted when the lease is lost; its reason is an OapError `lease_lost`. */
  get signal(): AbortSignal {
    return this.#lease?.signal ?? NEVER;
  }

  /**
   * The work is done; resolves when the node will deliver the message no more.
   * Those of one turn of the event loop share a request, so do not await each
   * before the next where speed counts. Of ack and nack only the first counts,
   * unless it failed: then the lease is not extended any more, and either may be
   * called again until it ends.
   *
   * @throws OapError lease_lost when the message was given to somebody else; else the message comes again
   */
  ack(): Promise<void> {
    return this.#lease?.settle(MailboxOp.ACK, undefined) ?? Promise.resolve();
  }

  /**
   * The work was not done: the message is delivered again after a delay, or is
   * a dead letter when that was its last delivery.
   *
   * @throws OapError lease_lost
   */
  nack({ delayMs }: NackOptions = {}): Promise<void> {
    return this.#lease?.settle(MailboxOp.NACK, delayMs) ?? Promise.resolve();
  }

  /**
   * Makes the lease last `visibilityMs` from now, 1 to 43,200,000. A
   * subscription does so by itself.
   *
   * @throws OapError lease_lost
   */
  extend(visibilityMs: number): Promise<void> {
    return this.#lease?.extend(visibilityMs) ?? Promise.resolve();
  }
}
