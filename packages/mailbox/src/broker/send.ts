import { createHash } from 'node:crypto';
import { encodeError, OapError } from '@omnigate/kernel/wire';
import type { Fields } from '../codec/fields.ts';
import { advanceId, ID_BYTES } from '../codec/ids.ts';
import type { Entropy } from '../codec/ids.ts';
import { encodeExtras, extrasOf, NO_EXTRAS } from '../codec/message.ts';
import { asBuffer, SLOT_TTL } from '../codec/slot.ts';
import { DELAY_MS_MAX, MESSAGE_OVERHEAD_BYTES, PRIORITY_MAX, SEND_MESSAGES_MAX, TENANT_BYTES_MAX, TENANT_MESSAGES_MAX, TTL_MS_MAX } from '../limits.ts';
import { MailboxReject } from '../rejects.ts';
import type { Store } from '../store/store.ts';
import type { BrokerCall, Replies } from './call.ts';
import { groupHash } from './flow.ts';
import type { Flow } from './flow.ts';
import type { Topic } from './topic.ts';
import type { Topics } from './topics.ts';

/** Priority of a message that names none. */
export const PRIORITY_DEFAULT = 4;

/** Bytes of the hash of a key, and of a body. */
const HASH_BYTES = 16;
/** A record of a key: the id, the hash of the body, and when it is forgotten. */
const EXPIRY_AT = ID_BYTES + HASH_BYTES;

/** What sending needs of the broker. */
export interface SendContext {
  readonly store: Store;
  readonly topics: Topics;
  readonly flow: Flow;
  readonly replies: Replies;
  readonly entropy: Entropy;
  readonly bodyBytesMax: number;
}

/** What became of one message. */
interface Sent {
  /** Binary string. */
  readonly id: string;
  readonly duplicate: boolean;
}

/** SEND (specs/mailbox-1.md §5). */
export function send(context: SendContext, call: BrokerCall): void {
  const { fields } = call;
  const name = fields.topic('topic');
  const messages = fields.optionalMaps('messages', SEND_MESSAGES_MAX);
  if (messages !== undefined) {
    sendMany(context, call, name, messages);
    return;
  }
  const { id, duplicate } = sendOne(context, call, name, fields);
  const { store, replies } = context;
  const out = replies.begin(call.callId);
  out.map(3);
  out.name('id');
  out.id(id);
  out.name('duplicate');
  out.bool(duplicate);
  out.name('durability');
  out.name(store.durability);
  replies.end(false);
}

/** Many messages in one request (specs/mailbox-1.md §5.4): each is judged by itself. */
function sendMany(context: SendContext, call: BrokerCall, name: string, messages: readonly Fields[]): void {
  const { store, replies } = context;
  const duplicates: number[] = [];
  const errors: { readonly at: number; readonly error: OapError }[] = [];
  const out = replies.begin(call.callId);
  const mapAt = out.at;
  out.map(2);
  out.name('ids');
  out.array(messages.length);
  messages.forEach((fields, at) => {
    try {
      const { id, duplicate } = sendOne(context, call, name, fields);
      if (duplicate) duplicates.push(at);
      out.id(id);
    } catch (error) {
      if (!(error instanceof OapError)) throw error;
      errors.push({ at, error });
      out.nil();
    }
  });
  out.name('durability');
  out.name(store.durability);
  out.setU8(mapAt, 0x80 | (2 + Math.sign(duplicates.length) + Math.sign(errors.length)));
  if (duplicates.length > 0) {
    out.name('duplicates');
    out.array(duplicates.length);
    for (const at of duplicates) out.uint(at);
  }
  if (errors.length > 0) {
    out.name('errors');
    out.array(errors.length);
    for (const { at, error } of errors) {
      out.map(3);
      out.name('at');
      out.uint(at);
      out.name('status');
      out.uint(error.status);
      out.name('error');
      out.bin(encodeError(error));
    }
  }
  replies.end(false);
}

