import { denial } from './denial.ts';
import type { Denial, DenialReason } from './denial.ts';
import { Grant } from './grant.ts';
import { GrantCache } from './grant-cache.ts';
import type { Keyring } from './keyring.ts';
import { GRANTS_CACHED_BYTES_MAX, GRANTS_CACHED_MAX } from './limits.ts';
import type { RevocationList } from './revocations.ts';
import { openCapability, timeDenial } from './verify.ts';

const REVOKED = denial('cap_revoked', 'The capability was revoked.');

/** Bounds of the cache of a verifier. */
export interface VerifierOptions {
  /** Verified tokens kept; GRANTS_CACHED_MAX when absent. */
  readonly grantsCachedMax?: number;
  /** Their bytes in all; GRANTS_CACHED_BYTES_MAX when absent. */
  readonly grantsCachedBytesMax?: number;
}

/**
 * Verifies capabilities against keys and revocations that change, and remembers
 * by exact bytes what it verified. A change of either forgets everything.
 */
export class CapabilityVerifier {
  /** Tokens answered from memory and tokens whose chain was computed, since the start. */
  hits = 0;
  misses = 0;

  readonly #cache: GrantCache;
  #keyring: Keyring;
  #revocations: RevocationList;
  /** Grants given since the keys or revocations last changed: they need no second look. */
  #fresh = new WeakSet<Grant>();

  constructor(keyring: Keyring, revocations: RevocationList, options: VerifierOptions = {}) {
    this.#keyring = keyring;
    this.#revocations = revocations;
    this.#cache = new GrantCache(options.grantsCachedMax ?? GRANTS_CACHED_MAX, options.grantsCachedBytesMax ?? GRANTS_CACHED_BYTES_MAX);
  }

  get keyring(): Keyring {
    return this.#keyring;
  }

  get revocations(): RevocationList {
    return this.#revocations;
  }

  /** Verified tokens held at the moment. */
  get grantsCached(): number {
    return this.#cache.size;
  }

  setKeyring(keyring: Keyring): void {
    this.#keyring = keyring;
    this.#forget();
  }

  setRevocations(revocations: RevocationList): void {
    this.#revocations = revocations;
    this.#forget();
  }

  /**
   * What a capability grants, or why it is refused.
   *
   * @param bytes the capability as it was received; copied when it is kept
   * @param nowMs Unix time, milliseconds
   */
  verify(bytes: Uint8Array, nowMs: number): Grant | Denial {
    const known = this.#cache.get(bytes);
    if (known !== undefined) {
      this.hits += 1;
      return timeDenial(known, nowMs) ?? known;
    }
    this.misses += 1;
    const opened = openCapability(bytes, this.#keyring, nowMs);
    if (!(opened instanceof Grant)) return opened;
    const refused = timeDenial(opened, nowMs) ?? (this.#revocations.isRevoked(opened) ? REVOKED : undefined);
    if (refused !== undefined) return refused;
    this.#cache.set(bytes, opened);
    this.#fresh.add(opened);
    return opened;
  }

  /**
   * Whether a grant that was given earlier, such as that of an open stream, still
   * holds: `undefined`, or the reason why not.
   */
  recheck(grant: Grant, nowMs: number): DenialReason | undefined {
    const reason = grant.checkTime(nowMs);
    if (reason !== undefined || this.#fresh.has(grant)) return reason;
    const key = this.#keyring.find(grant.kid);
    if (key === undefined || !this.#keyring.isUsable(key, nowMs)) return 'cap_kid';
    if (this.#revocations.isRevoked(grant)) return 'cap_revoked';
    this.#fresh.add(grant);
    return undefined;
  }

  #forget(): void {
    this.#cache.clear();
    this.#fresh = new WeakSet();
  }
}
