import { randomBytes } from 'node:crypto';

import { CapabilityError } from './capability-error.ts';
import { CLOCK_SKEW_MS, KEYS_MAX, RETIRED_KEYS_MAX, TIME_MS_MAX, TTL_MS_CEILING, TTL_MS_MAX_DEFAULT } from './limits.ts';
import { deriveKey, hmac } from './macaroon/chain.ts';

/** Life of a key (specs/capability-1.md §7): it is made, mints, is only believed, and is gone. */
export type KeyState = 'next' | 'active' | 'verify-only' | 'retired';

/** What may be told of a key. The secret is not in here, so nothing that prints a key can print it. */
export interface Key {
  /** 16 hex digits. */
  readonly kid: string;
  readonly state: KeyState;
  /** Unix times, milliseconds. */
  readonly createdAtMs: number;
  /** End of a key that mints no more: every token it may have minted has expired then. */
  readonly retireAtMs?: number;
  /** Longest life of a token under this key; fixed, so that what was minted cannot live longer later. */
  readonly ttlMaxMs: number;
}

/** A key with its root secret; absent when it is retired. For the file only. */
export interface KeyRecord {
  readonly key: Key;
  readonly secret: Buffer | undefined;
}

export const SECRET_BYTES = 32;

interface Material {
  readonly secret: Buffer;
  readonly derived: Buffer;
}

/** Secrets live beside the keys and not in them: neither inspection nor JSON gets here. */
const materials = new WeakMap<Key, Material>();

/** A keyring's keys with their secrets, to be written to its file; not part of the package's surface. */
export function recordsOf(keyring: Keyring): KeyRecord[] {
  return keyring.keys.map((key) => ({ key, secret: materials.get(key)?.secret }));
}

/** Options of a new key. */
export interface KeyOptions {
  readonly nowMs: number;
  /** Longest life of a token under it; TTL_MS_MAX_DEFAULT when absent. */
  readonly ttlMaxMs?: number;
}

/**
 * The keys of a node: one active, at most one next, others winding down. It never
 * changes; rotating and retiring give another keyring.
 */
export class Keyring {
  /** Next, active, verify-only, retired; the newest of each first. */
  readonly keys: readonly Key[];

  readonly #byKid: ReadonlyMap<string, Key>;

  /** Not for callers: use {@link Keyring.create} or read a file. Assumes that the records are consistent. */
  constructor(records: readonly KeyRecord[]) {
    const sorted = inOrder(records);
    for (const { key, secret } of sorted) {
      if (secret !== undefined) materials.set(key, { secret, derived: deriveKey(secret) });
    }
    this.keys = Object.freeze(sorted.map(({ key }) => key));
    this.#byKid = new Map(this.keys.map((key) => [key.kid, key]));
    Object.freeze(this);
  }

  /** A keyring with a new active key and a new next one. */
  static create(options: KeyOptions): Keyring {
    return new Keyring([newKey('active', options), newKey('next', options)]);
  }

  /** The key that mints. */
  get active(): Key {
    return this.keys.find(({ state }) => state === 'active') as Key;
  }

  /** The key of this id, whatever its state. */
  find(kid: string): Key | undefined {
    return this.#byKid.get(kid);
  }

  /** Whether tokens of this key are believed at a moment. */
  isUsable(key: Key, nowMs: number): boolean {
    return key.state !== 'retired' && nowMs < (key.retireAtMs ?? Infinity);
  }

  /** HMAC over an identifier under a key's derived secret: the root of a chain. `undefined` for a retired key. */
  signIdentifier(key: Key, identifier: Uint8Array): Buffer | undefined {
    const material = materials.get(key);
    return material === undefined ? undefined : hmac(material.derived, identifier);
  }

