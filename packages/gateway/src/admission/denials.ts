import type { Denial, DenialReason, DeniedRequest, Grant } from '@omnigate/capability';
import { Reject, tenantToHex } from '@omnigate/kernel';
import type { MessageFacts, Refusal } from '@omnigate/kernel';
import { GatewayReject } from '../rejects.ts';

/** Where denials are recorded; an AuditLog is one. Must neither wait nor throw. */
export interface AuditSink {
  denied(request: DeniedRequest): void;
}

/** What a denial is about. */
export interface DeniedMessage {
  readonly message: MessageFacts;
  /** Address of the peer. */
  readonly peer: string;
  /** The capability, when it could be verified. */
  readonly grant: Grant | undefined;
  /** The capability otherwise, if there was one. */
  readonly capability?: Uint8Array;
}

/** Refusals of denials, with what is wrong in words; each is made once. */
const explained = new WeakMap<Denial, Refusal>();

const plain = new Map<DenialReason, Refusal>();

/** Turns denials of capabilities into refusals, and records each. */
export class Denials {
  readonly #audit: AuditSink;

  constructor(audit: AuditSink) {
    this.#audit = audit;
  }

  refuse(why: Denial | DenialReason, { message, peer, grant, capability }: DeniedMessage): Refusal {
    const refusal = typeof why === 'string' ? plainRefusal(why) : explainedRefusal(why);
    this.#audit.denied({
      reason: typeof why === 'string' ? why : why.reason,
      tenant: tenantToHex(message),
      app: message.app,
      op: message.code,
      peer,
      kid: grant?.kid,
      nonce: grant?.nonce,
      capability,
    });
    return refusal;
  }
}

function plainRefusal(reason: DenialReason): Refusal {
  let refusal = plain.get(reason);
  if (refusal === undefined) {
    refusal = Object.freeze({ reject: rejectOf(reason) });
    plain.set(reason, refusal);
  }
  return refusal;
}

function explainedRefusal(denial: Denial): Refusal {
  let refusal = explained.get(denial);
  if (refusal === undefined) {
    const reject = rejectOf(denial.reason);
    refusal = Object.freeze({ reject, message: `${denial.detail} ${reject.fix}` });
    explained.set(denial, refusal);
  }
  return refusal;
}

function rejectOf(reason: DenialReason): Reject {
  return reason === 'cap_missing' ? Reject.cap_missing : GatewayReject[reason];
}
