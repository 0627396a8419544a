import { OapError, Reject } from '@omnigate/kernel/wire';
import { readU48Key, u48Key } from '../codec/binary.ts';
import { Fields } from '../codec/fields.ts';
import { systemEntropy } from '../codec/ids.ts';
import type { Entropy } from '../codec/ids.ts';
import { decodeSlot } from '../codec/slot.ts';
import { BODY_BYTES_MAX, DUE_MESSAGES_PER_TURN, DUE_TOPICS_PER_TURN, STEP_BYTES_MAX } from '../limits.ts';
import type { Entry, Store } from '../store/store.ts';
import { MailboxOp } from './call.ts';
import type { BrokerCall, RawCall, Replies } from './call.ts';
import { configure } from './configure.ts';
import { Flow } from './flow.ts';
import { peek, stats } from './look.ts';
import { receive, subscribe, takeBack } from './receive.ts';
import { Receivers } from './receivers.ts';
import { isForgotten, send } from './send.ts';
import type { SendContext } from './send.ts';
import { settle } from './settle.ts';
import { deleteOne, purge, redrive } from './tend.ts';
import { TimerKind } from './topic.ts';
import type { Counters, Topic } from './topic.ts';
import { Topics } from './topics.ts';

/** What a broker may be told; all of it may be left out. */
export interface BrokerOptions {
  /** Largest body, at most BODY_BYTES_MAX. */
  readonly bodyBytesMax?: number;
  readonly entropy?: Entropy;
  /** Told of a message that is not delivered because its bytes are not those that were sent. */
  readonly onCorrupt?: (topic: string, id: string) => void;
}

/** What a broker counts, as plain data. */
export interface BrokerFigures {
  /** Those of all topics together. */
  readonly counters: Counters;
  readonly topics: number;
  readonly receivers: number;
  /** Deliveries of messages that had been delivered before, since the broker began. */
  readonly redelivered: number;
}

/** Key under which the time of the last step stands. */
const TIME_KEY = 'm';
/** From the table and the number of a topic to the name behind time and kind. */
const ID_AT = 11;
const TIMER_KIND_AT = 11;
const TIMER_NAME_AT = 12;

/**
 * The mailbox without its surroundings: what it does depends on its store, the
 * calls, and the times it is told. A step begins, handles calls, and is
 * finished; then the store is committed, and only then may the replies leave.
 */
export class Broker {
  readonly #context: SendContext & { readonly receivers: Receivers };
  readonly #topics: Topics;
  readonly #flow: Flow;
  readonly #receivers: Receivers;
  readonly #replies: Replies;
  readonly #store: Store;

