import { Grant } from '@omnigate/capability';
import type { DenialReason, Keyring, RevocationList } from '@omnigate/capability';
import type { Route } from '@omnigate/kernel';
import { parseTenant } from '@omnigate/kernel/wire';
import type { Party } from '../quota/ledger.ts';
import type { AdmissionContext } from './admission-context.ts';
import { MessagePermit } from './message-permit.ts';
import type { PermitHolder } from './message-permit.ts';

/** Whoever speaks on a connection: the holder of a capability, or just an address. */
export class Caller implements PermitHolder {
  readonly grant: Grant | undefined;
  readonly party: Party;
  readonly peer: string;
  readonly #context: AdmissionContext;
  /** By application; there are as many as the bus has routes. */
  readonly #permits = new Map<number, MessagePermit>();
  /** With which keys and revocations the grant was found good. */
  #keyring: Keyring;
  #revocations: RevocationList;

  constructor(context: AdmissionContext, peer: string, who: Grant | Party) {
    this.#context = context;
    this.peer = peer;
    this.grant = who instanceof Grant ? who : undefined;
    this.party = who instanceof Grant ? partyOf(who) : who;
    this.#keyring = context.verifier.keyring;
    this.#revocations = context.verifier.revocations;
  }

  /**
   * The permit for messages to a route. Whether it is judged by the grant depends
   * on the route alone: what is open to everyone is not closed to holders.
   */
  permit(route: Route, judged: boolean, nowMs: number): MessagePermit {
    let permit = this.#permits.get(route.appProtoId);
    if (permit === undefined) {
      permit = new MessagePermit(this.#context, this, this.#context.app(route), judged, nowMs);
      this.#permits.set(route.appProtoId, permit);
    }
    return permit;
  }

  lapsed(unixMs: number): DenialReason | undefined {
    const { grant } = this;
    if (grant === undefined) return undefined;
    const { verifier } = this.#context;
    if (this.#keyring === verifier.keyring && this.#revocations === verifier.revocations) return grant.checkTime(unixMs);
    const reason = verifier.recheck(grant, unixMs);
    if (reason === undefined) {
      this.#keyring = verifier.keyring;
      this.#revocations = verifier.revocations;
    }
    return reason;
  }
}

function partyOf({ tenant }: Grant): Party {
  const words = parseTenant(tenant);
  if (words === undefined) throw new RangeError('a grant has a tenant of 32 hex digits');
  return { address: false, name: tenant, key0: words.tenant0, key1: words.tenant1, key2: words.tenant2, key3: words.tenant3, key4: 0 };
}
