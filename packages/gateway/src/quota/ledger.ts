import type { Account, AccountKey } from './account.ts';

/** Whoever is measured: a tenant that a capability speaks for, or an address. */
export interface Party extends AccountKey {
  /** True for the address of a peer, whose tenant_id says nothing. */
  readonly address: boolean;
  /** The tenant as 32 lower-case hex digits; of an address, its text. */
  readonly name: string;
}

/** The books of one party in one application: its accounts, found once and used for many messages. */
export interface Ledger {
  readonly party: Party;
  readonly app: number;
  readonly rateClass: string;
  /** The party in all applications. */
  all: Account;
  /** The party in this application. */
  part: Account;
  /** The party in the rate class of its capability. */
  rated: Account | undefined;
  /** Cost units that each message to this application costs in addition. */
  weight: number;
  /** Whether the rate class is refused before others under overload. */
  batch: boolean;
  /** Of the settings that all this was found with. */
  generation: number;
}
