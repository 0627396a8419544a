import { Keyring, mintCapability, RevocationList, CapabilityVerifier } from '@omnigate/capability';
import type { DeniedRequest, MintOptions } from '@omnigate/capability';
import type { ConnectionAdmission, Peer, Permit, Refusal, Route, ServiceAccess, ServiceFacts } from '@omnigate/kernel';
import { createHeader, Flag, HEADER_BYTES, parseTenant } from '@omnigate/kernel/wire';
import type { FrameHeader } from '@omnigate/kernel/wire';
import { AdmissionControl } from '../../src/admission/admission-control.ts';
import type { AdmissionOptions } from '../../src/admission/admission-control.ts';

export const ALICE = '000102030405060708090a0b0c0d0e0f';
export const BOB = 'ffeeddccbbaa99887766554433221100';
export const ZEROS = '0'.repeat(32);
export const UNIX_MS = 1_800_000_000_000;

export const MAILBOX = 16;
export const ECHO = 1;

export function routeOf(appProtoId: number, access: ServiceAccess = 'capability', name = `app-${appProtoId}`, facts: ServiceFacts = {}): Route {
  const { verbs = {}, waiting = [], checksTopics = false } = facts;
  return { appProtoId, name, access, facts: { verbs, waiting, checksTopics }, borrowsPayload: false, requestBytesMax: 1e9, available: true, requests: 0 };
}

/** What a message is made of; a whole request of 100 bytes by Alice to the mailbox otherwise. */
export interface MessageParts {
  readonly app?: number;
  readonly code?: number;
  readonly tenant?: string;
  readonly flags?: number;
  /** Payload bytes. */
  readonly bytes?: number;
  readonly capability?: Uint8Array;
}

export function headerOf({ app = MAILBOX, code = 1, tenant = ALICE, flags = WHOLE, bytes = 62, capability }: MessageParts): FrameHeader {
  const header = createHeader();
  const capLen = capability?.length ?? 0;
  return Object.assign(header, { len: HEADER_BYTES + capLen + bytes, ver: 1, flags, code, app, capLen }, parseTenant(tenant));
}

export const WHOLE = Flag.REQ | Flag.START | Flag.END;
export const NOTHING = new Uint8Array(0);

/** One connection to the admission of an office. */
export class Visitor {
  readonly office: Office;
  readonly gate: ConnectionAdmission;

  constructor(office: Office, peer: Partial<Peer>) {
    this.office = office;
    this.gate = office.control.open({ address: '192.0.2.1', port: 4_000, secure: false, ...peer });
  }

  /** Refusal of a HELLO. */
  hello(capability: Uint8Array = NOTHING, tenant = ZEROS): Refusal | undefined {
    return this.gate.hello(headerOf({ app: 0, code: 0, tenant, capability }), capability, this.office.nowMs);
  }

  ask(parts: MessageParts = {}): Permit | Refusal {
    const { app = MAILBOX, capability = NOTHING } = parts;
    return this.gate.message(headerOf(parts), this.office.route(app), capability, this.office.nowMs);
  }

  /** Reason of the answer, or 'yes'. */
  outcome(parts: MessageParts = {}): string {
    return this.ask(parts).reject?.reason ?? 'yes';
  }

  /** @throws Error when it is a no */
  permit(parts: MessageParts = {}): Permit {
    const answer = this.ask(parts);
    if (answer.reject !== undefined) throw new Error(`refused: ${answer.reject.reason}`);
    return answer;
  }
}

/** An admission with a keyring, and clocks and figures that a test sets. */
export class Office implements Disposable {
  nowMs = 50_000;
  unixMs = UNIX_MS;
  loopDelayMs = 0;
  heapPercent = 10;
  keyring = Keyring.create({ nowMs: UNIX_MS });
  readonly verifier = new CapabilityVerifier(this.keyring, RevocationList.EMPTY);
  readonly denied: DeniedRequest[] = [];
  readonly control: AdmissionControl;

  readonly #routes: readonly Route[];

  /** @param facts what the mailbox says of itself */
  constructor(options: Partial<AdmissionOptions> = {}, facts: ServiceFacts = {}) {
    this.#routes = [routeOf(MAILBOX, 'capability', 'mailbox', facts), routeOf(17), routeOf(ECHO, 'open', 'echo')];
    this.control = new AdmissionControl({
      verifier: this.verifier,
      audit: { denied: (request) => this.denied.push(request) },
      node: 'node-1',
      audience: 'test',
      clock: { now: () => this.nowMs },
      unixClock: () => this.unixMs,
      random: () => 0,
      probes: {
        loopDelayMs: () => this.loopDelayMs,
        heapPercent: () => this.heapPercent,
        [Symbol.dispose]: () => undefined,
      },
      ...options,
    });
  }

  route(app: number): Route {
    return this.#routes.find(({ appProtoId }) => appProtoId === app) ?? routeOf(app);
  }

  mint(options: Partial<MintOptions> = {}): Buffer {
    return mintCapability(this.keyring, { tenant: ALICE, nowMs: this.unixMs, ...options }).bytes;
  }

  visitor(peer: Partial<Peer> = {}): Visitor {
    return new Visitor(this, peer);
  }

  /** A visitor whose HELLO had a capability. */
  holder(options: Partial<MintOptions> = {}, peer: Partial<Peer> = {}): Visitor {
    const visitor = this.visitor(peer);
    const refusal = visitor.hello(this.mint(options));
    if (refusal !== undefined) throw new Error(`HELLO refused: ${refusal.reject.reason}`);
    return visitor;
  }

  /** Both clocks go on, and the load is looked at. */
  pass(ms: number): void {
    this.nowMs += ms;
    this.unixMs += ms;
    this.control.tick();
  }

  revoke(target: Parameters<RevocationList['add']>[0]): void {
    this.verifier.setRevocations(this.verifier.revocations.add(target, this.unixMs, this.unixMs + 1e7));
  }

  [Symbol.dispose](): void {
    this.control[Symbol.dispose]();
  }
}
