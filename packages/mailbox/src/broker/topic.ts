import { byteKey, u32Key, u48Key } from '../codec/binary.ts';
import { ID_BYTES } from '../codec/ids.ts';
import { asBuffer } from '../codec/slot.ts';
import { DEDUP_WINDOW_MS_DEFAULT, DELIVERIES_DEFAULT, PRIORITY_MAX, TOPIC_BYTES_MAX, VISIBILITY_MS_DEFAULT } from '../limits.ts';
import type { ReadyWindow } from './ready-window.ts';

/** What CONFIGURE sets, by its names on the wire (specs/mailbox-1.md §4.2). */
export interface TopicSettings {
  readonly visibility_ms: number;
  readonly max_deliveries: number;
  readonly dlq: string | null;
  readonly dedup_window_ms: number;
  readonly retention_ms: number;
  readonly quota_messages: number;
  readonly quota_bytes: number;
}

/** What topics of a tenant begin with. */
export interface TopicDefaults extends Omit<TopicSettings, 'dlq'> {
  /** Whether SEND makes topics. */
  readonly create: boolean;
}

export const TOPIC_DEFAULTS: TopicDefaults = {
  visibility_ms: VISIBILITY_MS_DEFAULT,
  max_deliveries: DELIVERIES_DEFAULT,
  dedup_window_ms: DEDUP_WINDOW_MS_DEFAULT,
  retention_ms: 0,
  quota_messages: 0,
  quota_bytes: 0,
  create: true,
};

/** The settings of a topic that nobody configured. */
export function settingsFrom(defaults: TopicDefaults, name: string): TopicSettings {
  const dlq = `${name}/dlq`;
  return {
    visibility_ms: defaults.visibility_ms,
    max_deliveries: defaults.max_deliveries,
    dlq: Buffer.byteLength(dlq) <= TOPIC_BYTES_MAX ? dlq : null,
    dedup_window_ms: defaults.dedup_window_ms,
    retention_ms: defaults.retention_ms,
    quota_messages: defaults.quota_messages,
    quota_bytes: defaults.quota_bytes,
  };
}

/** The counts of a topic; the order is that of its record. */
export const COUNTER_NAMES = [
  'ready', 'blocked', 'delayed', 'leased', 'bytes', 'admitted', 'acked', 'deleted', 'expired', 'dead_lettered', 'redriven', 'delivered', 'doomed',
] as const;

export type Counters = Record<(typeof COUNTER_NAMES)[number], number>;

/** What of a tenant counts for its quota. */
export interface TenantUse {
  topics: number;
  messages: number;
  bytes: number;
}

/** Kinds of what a topic has to do at a time. */
export const TimerKind = {
  /** The TTL of a message is over. */
  TTL: 0,
  /** A key is forgotten. */
  DEDUP: 1,
} as const;

/** The first characters of the keys of each table. */
export const Table = {
  NAMES: 'n',
  DEFAULTS: 'o',
  STATE: 's',
  BODY: 'b',
  READY: 'r',
  /** Messages of a group that wait for an earlier one. */
  BLOCKED: 'k',
  LEASED: 'l',
  DELAYED: 'e',
  TIMER: 't',
  DEDUP: 'd',
  GROUP: 'g',
  DOOMED: 'x',
} as const;

/** One topic, as far as it is in memory: counts and settings, no messages but those at hand. */
export class Topic {
  readonly number: number;
  /** Binary string of 16 bytes. */
  readonly tenant: string;
  readonly name: string;
  /** Names it among all topics. */
  readonly path: string;
  readonly use: TenantUse;
  readonly lastId: Buffer;
  readonly counters: Counters;
  /** What of them is in the sum of all topics. */
  summed: Counters | undefined;
  settings: TopicSettings;
  /** The ready messages at hand. */
  window: ReadyWindow | undefined;
  /** When it has to be looked at next; infinite when never. */
  alarmMs = Number.POSITIVE_INFINITY;
  /** All that was due until then is done, so that nothing due is to be looked for before. The store keeps marks of what was, and passing over them takes time. */
  doneUntilMs = -1;
  /** Its record has to be written with the next commit. */
  touched = false;