  constructor(store: Store, replies: Replies, options: BrokerOptions = {}) {
    this.#store = store;
    this.#replies = replies;
    this.#topics = new Topics(store);
    this.#flow = new Flow(store, this.#topics, {
      ready: (topic) => {
        this.#receivers.stir(topic);
      },
      leaseOver: (holder, id) => {
        this.#receivers.leaseOver(holder, id);
      },
      corrupt: (topic, id) => {
        options.onCorrupt?.(topic.name, id);
      },
    });
    this.#receivers = new Receivers(store, this.#topics, this.#flow, replies);
    this.#flow.nowMs = readTime(store.get(TIME_KEY));
    this.#context = {
      store,
      topics: this.#topics,
      flow: this.#flow,
      receivers: this.#receivers,
      replies,
      entropy: options.entropy ?? systemEntropy,
      bodyBytesMax: options.bodyBytesMax ?? BODY_BYTES_MAX,
    };
  }

  /** Time of the last step, milliseconds. It never goes back. */
  get nowMs(): number {
    return this.#flow.nowMs;
  }

  /** Whether the step has so much to write and to answer that it should be finished and another one begun. */
  get isFull(): boolean {
    return this.#store.writtenBytes + this.#replies.bytes > STEP_BYTES_MAX;
  }

  /** Begins a step: what is due by then happens first. A time before the last step is taken for that. */
  begin(nowMs: number): void {
    this.#flow.nowMs = Math.max(this.#flow.nowMs, Math.floor(nowMs));
    for (let turns = 0; turns < DUE_TOPICS_PER_TURN && !this.isFull; turns++) {
      const topic = this.#topics.nextDue(this.#flow.nowMs);
      if (topic === undefined) return;
      this.#attend(topic);
    }
  }

  /** Handles one call. What is wrong with it is its answer; whatever else is thrown is a defect, and the step must not be committed. */
  handle(raw: RawCall): void {
    const { callId, op, tenant, endToEnd, payload } = raw;
    try {
      this.#dispatch({ callId, op, tenant, endToEnd, fields: Fields.of(payload) });
    } catch (thrown) {
      if (!(thrown instanceof OapError)) throw thrown;
      this.#replies.fail(raw.callId, thrown);
    }
  }

  /** A receiver is gone. */
  cancel(callId: number): void {
    this.#receivers.remove(callId);
  }

  /** What a subscription was given has left. */
  drained(callId: number): void {
    this.#receivers.drained(callId);
  }

  /** What a receiver was given never left. */
  undelivered(tenant: string, topic: string, payload: Uint8Array): void {
    takeBack(this.#context, tenant, topic, payload);
  }

  /** Ends a step: receivers are served, and what changed is ready to be committed. */
  finish(): void {
    this.#receivers.serve();
    this.#topics.flush();
    if (this.#store.writtenBytes > 0) this.#store.put(TIME_KEY, encodeTime(this.#flow.nowMs));
  }

  /** When the next step is due although nobody asks for anything; infinite when never. */
  get nextDueMs(): number {
    return this.#receivers.unserved ? this.nowMs : Math.min(this.#topics.nextAlarmMs, this.#receivers.nextDeadlineMs);
  }

  /** What was counted until now. */
  get figures(): BrokerFigures {
    return { counters: this.#topics.sum(), topics: this.#topics.size, receivers: this.#receivers.size, redelivered: this.#flow.redelivered };
  }

  #dispatch(call: BrokerCall): void {
    switch (call.op) {
      case MailboxOp.SEND:
        send(this.#context, call);
        return;
      case MailboxOp.RECV:
        receive(this.#context, call);
        return;
      case MailboxOp.ACK:
      case MailboxOp.NACK:
      case MailboxOp.EXTEND:
        settle(this.#context, call);
        return;
      case MailboxOp.SUBSCRIBE:
        subscribe(this.#context, call);
        return;
      case MailboxOp.DELETE:
        deleteOne(this.#context, call);
        return;
      case MailboxOp.PEEK:
        peek(this.#context, call);
        return;
      case MailboxOp.STATS:
        stats(this.#context, call);
        return;
      case MailboxOp.REDRIVE:
        redrive(this.#context, call);
        return;
      case MailboxOp.PURGE:
        purge(this.#context, call);
        return;
      case MailboxOp.CONFIGURE:
        configure(this.#context, call);
        return;
      default:
        throw new OapError(Reject.op_unknown);
    }
  }

  /** Does what is due in a topic, or as much of it as others can wait for. */
  #attend(topic: Topic): void {
    const flow = this.#flow;
    const leases = this.#due(topic, topic.leasedPrefix);
    let ended = 0;
    for (const { key, value } of leases) {
      flow.endLease(topic, key.slice(ID_AT), decodeSlot(value), key, 'expired');
      ended++;
      if (this.isFull) break;
    }
    const delays = this.#due(topic, topic.delayedPrefix);
    for (const { key, value } of delays) flow.endDelay(topic, key.slice(ID_AT), decodeSlot(value), key);
    const timers = this.#due(topic, topic.timerPrefix);
    for (const { key } of timers) {
      const name = key.slice(TIMER_NAME_AT);
      if (key.charCodeAt(TIMER_KIND_AT) === TimerKind.TTL) flow.endTtl(topic, name, key);
      else flow.forgetKey(topic, name, key, (record) => isForgotten(record, flow.nowMs));
    }
    // What becomes due is due later than the step in which it does.
    const isDone = ended === leases.length && [leases, delays, timers].every((due) => due.length < DUE_MESSAGES_PER_TURN);
    if (isDone) topic.doneUntilMs = flow.nowMs;
    // What is left comes with the next step, so that topics with much to do do not hold up the others.
    this.#topics.resetAlarm(topic, flow.nowMs + 1);
  }

  #due({ doneUntilMs }: Topic, prefix: string): Entry[] {
    return this.#store.range(prefix + u48Key(doneUntilMs + 1), prefix + u48Key(this.#flow.nowMs + 1), DUE_MESSAGES_PER_TURN);
  }
}

function encodeTime(nowMs: number): Uint8Array {
  return Buffer.from(u48Key(nowMs), 'latin1');
}

function readTime(value: Uint8Array | undefined): number {
  return value === undefined ? 0 : readU48Key(Buffer.from(value).toString('latin1'), 0);
}