  /**
   * The next key becomes active, the active one verify-only until its last token
   * has expired, and there is a new next one. Keys whose end has come are retired.
   *
   * @throws CapabilityError list_full when KEYS_MAX keys would have a secret
   */
  rotate(options: KeyOptions): Keyring {
    const { nowMs } = options;
    const records = recordsOf(this.#expire(nowMs)).map((record) => {
      const { key, secret } = record;
      if (key.state === 'next') return { key: Object.freeze({ ...key, state: 'active' as const }), secret };
      if (key.state !== 'active') return record;
      // One skew for tokens minted by a fast clock, one for nodes with a slow one.
      const retireAtMs = nowMs + key.ttlMaxMs + 2 * CLOCK_SKEW_MS;
      return { key: Object.freeze({ ...key, state: 'verify-only' as const, retireAtMs }), secret };
    });
    if (!records.some(({ key }) => key.state === 'active')) records.push(newKey('active', options));
    records.push(newKey('next', options));
    if (records.filter(({ secret }) => secret !== undefined).length > KEYS_MAX) {
      throw new CapabilityError('list_full', `The keyring has ${KEYS_MAX} keys.`, 'Wait until verify-only keys have ended, or retire one by force.');
    }
    return new Keyring(records);
  }

  /**
   * Ends a key for good and forgets its secret. An active key cannot be retired:
   * rotate first.
   *
   * @param force also when tokens of the key may still be alive: they end at once
   * @throws CapabilityError key_unavailable
   */
  retire(kid: string, nowMs: number, force = false): Keyring {
    const key = this.find(kid);
    if (key === undefined || key.state === 'retired') {
      throw new CapabilityError('key_unavailable', `No key ${kid} is in use.`, 'List the keys and name one that is not retired.');
    }
    if (key.state === 'active') {
      throw new CapabilityError('key_unavailable', `Key ${kid} is active.`, 'Rotate first, then retire it.');
    }
    if (!force && key.state === 'verify-only' && this.isUsable(key, nowMs)) {
      const end = new Date(key.retireAtMs ?? nowMs).toISOString();
      throw new CapabilityError('key_unavailable', `Tokens of key ${kid} may be alive until ${end}.`, 'Wait until then, or force it to end them at once.');
    }
    return new Keyring(recordsOf(this).map((record) => (record.key === key ? retired(record.key) : record)));
  }

  /** This keyring with keys retired whose end has come. */
  #expire(nowMs: number): Keyring {
    return new Keyring(recordsOf(this).map((record) => (this.isUsable(record.key, nowMs) ? record : retired(record.key))));
  }
}

/** A key object with the terms checked. */
function newKey(state: KeyState, { nowMs, ttlMaxMs = TTL_MS_MAX_DEFAULT }: KeyOptions): KeyRecord {
  if (!Number.isSafeInteger(nowMs) || nowMs < 0 || nowMs > TIME_MS_MAX) throw new RangeError('nowMs is no time');
  if (!Number.isSafeInteger(ttlMaxMs) || ttlMaxMs < 1 || ttlMaxMs > TTL_MS_CEILING) {
    throw new CapabilityError('ttl_too_long', `A longest life of ${ttlMaxMs} ms is out of range.`, `Choose at least 1 ms and at most ${TTL_MS_CEILING} ms (31 days).`);
  }
  const key = Object.freeze({ kid: randomBytes(8).toString('hex'), state, createdAtMs: nowMs, ttlMaxMs });
  return { key, secret: randomBytes(SECRET_BYTES) };
}

function retired({ kid, createdAtMs, retireAtMs, ttlMaxMs }: Key): KeyRecord {
  const ended = { kid, state: 'retired' as const, createdAtMs, ttlMaxMs };
  return { key: Object.freeze(retireAtMs === undefined ? ended : { ...ended, retireAtMs }), secret: undefined };
}

const ORDER: readonly KeyState[] = ['next', 'active', 'verify-only', 'retired'];

/** Sorted by state, then newest first; the oldest retired keys beyond RETIRED_KEYS_MAX are forgotten. */
function inOrder(records: readonly KeyRecord[]): KeyRecord[] {
  const sorted = [...records].sort(
    (a, b) => ORDER.indexOf(a.key.state) - ORDER.indexOf(b.key.state) || b.key.createdAtMs - a.key.createdAtMs,
  );
  const live = sorted.filter(({ key }) => key.state !== 'retired').length;
  return sorted.slice(0, live + RETIRED_KEYS_MAX);
}
