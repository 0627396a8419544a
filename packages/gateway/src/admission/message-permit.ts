import type { DenialReason, Grant } from '@omnigate/capability';
import type { MessageFacts, Permit, Refusal } from '@omnigate/kernel';
import { Urgency } from '../overload/fair-share.ts';
import type { Ledger, Party } from '../quota/ledger.ts';
import type { App } from './app.ts';
import type { AdmissionContext } from './admission-context.ts';

/** For whom permits are: whoever speaks on a connection. */
export interface PermitHolder {
  /** What its capability grants; `undefined` for an address. */
  readonly grant: Grant | undefined;
  readonly party: Party;
  /** Address of the peer, for the audit log. */
  readonly peer: string;
  /** Why the grant holds no longer; `undefined` while it does, and for whoever has none. */
  lapsed(unixMs: number): DenialReason | undefined;
}

/** The yes to messages of one caller to one application, and what is counted for them. */
export class MessagePermit implements Permit {
  declare readonly reject?: undefined;
  readonly app: App;
  readonly ledger: Ledger;
  /** Whether the caller's capability decides, or only says whom to charge. */
  readonly judged: boolean;
  /** The same for messages whose duration says nothing about load. */
  readonly untimed: UntimedPermit;
  readonly #context: AdmissionContext;
  readonly #caller: PermitHolder;

  constructor(context: AdmissionContext, caller: PermitHolder, app: App, judged: boolean, nowMs: number) {
    this.#context = context;
    this.#caller = caller;
    this.app = app;
    this.judged = judged;
    this.ledger = context.quotas.open(caller.party, app.appProtoId, caller.grant?.rateClass ?? '', nowMs);
    this.untimed = new UntimedPermit(this);
  }

  /** What a message with these flags is to its caller. */
  urgency(isEvent: boolean): Urgency {
    if (isEvent) return Urgency.EVENT;
    return this.ledger.batch ? Urgency.BATCH : Urgency.INTERACTIVE;
  }

  /** Whether the capability allows one more request in flight. */
  hasRoom(): boolean {
    const grant = this.judged ? this.#caller.grant : undefined;
    return grant === undefined || grant.maxInflight === Infinity || this.#context.inflight.of(grant.nonce) < grant.maxInflight;
  }

  began(): void {
    this.beganUntimed();
    this.app.load.share.began(++this.ledger.part.inflight);
  }

  ended(durationMs: number): void {
    this.endedUntimed();
    this.app.load.share.ended(--this.ledger.part.inflight);
    this.app.load.observe(durationMs);
  }

  beganUntimed(): void {
    this.#context.load.node.began(++this.ledger.all.inflight);
    const bound = this.#boundNonce();
    if (bound !== undefined) this.#context.inflight.add(bound);
  }

  endedUntimed(): void {
    this.#context.load.node.ended(--this.ledger.all.inflight);
    const bound = this.#boundNonce();
    if (bound !== undefined) this.#context.inflight.remove(bound);
  }

  continued(message: MessageFacts, frameBytes: number, payloadBytes: number, nowMs: number): Refusal | undefined {
    const { quotas } = this.#context;
    const grant = this.judged ? this.#caller.grant : undefined;
    if (grant !== undefined && payloadBytes > grant.maxBytes) return this.#deny('cap_scope', message);
    quotas.touch(this.ledger, nowMs);
    return quotas.judgeContinuation(this.ledger, frameBytes, nowMs);
  }

  overdrawn(nowMs: number): boolean {
    return this.#context.quotas.overdrawn(this.ledger, nowMs);
  }

  review(message: MessageFacts, nowMs: number): Refusal | undefined {
    if (!this.judged) return undefined;
    const reason = this.#caller.lapsed(nowMs + this.#context.unixOffsetMs);
    return reason === undefined ? undefined : this.#deny(reason, message);
  }

  topic(message: MessageFacts, topic: string): Refusal | undefined {
    const reason = this.judged ? this.#caller.grant?.checkTopic(topic) : undefined;
    return reason === undefined ? undefined : this.#deny(reason, message);
  }

  /** The nonce to count by, where the capability bounds the count. */
  #boundNonce(): string | undefined {
    const grant = this.judged ? this.#caller.grant : undefined;
    return grant === undefined || grant.maxInflight === Infinity ? undefined : grant.nonce;
  }

  #deny(reason: DenialReason, message: MessageFacts): Refusal {
    const { peer, grant } = this.#caller;
    return this.#context.denials.refuse(reason, { message, peer, grant });
  }
}

/** For messages that wait for something other than work: they count for the node, and not for their application. */
class UntimedPermit implements Permit {
  declare readonly reject?: undefined;
  readonly #permit: MessagePermit;

  constructor(permit: MessagePermit) {
    this.#permit = permit;
  }

  began(): void {
    this.#permit.beganUntimed();
  }

  ended(): void {
    this.#permit.endedUntimed();
  }

  continued(message: MessageFacts, frameBytes: number, payloadBytes: number, nowMs: number): Refusal | undefined {
    return this.#permit.continued(message, frameBytes, payloadBytes, nowMs);
  }

  overdrawn(nowMs: number): boolean {
    return this.#permit.overdrawn(nowMs);
  }

  review(message: MessageFacts, nowMs: number): Refusal | undefined {
    return this.#permit.review(message, nowMs);
  }

  topic(message: MessageFacts, topic: string): Refusal | undefined {
    return this.#permit.topic(message, topic);
  }
}
