import { RETRY_AFTER_MS_MAX, retryAfterMs } from '@omnigate/kernel';
import type { Refusal } from '@omnigate/kernel';
import { QUOTA_ACCOUNTS_MAX, QUOTA_DEBT_MS, QUOTA_UNIT_BYTES } from '../limits.ts';
import { GatewayReject } from '../rejects.ts';
import type { Account, AccountKey, Policy } from './account.ts';
import { AccountTable } from './account-table.ts';
import { debtMs, repaced, take, waitMs } from './gcra.ts';
import type { Ledger, Party } from './ledger.ts';
import { compileQuotas } from './policies.ts';
import type { Policies } from './policies.ts';
import type { QuotaSettings } from './quota-settings.ts';

/** The bounds a message can meet. */
type Quota = 'tenant' | 'app' | 'bytes';

const REJECTS = {
  tenant: GatewayReject.quota_tenant,
  app: GatewayReject.quota_app,
  bytes: GatewayReject.quota_bytes,
} as const;

/** Of `key4` in accounts of a part: below are applications, from here on rate classes. */
const FIRST_CLASS_KEY = 0x1_0000;
/** Parts of addresses are beside those of tenants. */
const ADDRESS_KEYS = 0x4000_0000;

/** The quotas of all tenants and addresses. */
export class Quotas {
  /** Messages refused, or in shadow mode let pass, by the bound they met first. */
  readonly exhausted: Record<Quota, number> = { tenant: 0, app: 0, bytes: 0 };

  readonly #random: () => number;
  readonly #tenants = new AccountTable(QUOTA_ACCOUNTS_MAX);
  readonly #addresses = new AccountTable(QUOTA_ACCOUNTS_MAX);
  /** Of one party in one application, and in one rate class. */
  readonly #parts = new AccountTable(QUOTA_ACCOUNTS_MAX);
  readonly #classNumbers = new Map<string, number>();
  #policies: Policies;
  #generation = 0;
  /** What the last look found exhausted. */
  #met: Quota = 'tenant';

  /**
   * @param random uniform in [0, 1), spreads those who were refused
   * @throws RangeError that names the setting at fault
   */
  constructor(settings: QuotaSettings, random: () => number = Math.random) {
    this.#random = random;
    this.#policies = compileQuotas(settings, this.#classNumbers);
  }

  /** Accounts held, for whoever watches the memory. */
  get accounts(): number {
    return this.#tenants.size + this.#addresses.size + this.#parts.size;
  }

  /**
   * Puts other settings in force. Nobody's account is forgotten: a bucket that
   * was half full is half full of what it holds now.
   *
   * @throws RangeError that names the setting at fault; the old ones stay in force then
   */
  reload(settings: QuotaSettings): void {
    this.#policies = compileQuotas(settings, this.#classNumbers);
    this.#generation++;
  }