  readonly #body: string;
  readonly #ready: readonly string[];
  readonly #leased: string;
  readonly #delayed: string;
  readonly #blocked: string;
  readonly #timer: string;
  readonly #dedup: string;
  readonly #group: string;
  readonly #doomed: string;

  constructor(number: number, tenant: string, name: string, use: TenantUse, settings: TopicSettings, state?: Uint8Array) {
    this.number = number;
    this.tenant = tenant;
    this.name = name;
    this.path = topicPath(tenant, name);
    this.use = use;
    this.settings = settings;
    this.lastId = Buffer.alloc(ID_BYTES);
    this.counters = Object.fromEntries(COUNTER_NAMES.map((counter) => [counter, 0])) as Counters;
    if (state !== undefined) this.#decodeState(asBuffer(state));
    const queue = u32Key(number);
    this.#body = Table.BODY + queue;
    this.#ready = Array.from({ length: PRIORITY_MAX + 1 }, (_, priority) => Table.READY + queue + byteKey(PRIORITY_MAX - priority));
    this.#leased = Table.LEASED + queue;
    this.#delayed = Table.DELAYED + queue;
    this.#blocked = Table.BLOCKED + queue;
    this.#timer = Table.TIMER + queue;
    this.#dedup = Table.DEDUP + queue;
    this.#group = Table.GROUP + queue;
    this.#doomed = Table.DOOMED + queue;
  }

  /** Messages it holds. */
  get messages(): number {
    const { ready, delayed, leased } = this.counters;
    return ready + delayed + leased;
  }

  get stateKey(): string {
    return Table.STATE + u32Key(this.number);
  }

  bodyKey(id: string): string {
    return this.#body + id;
  }

  readyKey(priority: number, id: string): string {
    return (this.#ready[priority] as string) + id;
  }

  /** Below everything ready, in the order of delivery. */
  get readyPrefix(): string {
    return Table.READY + u32Key(this.number);
  }

  leasedKey(dueMs: number, id: string): string {
    return this.#leased + u48Key(dueMs) + id;
  }

  get leasedPrefix(): string {
    return this.#leased;
  }

  delayedKey(dueMs: number, id: string): string {
    return this.#delayed + u48Key(dueMs) + id;
  }

  get delayedPrefix(): string {
    return this.#delayed;
  }

  timerKey(dueMs: number, kind: number, name: string): string {
    return this.#timer + u48Key(dueMs) + byteKey(kind) + name;
  }

  get timerPrefix(): string {
    return this.#timer;
  }

  dedupKey(keyHash: string): string {
    return this.#dedup + keyHash;
  }

  /** The one of a group that may be delivered. */
  groupKey(group: string): string {
    return this.#group + group;
  }

  blockedKey(group: string, id: string): string {
    return this.#blocked + group + id;
  }

  get blockedPrefix(): string {
    return this.#blocked;
  }

  doomedKey(id: string): string {
    return this.#doomed + id;
  }

  encodeState(): Buffer {
    const bytes = Buffer.allocUnsafe(ID_BYTES + COUNTER_NAMES.length * 8);
    bytes.set(this.lastId);
    COUNTER_NAMES.forEach((name, index) => bytes.writeDoubleBE(this.counters[name], ID_BYTES + index * 8));
    return bytes;
  }

  #decodeState(bytes: Buffer): void {
    bytes.copy(this.lastId, 0, 0, ID_BYTES);
    COUNTER_NAMES.forEach((name, index) => {
      this.counters[name] = bytes.readDoubleBE(ID_BYTES + index * 8);
    });
  }
}

/** What names a topic among all of all tenants: the binary string of the tenant, and the name as bytes. */
export function topicPath(tenant: string, name: string): string {
  return tenant + Buffer.from(name).toString('latin1');
}

/** The first key behind all that begin with `prefix`. */
export function behind(prefix: string): string {
  const last = prefix.charCodeAt(prefix.length - 1);
  return last === 0xff ? behind(prefix.slice(0, -1)) : prefix.slice(0, -1) + String.fromCharCode(last + 1);
}
