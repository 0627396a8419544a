import { readFileSync, statSync } from 'node:fs';
import { QUOTA_WEIGHT_MAX } from '@omnigate/gateway';
import type { PartyRates, QuotaSettings, Rate } from '@omnigate/gateway';
import type { Service } from '@omnigate/kernel';
import { z } from 'zod';
import { ConfigError } from './config/config-error.ts';
import { QUOTA_FILE_BYTES_MAX } from './limits.ts';

const WRONG_AMOUNT = 'is not a number above 0';
const WRONG_SWITCH = 'is neither true nor false';
const WRONG_WEIGHT = `is not a whole number from 0 to ${QUOTA_WEIGHT_MAX}`;
const TENANT = /^[0-9a-f]{32}$/;
/** As the caveat `rate` spells it (specs/capability-1.md §5.2). */
const RATE_CLASS = /^[a-z][a-z0-9_-]{0,31}$/;

const amount = z.number(WRONG_AMOUNT).positive(WRONG_AMOUNT);
const rate = z
  .strictObject({ per_second: amount, burst: amount }, 'is not {"per_second": …, "burst": …}')
  .transform(({ per_second: perSecond, burst }): Rate => ({ perSecond, burst }));
const rates = { units: rate.optional(), bytes: rate.optional() };
const party = z
  .strictObject({ ...rates, units_per_app: rate.optional() })
  .transform(({ units_per_app: unitsPerApp, ...others }): PartyRates => ({ ...others, unitsPerApp }));
const weight = z.number(WRONG_WEIGHT).int(WRONG_WEIGHT).min(0, WRONG_WEIGHT).max(QUOTA_WEIGHT_MAX, WRONG_WEIGHT);

/** The file that the setting `quotas` names (docs/QUOTAS.md). */
const quotaFile = z.strictObject({
  shadow: z.boolean(WRONG_SWITCH).optional(),
  tenant: party.optional(),
  tenants: z.record(z.string().regex(TENANT, 'is no tenant: 32 lower-case hex digits'), party).optional(),
  address: party.optional(),
  classes: z
    .record(
      z.string().regex(RATE_CLASS, 'is no rate class: up to 32 lower-case letters, digits, _ and -, a letter first'),
      z.strictObject({ ...rates, batch: z.boolean(WRONG_SWITCH).optional() }),
    )
    .optional(),
  weights: z.record(z.string(), weight).optional(),
});

/**
 * Reads the quotas of a node.
 *
 * @param services whose names stand for their app_proto_ids in `weights`
 * @throws ConfigError that names the file and the place in it
 */
export function readQuotaFile(path: string, services: readonly Pick<Service, 'name' | 'appProtoId'>[]): QuotaSettings {
  const parsed = quotaFile.safeParse(readJson(path));
  if (!parsed.success) throw new ConfigError(parsed.error.issues.map((issue) => problemOf(path, issue)));
  const { weights = {}, ...settings } = parsed.data;
  const ids = new Map(services.map(({ name, appProtoId }) => [name, appProtoId]));
  const byId = Object.entries(weights).map(([name, value]) => {
    const id = ids.get(name);
    if (id === undefined) {
      throw new ConfigError([`${path}: weights.${name} is no service of this node; it has ${[...ids.keys()].join(', ')}`]);
    }
    return [id, value] as const;
  });
  return { ...settings, weights: Object.fromEntries(byId) };
}

function readJson(path: string): unknown {
  try {
    if (statSync(path).size > QUOTA_FILE_BYTES_MAX) throw new Error(`it is larger than ${QUOTA_FILE_BYTES_MAX} bytes`);
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    // The parser quotes what it stumbles over; a file named by mistake may hold secrets.
    const why = cause instanceof SyntaxError ? 'it is not JSON' : (cause as Error).message;
    throw new ConfigError([`cannot use the quotas ${path}: ${why}`], { cause });
  }
}

/** Such as `/etc/quotas.json: tenant.units.per_second is not a number above 0`. */
function problemOf(path: string, issue: z.core.$ZodIssue): string {
  const place = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    const names = issue.keys.map((key) => (place === '' ? key : `${place}.${key}`));
    return `${path}: ${names.join(', ')} means nothing there; docs/QUOTAS.md has all names`;
  }
  const message = issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message;
  return `${path}: ${place === '' ? 'the file' : place} ${message}`;
}
