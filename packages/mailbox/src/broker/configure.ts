import { badField } from '../codec/fields.ts';
import type { Fields } from '../codec/fields.ts';
import type { Writer } from '../codec/writer.ts';
import { DEDUP_WINDOW_MS_MAX, DELIVERIES_MAX, TTL_MS_MAX, VISIBILITY_MS_MAX } from '../limits.ts';
import type { BrokerCall, Replies } from './call.ts';
import type { TopicDefaults, TopicSettings } from './topic.ts';
import type { Topics } from './topics.ts';

/** What configuring needs of the broker. */
export interface ConfigureContext {
  readonly topics: Topics;
  readonly replies: Replies;
}

/** CONFIGURE (specs/mailbox-1.md §8.6). */
export function configure({ topics, replies }: ConfigureContext, call: BrokerCall): void {
  const { fields, tenant, callId } = call;
  const name = fields.optionalTopic('topic');
  if (name === undefined) {
    const before = topics.defaults(tenant);
    const defaults = { ...readNumbers(fields, before), create: fields.bool('create', before.create) };
    topics.setDefaults(tenant, defaults);
    writeSettings(replies.begin(callId), defaults);
  } else {
    const dlq = fields.optionalTopic('dlq');
    if (dlq === name) throw badField('dlq', 'another topic');
    const known = topics.find(tenant, name);
    const before = known?.settings;
    // Judged by the values before anything is made.
    const numbers = readNumbers(fields, before ?? topics.defaults(tenant));
    const topic = known ?? topics.create(tenant, name);
    topics.configure(topic, { ...numbers, dlq: fields.isNil('dlq') ? null : (dlq ?? topic.settings.dlq) });
    writeSettings(replies.begin(callId), topic.settings);
  }
  replies.end(false);
}

/** A map of settings (specs/mailbox-1.md §4.2). */
export function writeSettings(out: Writer, settings: TopicSettings | TopicDefaults): void {
  const entries = Object.entries(settings) as [string, number | string | boolean | null][];
  out.map(entries.length);
  for (const [name, value] of entries) {
    out.name(name);
    if (value === null) out.nil();
    else if (typeof value === 'boolean') out.bool(value);
    else if (typeof value === 'string') out.text(value);
    else out.uint(value);
  }
}

function readNumbers(fields: Fields, before: Omit<TopicSettings, 'dlq'>): Omit<TopicSettings, 'dlq'> {
  return {
    visibility_ms: fields.int('visibility_ms', 1, VISIBILITY_MS_MAX, before.visibility_ms),
    max_deliveries: fields.int('max_deliveries', 0, DELIVERIES_MAX, before.max_deliveries),
    dedup_window_ms: fields.int('dedup_window_ms', 0, DEDUP_WINDOW_MS_MAX, before.dedup_window_ms),
    retention_ms: fields.int('retention_ms', 0, TTL_MS_MAX, before.retention_ms),
    quota_messages: fields.int('quota_messages', 0, Number.MAX_SAFE_INTEGER, before.quota_messages),
    quota_bytes: fields.int('quota_bytes', 0, Number.MAX_SAFE_INTEGER, before.quota_bytes),
  };
}