/** Sends one message. Everything is judged before anything is written. */
function sendOne(context: SendContext, call: BrokerCall, name: string, fields: Fields): Sent {
  const { store, topics, flow, bodyBytesMax } = context;
  const { tenant } = call;
  const body = fields.bin('body');
  const key = fields.optionalName('key');
  const group = fields.optionalName('group');
  const headers = fields.headers();
  const priority = fields.int('priority', 0, PRIORITY_MAX, PRIORITY_DEFAULT);
  const delayMs = fields.int('delay_ms', 0, DELAY_MS_MAX, 0);
  const ttlMs = fields.int('ttl_ms', 1, TTL_MS_MAX, Number.POSITIVE_INFINITY);
  if (body.length > bodyBytesMax) {
    const message = `The body has ${body.length} bytes, and ${bodyBytesMax} are allowed.`;
    throw new OapError(MailboxReject.body_too_large, { message, detail: { body_bytes_max: bodyBytesMax } });
  }
  const known = topics.find(tenant, name);
  const keyHash = key === undefined ? undefined : hashOf(key);
  const bodyHash = key === undefined ? undefined : hashOf(body);
  const earlier = known !== undefined && keyHash !== undefined ? store.get(known.dedupKey(keyHash)) : undefined;
  if (earlier !== undefined && !isForgotten(earlier, flow.nowMs)) {
    const record = asBuffer(earlier);
    if (record.toString('latin1', ID_BYTES, EXPIRY_AT) !== bodyHash) {
      throw new OapError(MailboxReject.idempotency_conflict, { message: 'Another body was sent under this key.', detail: { field: 'key' } });
    }
    return { id: record.toString('latin1', 0, ID_BYTES), duplicate: true };
  }
  if (!store.hasRoom) throw new OapError(MailboxReject.mailbox_full);
  const isPlain = key === undefined && group === undefined && headers === undefined;
  const { extras, extrasCount } = isPlain ? NO_EXTRAS : encodeExtras(extrasOf({ key, group, headers }));
  const sizeBytes = body.length + extras.length + MESSAGE_OVERHEAD_BYTES;
  if (known !== undefined) checkQuota(known, 1, sizeBytes);
  const topic = topics.forSend(tenant, name);
  if (known === undefined) checkQuota(topic, 1, sizeBytes);

  advanceId(topic.lastId, flow.nowMs, context.entropy);
  const id = topic.lastId.toString('latin1');
  const { retention_ms: retentionMs, dedup_window_ms: windowMs } = topic.settings;
  const livesMs = Math.min(ttlMs, retentionMs === 0 ? Number.POSITIVE_INFINITY : retentionMs);
  const expiresAtMs = Number.isFinite(livesMs) ? flow.nowMs + livesMs : 0;
  flow.admit(
    topic,
    id,
    { priority, endToEnd: call.endToEnd, sentAtMs: flow.nowMs, expiresAtMs, extras, extrasCount, body },
    {
      priority,
      flags: expiresAtMs > 0 ? SLOT_TTL : 0,
      sizeBytes,
      group: group === undefined ? '' : groupHash(group),
      deliveries: 0,
      generation: 0,
      holder: 0,
      notBeforeMs: delayMs === 0 ? 0 : flow.nowMs + delayMs,
    },
  );
  if (keyHash !== undefined && bodyHash !== undefined && windowMs > 0) {
    const record = Buffer.allocUnsafe(EXPIRY_AT + 6);
    record.write(id, 0, 'latin1');
    record.write(bodyHash, ID_BYTES, 'latin1');
    record.writeUIntBE(flow.nowMs + windowMs, EXPIRY_AT, 6);
    store.put(topic.dedupKey(keyHash), record);
    flow.forgetKeyAt(topic, flow.nowMs + windowMs, keyHash);
  }
  return { id, duplicate: false };
}

/** Whether the record of a key is of no use any more. */
export function isForgotten(record: Uint8Array, nowMs: number): boolean {
  return asBuffer(record).readUIntBE(EXPIRY_AT, 6) <= nowMs;
}

/** @throws OapError mailbox_quota when a topic or its tenant would hold too much */
export function checkQuota(topic: Topic, messages: number, bytes: number): void {
  const { use, counters, settings } = topic;
  const within =
    use.messages + messages <= TENANT_MESSAGES_MAX &&
    use.bytes + bytes <= TENANT_BYTES_MAX &&
    (settings.quota_messages === 0 || topic.messages + messages <= settings.quota_messages) &&
    (settings.quota_bytes === 0 || counters.bytes + bytes <= settings.quota_bytes);
  if (within) return;
  const message = `The topic holds ${topic.messages} messages of ${counters.bytes} bytes, the tenant ${use.messages} of ${use.bytes}.`;
  throw new OapError(MailboxReject.mailbox_quota, { message, retryAfterMs: 1_000 });
}

function hashOf(value: string | Uint8Array): string {
  return createHash('sha256').update(value).digest().toString('latin1', 0, HASH_BYTES);
}