  /**
   * The books of a party in one application.
   *
   * @param rateClass of its capability, '' without one
   */
  open(party: Party, app: number, rateClass: string, nowMs: number): Ledger {
    return { party, app, rateClass, generation: this.#generation, ...this.#entries(party, app, rateClass, nowMs) };
  }

  /** Brings a ledger up to date with settings that changed and accounts that were dropped; to be called before it is used. */
  touch(ledger: Ledger, nowMs: number): void {
    const { party, all, part, rated } = ledger;
    if (ledger.generation !== this.#generation || !all.listed || !part.listed || rated?.listed === false) {
      Object.assign(ledger, this.#entries(party, ledger.app, ledger.rateClass, nowMs));
      ledger.generation = this.#generation;
      return;
    }
    (party.address ? this.#addresses : this.#tenants).touch(all);
    this.#parts.touch(part);
    if (rated !== undefined) this.#parts.touch(rated);
  }

  /** Takes what a message costs, or says why it is too much. */
  judge(ledger: Ledger, wireBytes: number, nowMs: number): Refusal | undefined {
    const units = 1 + Math.ceil(wireBytes / QUOTA_UNIT_BYTES) + ledger.weight;
    const wait = this.#waitMs(ledger, units, wireBytes, nowMs);
    if (wait > 0) return this.#exhausted(wait);
    charge(ledger, units, wireBytes, nowMs);
    return undefined;
  }

  /**
   * Takes what a further frame of a message costs. It is on its way already, so it
   * may overdraw: the sender gets no credit until that is made up for
   * ({@link overdrawn}), nor another message. Who goes on beyond QUOTA_DEBT_MS is
   * refused.
   */
  judgeContinuation(ledger: Ledger, wireBytes: number, nowMs: number): Refusal | undefined {
    const units = Math.ceil(wireBytes / QUOTA_UNIT_BYTES);
    if (debtOf(ledger, nowMs) > QUOTA_DEBT_MS) {
      return this.#exhausted(this.#waitMs(ledger, 1 + units + ledger.weight, wireBytes, nowMs));
    }
    charge(ledger, units, wireBytes, nowMs);
    return undefined;
  }

  /** Whether a party used more than it had. */
  overdrawn(ledger: Ledger, nowMs: number): boolean {
    return !this.#policies.shadow && debtOf(ledger, nowMs) > 0;
  }

  /** The longest wait that any of the bounds asks for; 0 when none does. */
  #waitMs({ all, part, rated }: Ledger, units: number, bytes: number, nowMs: number): number {
    let tenantMs = waitMs(all.policy.units, all.unitsFullAtMs, nowMs, units);
    let bytesMs = waitMs(all.policy.bytes, all.bytesFullAtMs, nowMs, bytes);
    const appMs = waitMs(part.policy.units, part.unitsFullAtMs, nowMs, units);
    if (rated !== undefined) {
      tenantMs = Math.max(tenantMs, waitMs(rated.policy.units, rated.unitsFullAtMs, nowMs, units));
      bytesMs = Math.max(bytesMs, waitMs(rated.policy.bytes, rated.bytesFullAtMs, nowMs, bytes));
    }
    this.#met = tenantMs > 0 ? 'tenant' : appMs > 0 ? 'app' : 'bytes';
    return Math.max(tenantMs, appMs, bytesMs);
  }

  #exhausted(wait: number): Refusal | undefined {
    this.exhausted[this.#met]++;
    if (this.#policies.shadow) return undefined;
    const refusal = { reject: REJECTS[this.#met], retryAfterMs: retryAfterMs(wait, this.#random()) };
    // A quota slower than that keeps its promise to whoever waits longer than may be told.
    return wait <= RETRY_AFTER_MS_MAX ? refusal : { ...refusal, detail: { wait_ms: Math.ceil(wait) } };
  }

  #entries(party: Party, app: number, rateClass: string, nowMs: number) {
    const policies = this.#policies;
    const policy = party.address ? policies.address : (policies.tenants.get(party.name) ?? policies.tenant);
    const added = policies.classes.get(rateClass);
    const { key0, key1, key2, key3 } = party;
    const part = (number: number, of: Policy): Account =>
      accountIn(this.#parts, { key0, key1, key2, key3, key4: number | (party.address ? ADDRESS_KEYS : 0) }, of, nowMs);
    return {
      all: accountIn(party.address ? this.#addresses : this.#tenants, party, policy.all, nowMs),
      part: part(app, policy.app),
      rated: added === undefined ? undefined : part(FIRST_CLASS_KEY + added.number, added.policy),
      weight: policies.weights.get(app) ?? 0,
      batch: added?.batch ?? false,
    };
  }
}

/** The account of a key under a policy, found or made. */
function accountIn(table: AccountTable, key: AccountKey, policy: Policy, nowMs: number): Account {
  const account = table.find(key);
  if (account === undefined) return table.add(key, policy);
  table.touch(account);
  if (account.policy !== policy) {
    account.unitsFullAtMs = repaced(account.policy.units, policy.units, account.unitsFullAtMs, nowMs);
    account.bytesFullAtMs = repaced(account.policy.bytes, policy.bytes, account.bytesFullAtMs, nowMs);
    account.policy = policy;
  }
  return account;
}

function charge({ all, part, rated }: Ledger, units: number, bytes: number, nowMs: number): void {
  chargeAccount(all, units, bytes, nowMs);
  chargeAccount(part, units, bytes, nowMs);
  if (rated !== undefined) chargeAccount(rated, units, bytes, nowMs);
}

/** Writing a number to an object allocates, so it is left alone where nothing is bounded. */
function chargeAccount(account: Account, units: number, bytes: number, nowMs: number): void {
  const { policy } = account;
  if (policy.units.intervalMs > 0) account.unitsFullAtMs = take(policy.units, account.unitsFullAtMs, nowMs, units);
  if (policy.bytes.intervalMs > 0) account.bytesFullAtMs = take(policy.bytes, account.bytesFullAtMs, nowMs, bytes);
}

/** The largest debt of a ledger, milliseconds. */
function debtOf({ all, part, rated }: Ledger, nowMs: number): number {
  const debt = Math.max(debtOfAccount(all, nowMs), debtOfAccount(part, nowMs));
  return rated === undefined ? debt : Math.max(debt, debtOfAccount(rated, nowMs));
}

function debtOfAccount({ policy, unitsFullAtMs, bytesFullAtMs }: Account, nowMs: number): number {
  return Math.max(debtMs(policy.units, unitsFullAtMs, nowMs), debtMs(policy.bytes, bytesFullAtMs, nowMs));
}
