import { ModelReceivers } from './receivers.ts';
import type { HandOut, ModelReceiver } from './receivers.ts';

/** The mailbox as plain maps: what specs/mailbox-1.md says, without a thought for speed. */

export type State = 'ready' | 'delayed' | 'leased';

export interface ModelMessage {
  readonly id: string;
  readonly body: string;
  readonly group: string | undefined;
  readonly priority: number;
  readonly key: string | undefined;
  expiresAtMs: number;
  notBeforeMs: number;
  state: State;
  /** Waits for an earlier one of its group. */
  blocked: boolean;
  dueMs: number;
  deliveries: number;
  doomed: boolean;
  /** The receipt that is good. */
  receipt: string | undefined;
  /** The subscription that has the lease. */
  holder: ModelReceiver | undefined;
  dead: { topic: string; reason: string; deliveries: number } | undefined;
}

export interface ModelTopic {
  readonly name: string;
  visibilityMs: number;
  maxDeliveries: number;
  dlq: string | null;
  dedupWindowMs: number;
  retentionMs: number;
  quotaMessages: number;
  readonly messages: Map<string, ModelMessage>;
  readonly keys: Map<string, { id: string; body: string; untilMs: number }>;
  readonly totals: Record<'admitted' | 'acked' | 'deleted' | 'expired' | 'dead_lettered' | 'redriven' | 'delivered', number>;
}

export interface SendFields {
  readonly body: string;
  readonly key?: string;
  readonly group?: string;
  readonly priority?: number;
  readonly delayMs?: number;
  readonly ttlMs?: number;
}

export class Model {
  nowMs: number;
  readonly topics = new Map<string, ModelTopic>();
  readonly receivers = new ModelReceivers();

  constructor(nowMs: number) {
    this.nowMs = nowMs;
  }

  topic(name: string, dead = false): ModelTopic {
    let topic = this.topics.get(name);
    if (topic === undefined) {
      topic = {
        name,
        visibilityMs: 30_000,
        maxDeliveries: dead ? 0 : 16,
        dlq: dead ? null : `${name}/dlq`,
        dedupWindowMs: 300_000,
        retentionMs: 0,
        quotaMessages: 0,
        messages: new Map(),
        keys: new Map(),
        totals: { admitted: 0, acked: 0, deleted: 0, expired: 0, dead_lettered: 0, redriven: 0, delivered: 0 },
      };
      this.topics.set(name, topic);
    }
    return topic;
  }

  /** What is due happens; a clock that goes back is not followed. */
  advanceTo(nowMs: number): void {
    this.nowMs = Math.max(this.nowMs, nowMs);
    for (const topic of [...this.topics.values()]) {
      const due = (state: State): ModelMessage[] =>
        [...topic.messages.values()].filter((m) => m.state === state && m.dueMs <= this.nowMs).sort(byTime);
      for (const message of due('leased')) this.endLease(topic, message, 'expired', 0);
      for (const message of due('delayed')) this.endDelay(topic, message);
      for (const message of [...topic.messages.values()].sort((a, b) => a.expiresAtMs - b.expiresAtMs || (a.id < b.id ? -1 : 1))) {
        if (message.state === 'ready' && this.isOver(message)) this.remove(topic, message, 'expired');
      }
      for (const [key, { untilMs }] of topic.keys) if (untilMs <= this.nowMs) topic.keys.delete(key);
    }
  }

  /** What a SEND is answered with; the caller adds the message under the id that the mailbox chose. */
  judgeSend(name: string, fields: SendFields): { duplicateOf: string } | 'conflict' | 'quota' | 'new' {
    const topic = this.topics.get(name);
    const known = fields.key === undefined ? undefined : topic?.keys.get(fields.key);
    if (known !== undefined) return known.body === fields.body ? { duplicateOf: known.id } : 'conflict';
    if (topic !== undefined && topic.quotaMessages > 0 && topic.messages.size >= topic.quotaMessages) return 'quota';
    return 'new';
  }

