import type { Policy } from './account.ts';
import { paceOf } from './gcra.ts';
import { checkQuotaSettings } from './quota-settings.ts';
import type { PartyRates, QuotaRates, QuotaSettings } from './quota-settings.ts';

/** What one tenant or address is measured by. */
interface PartyPolicy {
  readonly all: Policy;
  /** In each single application. */
  readonly app: Policy;
}

/** What a rate class adds. */
interface ClassPolicy {
  readonly policy: Policy;
  readonly batch: boolean;
  /** Names the class in account keys; the same as long as the process runs. */
  readonly number: number;
}

/** Settings made ready for the hot path. */
export interface Policies {
  readonly shadow: boolean;
  readonly tenant: PartyPolicy;
  readonly tenants: ReadonlyMap<string, PartyPolicy>;
  readonly address: PartyPolicy;
  readonly classes: ReadonlyMap<string, ClassPolicy>;
  readonly weights: ReadonlyMap<number, number>;
}

/**
 * @param classNumbers numbers of classes that were configured before; new ones are added
 * @throws RangeError that names the setting at fault
 */
export function compileQuotas(settings: QuotaSettings, classNumbers: Map<string, number>): Policies {
  checkQuotaSettings(settings);
  const { shadow = false, tenant, tenants = {}, address, classes = {}, weights = {} } = settings;
  return {
    shadow,
    tenant: partyPolicy(tenant),
    tenants: new Map(Object.entries(tenants).map(([name, rates]) => [name, partyPolicy(rates)])),
    address: partyPolicy(address),
    classes: new Map(
      Object.entries(classes).map(([name, rates]) => {
        const number = classNumbers.get(name) ?? classNumbers.size;
        classNumbers.set(name, number);
        return [name, { policy: policyOf(rates), batch: rates.batch ?? false, number }];
      }),
    ),
    weights: new Map(Object.entries(weights).map(([app, weight]) => [Number(app), weight])),
  };
}

function partyPolicy(rates: PartyRates = {}): PartyPolicy {
  const { unitsPerApp: units } = rates;
  return { all: policyOf(rates), app: policyOf(units === undefined ? {} : { units }) };
}

function policyOf({ units, bytes }: QuotaRates): Policy {
  return Object.freeze({ units: paceOf(units), bytes: paceOf(bytes) });
}
