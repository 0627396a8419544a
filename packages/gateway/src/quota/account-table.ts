import { QUOTA_EVICTION_TRIES } from '../limits.ts';
import { Account } from './account.ts';
import type { AccountKey, Policy } from './account.ts';

/**
 * Accounts by key, least recently used out first. Keyed by one word that mixes
 * all five, so that a look-up makes neither a BigInt nor a string; accounts
 * whose word is the same are chained. What is dropped starts with full buckets
 * when it comes back, so the bound has to be above the parties of one burst.
 */
export class AccountTable {
  readonly #accountsMax: number;
  readonly #heads = new Map<number, Account>();
  /** Different in each process, so that nobody can aim at one chain. */
  readonly #seed = Math.floor(Math.random() * 0x1_0000_0000) | 0;
  #freshest: Account | undefined;
  #stalest: Account | undefined;
  #size = 0;

  constructor(accountsMax: number) {
    this.#accountsMax = accountsMax;
  }

  get size(): number {
    return this.#size;
  }

  find(key: AccountKey): Account | undefined {
    let account = this.#heads.get(this.#hash(key));
    while (account !== undefined && !isSame(account, key)) account = account.chained;
    return account;
  }

  /** Adds an account whose key is not in the table; the stalest one may go for it. */
  add(key: AccountKey, policy: Policy): Account {
    this.#makeRoom();
    const account = new Account(key, policy);
    const hash = this.#hash(key);
    account.chained = this.#heads.get(hash);
    this.#heads.set(hash, account);
    this.#size++;
    this.#putFirst(account);
    return account;
  }

  /** Notes that an account of this table was used. */
  touch(account: Account): void {
    if (account === this.#freshest) return;
    this.#unlink(account);
    this.#putFirst(account);
  }

  /**
   * Drops what is stale. Requests in flight are counted in their account, which
   * therefore stays: so there can be as many accounts too many as requests in flight.
   */
  #makeRoom(): void {
    for (let tries = 0; this.#size >= this.#accountsMax && tries < QUOTA_EVICTION_TRIES && this.#stalest !== undefined; tries++) {
      if (this.#stalest.inflight === 0) this.#drop(this.#stalest);
      else this.touch(this.#stalest);
    }
  }

  #drop(account: Account): void {
    this.#unlink(account);
    const hash = this.#hash(account);
    let before = this.#heads.get(hash);
    if (before !== account) {
      while (before !== undefined && before.chained !== account) before = before.chained;
      if (before !== undefined) before.chained = account.chained;
    } else if (account.chained === undefined) {
      this.#heads.delete(hash);
    } else {
      this.#heads.set(hash, account.chained);
    }
    this.#size--;
    // Whoever still holds it must not hold its neighbours too.
    account.listed = false;
    account.chained = undefined;
    account.fresher = undefined;
    account.staler = undefined;
  }

  #putFirst(account: Account): void {
    account.staler = this.#freshest;
    account.fresher = undefined;
    if (this.#freshest === undefined) this.#stalest = account;
    else this.#freshest.fresher = account;
    this.#freshest = account;
  }

  #unlink(account: Account): void {
    const { fresher, staler } = account;
    if (fresher === undefined) this.#freshest = staler;
    else fresher.staler = staler;
    if (staler === undefined) this.#stalest = fresher;
    else staler.fresher = fresher;
  }

  /** The mixing steps of MurmurHash3 over five words. */
  #hash(key: AccountKey): number {
    let hash = mix(this.#seed, key.key0);
    hash = mix(hash, key.key1);
    hash = mix(hash, key.key2);
    hash = mix(hash, key.key3);
    hash = mix(hash, key.key4);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
    return hash ^ (hash >>> 13);
  }
}

function mix(hash: number, word: number): number {
  const turned = Math.imul(word, 0xcc9e_2d51);
  const mixed = hash ^ Math.imul((turned << 15) | (turned >>> 17), 0x1b87_3593);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe654_6b64) | 0;
}

function isSame(account: Account, key: AccountKey): boolean {
  return (
    account.key0 === key.key0 &&
    account.key1 === key.key1 &&
    account.key2 === key.key2 &&
    account.key3 === key.key3 &&
    account.key4 === key.key4
  );
}
