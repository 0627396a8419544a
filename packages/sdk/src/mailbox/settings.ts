import { badField, readCount, readOptionalCount, readText } from '../fields.ts';
import type { Fields } from '../fields.ts';

/** How a topic treats its messages (specs/mailbox-1.md §4.2). */
export interface TopicSettings {
  /** Lease of a delivery that asks for none, 1 to 43,200,000 ms. */
  readonly visibilityMs: number;
  /** Deliveries before a message is a dead letter; 0: never. */
  readonly maxDeliveries: number;
  /** Topic that dead letters go to; null: none, and messages stay. */
  readonly dlq: string | null;
  /** How long a key is remembered, milliseconds; 0: not at all. */
  readonly dedupWindowMs: number;
  /** Longest TTL, milliseconds; 0: no bound. */
  readonly retentionMs: number;
  /** Messages the topic holds; 0: only the tenant's quota. */
  readonly quotaMessages: number;
  /** Their bytes; 0: only the tenant's quota. */
  readonly quotaBytes: number;
}

/** What later topics of a tenant begin with. */
export interface TopicDefaults extends Omit<TopicSettings, 'dlq'> {
  /** Whether a first send makes a topic; otherwise only `configure()` does. */
  readonly create: boolean;
}

/** What `stats()` tells of a topic (specs/mailbox-1.md §8.3). */
export interface TopicStats {
  readonly topic: string;
  /** Messages that may be delivered, the blocked ones included. */
  readonly ready: number;
  /** Those of them that wait for an earlier message of their group. */
  readonly blocked: number;
  readonly delayed: number;
  readonly leased: number;
  /** Bytes of all messages, 64 more for each. */
  readonly bytes: number;
  /** Totals since the topic was made. */
  readonly admitted: number;
  readonly acked: number;
  readonly deleted: number;
  readonly expired: number;
  readonly deadLettered: number;
  readonly redriven: number;
  readonly delivered: number;
  /** When the oldest message that can be delivered was sent, Unix milliseconds. */
  readonly oldestMs: number | undefined;
  readonly settings: TopicSettings;
}

/** Settings to change as they go over the wire; what is undefined stays. */
export function settingsRequest(settings: Partial<TopicSettings & TopicDefaults>): Fields {
  const { visibilityMs, maxDeliveries, dlq, dedupWindowMs, retentionMs, quotaMessages, quotaBytes, create } = settings;
  const request: Record<string, unknown> = {
    visibility_ms: visibilityMs,
    max_deliveries: maxDeliveries,
    dlq,
    dedup_window_ms: dedupWindowMs,
    retention_ms: retentionMs,
    quota_messages: quotaMessages,
    quota_bytes: quotaBytes,
    create,
  };
  return Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined));
}

/** @throws OapError bad_response */
export function readSettings(fields: Fields): TopicSettings {
  return { ...readCommon(fields), dlq: fields.dlq === null || fields.dlq === undefined ? null : readText(fields, 'dlq') };
}

/** @throws OapError bad_response */
export function readDefaults(fields: Fields): TopicDefaults {
  const { create } = fields;
  if (typeof create !== 'boolean') throw badField('create');
  return { ...readCommon(fields), create };
}

function readCommon(fields: Fields): Omit<TopicSettings, 'dlq'> {
  return {
    visibilityMs: readCount(fields, 'visibility_ms'),
    maxDeliveries: readCount(fields, 'max_deliveries'),
    dedupWindowMs: readCount(fields, 'dedup_window_ms'),
    retentionMs: readCount(fields, 'retention_ms'),
    quotaMessages: readCount(fields, 'quota_messages'),
    quotaBytes: readCount(fields, 'quota_bytes'),
  };
}

/** @throws OapError bad_response */
export function readStats(fields: Fields, settings: Fields): TopicStats {
  return {
    topic: readText(fields, 'topic'),
    ready: readCount(fields, 'ready'),
    blocked: readCount(fields, 'blocked'),
    delayed: readCount(fields, 'delayed'),
    leased: readCount(fields, 'leased'),
    bytes: readCount(fields, 'bytes'),
    admitted: readCount(fields, 'admitted'),
    acked: readCount(fields, 'acked'),
    deleted: readCount(fields, 'deleted'),
    expired: readCount(fields, 'expired'),
    deadLettered: readCount(fields, 'dead_lettered'),
    redriven: readCount(fields, 'redriven'),
    delivered: readCount(fields, 'delivered'),
    oldestMs: readOptionalCount(fields, 'oldest_ms'),
    settings: readSettings(settings),
  };
}