  send(name: string, id: string, fields: SendFields): void {
    const topic = this.topic(name);
    const { body, key, group, priority = 4, delayMs = 0, ttlMs } = fields;
    const lives = Math.min(ttlMs ?? Infinity, topic.retentionMs === 0 ? Infinity : topic.retentionMs);
    this.add(topic, {
      id, body, key, group, priority, state: 'ready', blocked: false, dueMs: 0, deliveries: 0, doomed: false, receipt: undefined, holder: undefined, dead: undefined,
      expiresAtMs: this.nowMs + lives,
      notBeforeMs: this.nowMs + delayMs,
    });
    if (key !== undefined && topic.dedupWindowMs > 0) topic.keys.set(key, { id, body, untilMs: this.nowMs + topic.dedupWindowMs });
  }

  /** What goes to receivers now, and the end of the wait of those whose time is over. */
  serve(): HandOut[] {
    return this.receivers.serve(this.nowMs, (receiver) => this.takeFor(receiver));
  }

  /** A receiver is gone, and its leases end. */
  cancel(receiver: ModelReceiver): void {
    const { held } = receiver;
    this.receivers.close(receiver);
    for (const message of [...held]) this.endLease(this.topic(receiver.topic), message, 'released', 0);
  }

  /** All receivers are gone, and the mailbox does not know: their leases last until their time. */
  crash(): void {
    for (const topic of this.topics.values()) for (const message of topic.messages.values()) message.holder = undefined;
    this.receivers.closeAll();
  }

  /** A delivery never left: it does not count, unless there was another one since. */
  takeBack(name: string, id: string, receipt: string): void {
    const message = this.find(name, id, receipt);
    if (typeof message === 'string') return;
    const topic = this.topic(name);
    message.deliveries--;
    topic.totals.delivered--;
    if (message.deliveries === 0) message.receipt = undefined;
    this.endLease(topic, message, 'released', 0);
  }

  /** Whether a receipt is good: the message it is for, or the outcome. */
  find(name: string, id: string, receipt: string): ModelMessage | 'stale' | 'gone' {
    const message = this.topics.get(name)?.messages.get(id);
    if (message === undefined) return 'gone';
    return message.receipt === receipt ? message : 'stale';
  }

  ack(name: string, message: ModelMessage): void {
    this.remove(this.topic(name), message, 'acked');
  }

  nack(name: string, message: ModelMessage, delayMs: number | undefined): 'ok' | 'dead' {
    message.receipt = undefined;
    return this.endLease(this.topic(name), message, 'nacked', delayMs ?? Math.min(1_000 * 2 ** (message.deliveries - 1), 300_000));
  }

  extend(message: ModelMessage, visibilityMs: number, receipt: string): void {
    message.state = 'leased';
    message.dueMs = this.nowMs + visibilityMs;
    message.receipt = receipt;
  }

  delete(name: string, id: string): string {
    const topic = this.topic(name);
    const message = topic.messages.get(id);
    if (message === undefined) return 'gone';
    if (message.state === 'ready') {
      this.remove(topic, message, 'deleted');
      return 'deleted';
    }
    message.doomed = true;
    return 'pending';
  }

  purge(name: string, state: State | 'all'): { purged: number; more: boolean } {
    const topic = this.topic(name);
    const isMeant = (message: ModelMessage): boolean => state === 'all' || message.state === state;
    // As they are now: those that wait go before one that would let them step forward. Of two leases, the one that ends first.
    const rank = (message: ModelMessage): number => (message.blocked ? -1 : message.state === 'leased' ? message.dueMs : 0);
    const meant = [...topic.messages.values()].filter(isMeant).sort((a, b) => rank(a) - rank(b) || (a.id < b.id ? -1 : 1));
    for (const message of meant) this.remove(topic, message, 'deleted');
    return { purged: meant.length, more: [...topic.messages.values()].some(isMeant) };
  }

