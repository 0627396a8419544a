import { QUOTA_WEIGHT_MAX } from '../limits.ts';
import { paceOf } from './gcra.ts';
import type { Rate } from './gcra.ts';

/** Bounds of one tenant, address or rate class; what is absent is not bounded. */
export interface QuotaRates {
  /** Cost units: 1 for a message, 1 for each 16 KiB of it that was begun, and the weight of its application. */
  readonly units?: Rate | undefined;
  /** Bytes of frames, headers included. */
  readonly bytes?: Rate | undefined;
}

/** Bounds of one tenant or address. */
export interface PartyRates extends QuotaRates {
  /** Cost units in each single application. */
  readonly unitsPerApp?: Rate | undefined;
}

/** What a rate class adds (specs/capability-1.md §5.7). */
export interface RateClass extends QuotaRates {
  /** Refused before others when the node is overloaded. */
  readonly batch?: boolean | undefined;
}

/** Who may use how much. Plain data; all of it can be replaced while the node runs. */
export interface QuotaSettings {
  /** Count what would be refused, and refuse nothing. */
  readonly shadow?: boolean | undefined;
  /** Of each tenant that `tenants` does not name. */
  readonly tenant?: PartyRates | undefined;
  /** Of single tenants, by 32 lower-case hex digits; a name replaces all of `tenant`. */
  readonly tenants?: Readonly<Record<string, PartyRates>> | undefined;
  /** Of each address (IPv6: each /64) for messages that no capability speaks for. */
  readonly address?: PartyRates | undefined;
  /** In addition to the tenant's own, for capabilities with the caveat `rate`. */
  readonly classes?: Readonly<Record<string, RateClass>> | undefined;
  /** Cost units that a message to an application costs in addition, by app_proto_id. */
  readonly weights?: Readonly<Record<number, number>> | undefined;
}

/** No bounds: whoever wants some says which. */
export const NO_QUOTAS: QuotaSettings = Object.freeze({});

/** @throws RangeError that names the setting at fault */
export function checkQuotaSettings(settings: QuotaSettings): void {
  checkRates('tenant', settings.tenant);
  checkRates('address', settings.address);
  for (const [tenant, rates] of Object.entries(settings.tenants ?? {})) {
    if (!/^[0-9a-f]{32}$/.test(tenant)) throw new RangeError(`tenants.${tenant}: a tenant is 32 lower-case hex digits`);
    checkRates(`tenants.${tenant}`, rates);
  }
  for (const [name, rates] of Object.entries(settings.classes ?? {})) checkRates(`classes.${name}`, rates);
  for (const [app, weight] of Object.entries(settings.weights ?? {})) {
    if (!Number.isInteger(weight) || weight < 0 || weight > QUOTA_WEIGHT_MAX) {
      throw new RangeError(`weights.${app}: ${weight} is not a whole number from 0 to ${QUOTA_WEIGHT_MAX}`);
    }
  }
}

function checkRates(name: string, rates: PartyRates = {}): void {
  for (const key of ['units', 'bytes', 'unitsPerApp'] as const) {
    try {
      paceOf(rates[key]);
    } catch (cause) {
      throw new RangeError(`${name}.${key}: ${(cause as Error).message}`, { cause });
    }
  }
}
