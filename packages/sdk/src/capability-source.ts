import { OapError, Reject } from '@omnigate/kernel/wire';
import { readCapability, readCapabilityFacts } from './capability.ts';
import type { Capability } from './capability.ts';
import { CAP_ANSWER_MS, CAP_PAUSE_MS, CAP_PAUSE_MS_MAX, CAP_RENEW_LEAD_MS } from './limits.ts';
import { SdkReject } from './rejects.ts';
import { monotonicMs } from './sweep.ts';

/** Answers with a capability each time it is asked. */
export type CapabilityFunction = () => Capability | Promise<Capability>;

/**
 * The capability of one client: a fixed one, or the last answer of a function.
 * Whoever needs a newer one asks; at most one question is open at a time, and
 * everyone who asks meanwhile shares its answer.
 */
export class CapabilitySource {
  /** The newest one; undefined for a client without. */
  current: Uint8Array | undefined;
  /** Counts the capabilities, so that a request knows under which it was sent. */
  round = 0;
  /** When to ask for the next one, monotonic milliseconds; never before the first answer, nor for one without an end. */
  renewAt = Number.POSITIVE_INFINITY;
  /** Tenant of the first one, 32 hex digits. */
  tenant: string | undefined;

  readonly #ask: CapabilityFunction | undefined;
  /** The caller says the tenant, so that capabilities need not agree. */
  readonly #tenantIsGiven: boolean;
  #asking: Promise<void> | undefined;
  /** Questions in a row that brought nothing new. */
  #vain = 0;
  #failure: { readonly error: OapError; readonly untilMs: number } | undefined;

  /** @param cap a fixed capability that was read, the function to ask, or nothing */
  constructor(cap: Uint8Array | CapabilityFunction | undefined, tenantIsGiven: boolean) {
    this.#ask = typeof cap === 'function' ? cap : undefined;
    this.#tenantIsGiven = tenantIsGiven;
    this.current = typeof cap === 'function' ? undefined : cap;
    this.tenant = readCapabilityFacts(this.current).tenant;
  }

  /** Whether there is anybody to ask. */
  get renewable(): boolean {
    return this.#ask !== undefined;
  }

  /**
   * Asks for a capability; resolves when there is an answer, which may be the
   * same as before. After a failure the next question waits CAP_PAUSE_MS, and
   * who asks sooner gets the same error.
   *
   * @throws OapError cap_unavailable
   */
  renew(): Promise<void> {
    this.#asking ??= this.#question().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #question(): Promise<void> {
    const failure = this.#failure;
    if (failure !== undefined && monotonicMs() < failure.untilMs) throw failure.error;
    try {
      this.#accept(readCapability(await withinMs(CAP_ANSWER_MS, this.#ask), 'the answer of the function given as cap'));
      this.#failure = undefined;
    } catch (cause) {
      this.#vain++;
      const error = cause instanceof OapError ? cause : unavailable(cause instanceof Error ? cause.message : 'it failed', cause);
      const nowMs = monotonicMs();
      this.#failure = { error, untilMs: nowMs + CAP_PAUSE_MS };
      if (this.current !== undefined) this.renewAt = nowMs + this.#pauseMs();
      throw error;
    }
  }

  #accept(bytes: Uint8Array): void {
    const { tenant, expiresAtMs } = readCapabilityFacts(bytes);
    const { current } = this;
    if (current !== undefined && !this.#tenantIsGiven && tenant !== this.tenant) {
      throw unavailable('its answer is for another tenant than the one before: use a client for each tenant');
    }
    const isNew = current === undefined || Buffer.compare(current, bytes) !== 0;
    if (current === undefined) this.tenant = tenant;
    else if (isNew) this.round++;
    this.#vain = isNew ? 0 : this.#vain + 1;
    this.current = bytes;
    const leftMs = expiresAtMs === undefined ? Number.POSITIVE_INFINITY : expiresAtMs - Date.now();
    // In time, but not at once again where the function gives what is about to end.
    this.renewAt = monotonicMs() + Math.max(Math.floor(leftMs - Math.min(CAP_RENEW_LEAD_MS, leftMs / 3)), this.#pauseMs());
  }

  /** How long not to ask by ourselves: longer and longer while it is in vain. */
  #pauseMs(): number {
    return Math.min(CAP_PAUSE_MS * 2 ** this.#vain, CAP_PAUSE_MS_MAX);
  }
}

/** The error of a function that gave no capability. */
function unavailable(what: string, cause?: unknown): OapError {
  return new OapError(SdkReject.cap_unavailable, { message: `The function given as cap has no capability: ${what}.`, cause });
}

/** What a function answers, or an error when it takes too long; whoever waits for it holds the process. */
async function withinMs(ms: number, ask: CapabilityFunction | undefined): Promise<Capability | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(unavailable(`it did not answer within ${ms} ms`));
    }, ms);
    timer.unref();
  });
  try {
    return await Promise.race([ask?.(), late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Waits for the first answer, which says what tenant the client is of.
 *
 * @throws OapError cap_unavailable, or cancelled when `signal` is aborted
 */
export async function askFirst(source: CapabilitySource, signal: AbortSignal | undefined): Promise<void> {
  if (!source.renewable) return;
  const cancelled = (): OapError => new OapError(Reject.cancelled, { message: 'Connecting was given up.', cause: signal?.reason });
  if (signal?.aborted === true) throw cancelled();
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => {
      reject(cancelled());
    };
    signal?.addEventListener('abort', onAbort);
  });
  // Nothing else keeps the process alive before there is a connection.
  const held = setTimeout(() => undefined, CAP_ANSWER_MS);
  try {
    await Promise.race([source.renew(), aborted]);
  } finally {
    clearTimeout(held);
    if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
  }
}
