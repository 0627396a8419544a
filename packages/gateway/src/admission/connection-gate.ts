import { Grant } from '@omnigate/capability';
import type { CheckContext, Denial, DenialReason } from '@omnigate/capability';
import { Flag, Reject, tenantToHex } from '@omnigate/kernel';
import type { ConnectionAdmission, MessageFacts, Peer, Permit, Refusal, Route } from '@omnigate/kernel';
import { HEADER_BYTES, TENANT_NONE } from '@omnigate/kernel/wire';
import type { FrameHeader } from '@omnigate/kernel/wire';
import { CAP_INVALID_MAX, CAP_INVALID_WINDOW_MS } from '../limits.ts';
import { Urgency } from '../overload/fair-share.ts';
import { Caller } from './caller.ts';
import type { AdmissionContext } from './admission-context.ts';
import type { MessagePermit } from './message-permit.ts';
import { PeerFacts } from './peer-facts.ts';

/**
 * Admission of one connection, in this order: is the node too busy, does a
 * capability allow it, is the node too busy for this caller, are its quotas used
 * up, has its capability enough in flight (specs/oap-1.md §13).
 */
export class ConnectionGate implements ConnectionAdmission {
  readonly #context: AdmissionContext;
  readonly #peer: Peer;
  readonly #stranger: Caller;
  /** The holder of the capability on the HELLO. */
  #own: Caller | undefined;
  /** The holder of the last capability on a START frame. */
  #shown: Caller | undefined;
  /** One object for all that is asked. */
  readonly #check: CheckContext;
  #invalid = 0;
  #invalidSinceMs = Number.NEGATIVE_INFINITY;

  constructor(context: AdmissionContext, peer: Peer) {
    const facts = new PeerFacts(peer, context.node, context.audience);
    this.#context = context;
    this.#peer = peer;
    this.#stranger = new Caller(context, peer.address, facts.party);
    this.#check = { nowMs: 0, tenant: { tenant0: 0, tenant1: 0, tenant2: 0, tenant3: 0 }, payloadBytes: 0, connection: facts };
  }

  hello(header: FrameHeader, capability: Uint8Array, nowMs: number): Refusal | undefined {
    const context = this.#context;
    if (!context.load.admitsConnection()) return { ...context.overloaded(), close: true };
    if (capability.length === 0) return undefined;
    const verdict = context.verifier.verify(capability, nowMs + context.unixOffsetMs);
    if (!(verdict instanceof Grant)) return this.#deny(verdict, header, undefined, nowMs, capability);
    const tenant = tenantToHex(header);
    // Whoever says no tenant here says it on each message.
    if (tenant !== verdict.tenant && tenant !== TENANT_NONE) return this.#deny('tenant_mismatch', header, verdict, nowMs);
    this.#own = new Caller(context, this.#peer.address, verdict);
    return undefined;
  }

  message(header: FrameHeader, route: Route, capability: Uint8Array, nowMs: number): Permit | Refusal {
    const context = this.#context;
    const { load, quotas } = context;
    const isEvent = (header.flags & Flag.EVENT) !== 0;
    if (!load.admitsKind(isEvent ? Urgency.EVENT : Urgency.INTERACTIVE)) return context.overloaded();

    const unixMs = nowMs + context.unixOffsetMs;
    const permit = this.#permit(header, route, capability, nowMs, unixMs);
    if (permit.reject !== undefined) return permit;

    const { ledger, app } = permit;
    quotas.touch(ledger, nowMs);
    const urgency = permit.urgency(isEvent);
    const timed = (header.flags & Flag.END) !== 0 && !app.waiting.has(header.code);
    if (urgency === Urgency.BATCH && !load.admitsKind(urgency)) return context.overloaded();
    if (!load.admits(urgency, ledger.all, ledger.part, timed ? app.load : undefined)) return context.overloaded();
    const exhausted = quotas.judge(ledger, header.len, nowMs);
    if (exhausted !== undefined) return exhausted;
    if (!permit.hasRoom()) return { reject: Reject.inflight, retryAfterMs: context.retryAfterMs() };
    load.admitted(ledger.all);
    return timed ? permit : permit.untimed;
  }

  close(): void {
    // Everything that was counted for the connection was counted by message.
  }

  /** The permit of whoever speaks, once its capability has allowed the message. */
  #permit(header: FrameHeader, route: Route, capability: Uint8Array, nowMs: number, unixMs: number): MessagePermit | Refusal {
    if (capability.length === 0) {
      const own = this.#own;
      if (route.access === 'open') return this.#payer(header, unixMs).permit(route, false, nowMs);
      if (own === undefined) return this.#deny('cap_missing', header, undefined, nowMs);
      const lapsed = own.lapsed(unixMs);
      return lapsed === undefined ? this.#judge(header, route, own, nowMs, unixMs) : this.#deny(lapsed, header, own.grant, nowMs);
    }
    const verdict = this.#context.verifier.verify(capability, unixMs);
    if (!(verdict instanceof Grant)) return this.#deny(verdict, header, undefined, nowMs, capability);
    if (this.#shown?.grant !== verdict) this.#shown = new Caller(this.#context, this.#peer.address, verdict);
    return this.#judge(header, route, this.#shown, nowMs, unixMs);
  }

  /** Whom a message to an open service is charged to: the tenant of the connection where it says so, else the address. */
  #payer(header: FrameHeader, unixMs: number): Caller {
    const own = this.#own;
    if (own === undefined) return this.#stranger;
    const { key0, key1, key2, key3 } = own.party;
    const said = header.tenant0 === key0 && header.tenant1 === key1 && header.tenant2 === key2 && header.tenant3 === key3;
    return said && own.lapsed(unixMs) === undefined ? own : this.#stranger;
  }

  #judge(header: FrameHeader, route: Route, caller: Caller, nowMs: number, unixMs: number): MessagePermit | Refusal {
    const permit = caller.permit(route, true, nowMs);
    const grant = caller.grant as Grant;
    const check = this.#check;
    check.nowMs = unixMs;
    check.tenant = header;
    check.payloadBytes = header.len - HEADER_BYTES - header.capLen;
    const verb = permit.app.verbs.get(header.code) ?? '';
    const reason =
      grant.checkBeforeTopic(header.app, header.code, verb, check) ??
      (permit.app.checksTopics ? undefined : grant.checkTopic(undefined));
    return reason === undefined ? permit : this.#deny(reason, header, grant, nowMs);
  }

  #deny(why: Denial | DenialReason, message: MessageFacts, grant: Grant | undefined, nowMs: number, capability?: Uint8Array): Refusal {
    const shown = capability === undefined ? {} : { capability };
    const refusal = this.#context.denials.refuse(why, { message, peer: this.#peer.address, grant, ...shown });
    const guessing = typeof why === 'object' && why.reason === 'cap_invalid' && this.#guessed(nowMs);
    return guessing ? { ...refusal, close: true } : refusal;
  }

  /** Books a capability with a wrong signature; true when there were too many. */
  #guessed(nowMs: number): boolean {
    if (nowMs - this.#invalidSinceMs >= CAP_INVALID_WINDOW_MS) {
      this.#invalidSinceMs = nowMs;
      this.#invalid = 0;
    }
    return ++this.#invalid >= CAP_INVALID_MAX;
  }
}
