import { LEASE_LOOK_MS_MIN } from '../limits.ts';
import { monotonicMs } from '../sweep.ts';
import type { Lease, LeaseWatch } from './lease.ts';

/** How long leases last and are kept. */
export interface KeepTerms {
  /** One lease, and one extension of it, milliseconds. */
  readonly visibilityMs: number;
  /** From the delivery to the last extension's end, milliseconds; 0 to extend nothing. */
  readonly extendMsMax: number;
}

/**
 * Extends the leases of messages that are still worked on, and tells when one is
 * over. One timer for all of them.
 */
export class LeaseKeeper implements LeaseWatch {
  readonly #terms: KeepTerms;
  readonly #leases = new Set<Lease>();
  #timer: NodeJS.Timeout | undefined;
  #dueAt = Number.POSITIVE_INFINITY;
  #released: string | undefined;

  constructor(terms: KeepTerms) {
    this.#terms = terms;
  }

  /** Looks after a lease until it is settled or lost. */
  add(lease: Lease): void {
    if (this.#released !== undefined) {
      lease.lose(this.#released);
      return;
    }
    lease.watch = this;
    lease.extendAt = this.#extendAt(lease);
    this.#leases.add(lease);
    this.#want(Math.min(lease.extendAt, lease.endsAt));
  }

  forget(lease: Lease): void {
    // The timer stays: setting one for each message would cost more than a look in vain.
    this.#leases.delete(lease);
  }

  /** Leases whose acknowledgement waits for an EXTEND. */
  get unsent(): Lease[] {
    return [...this.#leases].filter(({ unsent }) => unsent);
  }

  /** The node ended all leases: tries to have them back before somebody else does. */
  resume(): void {
    const nowMs = monotonicMs();
    for (const lease of this.#leases) {
      if (lease.held && !lease.extending && this.#mayExtend(lease, nowMs)) this.#extend(lease, nowMs);
      else if (!lease.extending && lease.held) lease.lose('the node ended it with the subscription');
    }
  }

  /** Loses all of them, and those to come; what is being settled goes on. */
  release(what: string): void {
    this.#released = what;
    for (const lease of this.#leases) if (lease.held) lease.lose(what);
    clearTimeout(this.#timer);
    this.#dueAt = Number.POSITIVE_INFINITY;
  }

  #want(atMs: number): void {
    if (atMs >= this.#dueAt) return;
    clearTimeout(this.#timer);
    this.#dueAt = atMs;
    this.#timer = setTimeout(this.#look, Math.max(atMs - monotonicMs(), LEASE_LOOK_MS_MIN));
    // The messages are the application's concern: who works on them holds the process.
    this.#timer.unref();
  }

  readonly #look = (): void => {
    this.#dueAt = Number.POSITIVE_INFINITY;
    const nowMs = monotonicMs();
    let next = Number.POSITIVE_INFINITY;
    for (const lease of this.#leases) {
      // One that is being settled is kept for the case that this fails.
      if (!lease.held) continue;
      if (nowMs >= lease.endsAt) {
        lease.lose('its time ran out');
        continue;
      }
      if (nowMs >= lease.extendAt && !lease.extending) this.#extend(lease, nowMs);
      next = Math.min(next, lease.endsAt, lease.extending ? Number.POSITIVE_INFINITY : lease.extendAt);
    }
    this.#want(next);
  };

  #extend(lease: Lease, nowMs: number): void {
    const { visibilityMs, extendMsMax } = this.#terms;
    const endsAt = Math.min(nowMs + visibilityMs, lease.startedAt + extendMsMax);
    // Tried again soon when it fails, and again in time when it does not.
    lease.extendAt = nowMs + Math.max(LEASE_LOOK_MS_MIN, Math.floor(visibilityMs / 6));
    void this.#extended(lease, Math.max(1, endsAt - nowMs));
  }

  async #extended(lease: Lease, forMs: number): Promise<void> {
    try {
      await lease.extend(forMs);
      lease.extendAt = this.#extendAt(lease);
    } catch {
      // It is lost, which its signal tells, or is tried again until it ends.
    }
    if (this.#leases.has(lease)) this.#want(Math.min(lease.extendAt, lease.endsAt));
  }

  /** After a third of its time, so that two more attempts fit; never once the cap is reached. */
  #extendAt(lease: Lease): number {
    const third = lease.endsAt - Math.floor((this.#terms.visibilityMs * 2) / 3);
    return this.#mayExtend(lease, lease.endsAt) ? Math.max(third, monotonicMs()) : Number.POSITIVE_INFINITY;
  }

  /** Whether somebody works on the message, and an extension could make the lease end later than at `atMs`. */
  #mayExtend(lease: Lease, atMs: number): boolean {
    return !lease.finished && lease.startedAt + this.#terms.extendMsMax > atMs;
  }
}
