import { FULL_AT_MS } from './gcra.ts';
import type { Pace } from './gcra.ts';

/** What an account is measured by; shared by all accounts it holds for. */
export interface Policy {
  /** Cost units, see `costOf`. */
  readonly units: Pace;
  /** Wire bytes. */
  readonly bytes: Pace;
}

/** 160 bits that name an account: a tenant_id or an address, and what of it is counted. */
export interface AccountKey {
  readonly key0: number;
  readonly key1: number;
  readonly key2: number;
  readonly key3: number;
  readonly key4: number;
}

/** What one tenant or address used up lately, in all or in one application or rate class. */
export class Account implements AccountKey {
  readonly key0: number;
  readonly key1: number;
  readonly key2: number;
  readonly key3: number;
  readonly key4: number;
  /** The rest of the object changes with use; this with the settings. */
  policy: Policy;
  /** When the buckets will be full again, monotonic milliseconds. */
  unitsFullAtMs = FULL_AT_MS;
  bytesFullAtMs = FULL_AT_MS;
  /** Requests in flight. */
  inflight = 0;
  /** Messages admitted in the interval of the load monitor that `interval` names. */
  admitted = 0;
  interval = 0;

  /** False once the table dropped the account: look it up again. */
  listed = true;
  /** Next account with the same hash. */
  chained: Account | undefined = undefined;
  /** Neighbours in the order of use. */
  fresher: Account | undefined = undefined;
  staler: Account | undefined = undefined;

  constructor(key: AccountKey, policy: Policy) {
    this.key0 = key.key0;
    this.key1 = key.key1;
    this.key2 = key.key2;
    this.key3 = key.key3;
    this.key4 = key.key4;
    this.policy = policy;
  }
}