  redrive(from: string, to: string, max: number): number {
    const source = this.topic(from);
    const target = this.topic(to);
    const ready = [...source.messages.values()]
      .filter((m) => m.state === 'ready' && !m.blocked)
      .sort((a, b) => b.priority - a.priority || (a.id < b.id ? -1 : 1));
    let moved = 0;
    for (const message of ready) {
      if (moved === max) break;
      if (target.quotaMessages > 0 && target.messages.size >= target.quotaMessages) break;
      this.remove(source, message, 'redriven');
      this.add(target, { ...message, state: 'ready', deliveries: 0, receipt: undefined, dead: undefined, expiresAtMs: Infinity, notBeforeMs: 0 });
      moved++;
    }
    return moved;
  }

  // The ways between states

  private takeFor(receiver: ModelReceiver): ModelMessage[] {
    const topic = this.topics.get(receiver.topic);
    const room = receiver.messagesMax - receiver.held.size;
    const taken: ModelMessage[] = [];
    while (topic !== undefined && taken.length < room) {
      const [next] = [...topic.messages.values()]
        .filter((m) => m.state === 'ready' && !m.blocked)
        .sort((a, b) => b.priority - a.priority || (a.id < b.id ? -1 : 1));
      if (next === undefined) break;
      next.deliveries++;
      topic.totals.delivered++;
      if (receiver.auto) {
        this.remove(topic, next, 'acked');
      } else {
        next.state = 'leased';
        next.dueMs = this.nowMs + (receiver.visibilityMs ?? topic.visibilityMs);
        if (receiver.subscription) next.holder = receiver;
      }
      taken.push(next);
    }
    return taken;
  }

  private add(topic: ModelTopic, message: ModelMessage): void {
    topic.messages.set(message.id, message);
    topic.totals.admitted++;
    const others = [...topic.messages.values()].some((m) => m !== message && m.group === message.group);
    message.blocked = message.group !== undefined && others;
    message.state = 'ready';
    if (!message.blocked) this.present(message);
  }

  private present(message: ModelMessage): void {
    message.blocked = false;
    if (message.notBeforeMs > this.nowMs) {
      message.state = 'delayed';
      message.dueMs = message.notBeforeMs;
    } else {
      message.state = 'ready';
    }
  }

  private endLease(topic: ModelTopic, message: ModelMessage, how: 'expired' | 'nacked' | 'released', delayMs: number): 'ok' | 'dead' {
    this.receivers.leaseOver(message);
    if (message.doomed) {
      this.remove(topic, message, 'deleted');
    } else if (this.isOver(message)) {
      this.remove(topic, message, 'expired');
    } else if (how !== 'released' && topic.dlq !== null && topic.maxDeliveries > 0 && message.deliveries >= topic.maxDeliveries) {
      this.remove(topic, message, 'dead_lettered');
      const dead = { topic: topic.name, reason: how, deliveries: message.deliveries };
      this.add(this.topic(topic.dlq, true), { ...message, deliveries: 0, receipt: undefined, dead, expiresAtMs: Infinity, notBeforeMs: 0 });
      return 'dead';
    } else {
      message.notBeforeMs = this.nowMs + delayMs;
      this.present(message);
    }
    return 'ok';
  }

  private endDelay(topic: ModelTopic, message: ModelMessage): void {
    if (message.doomed) this.remove(topic, message, 'deleted');
    else if (this.isOver(message)) this.remove(topic, message, 'expired');
    else this.present(message);
  }

  private remove(topic: ModelTopic, message: ModelMessage, total: keyof ModelTopic['totals']): void {
    this.receivers.leaseOver(message);
    topic.messages.delete(message.id);
    topic.totals[total]++;
    if (message.blocked || message.group === undefined) return;
    const [next] = [...topic.messages.values()].filter((m) => m.group === message.group).sort((a, b) => (a.id < b.id ? -1 : 1));
    if (next !== undefined) this.present(next);
  }

  private isOver(message: ModelMessage): boolean {
    return message.expiresAtMs <= this.nowMs;
  }
}

function byTime(a: ModelMessage, b: ModelMessage): number {
  return a.dueMs - b.dueMs || (a.id < b.id ? -1 : 1);
}
