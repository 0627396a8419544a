import {
  DEFAULT_CONNECTION_LIMITS,
  DRAIN_ACCEPT_MS,
  DRAIN_TIMEOUT_MS,
  IDLE_TIMEOUT_MS,
  LOG_LEVELS,
} from '@omnigate/kernel';
import type { ListenAddress } from '@omnigate/kernel';
import { BODY_BYTES_MAX } from '@omnigate/mailbox';
import { GRACE_MS, SCRUB_BYTES_PER_SECOND, TENANT_BLOBS_DEFAULT, TENANT_BYTES_DEFAULT } from '@omnigate/storage';
import { z } from 'zod';
import {
  CONNECTIONS_SETTING_MAX,
  DRAIN_MS_MAX,
  IDLE_TIMEOUT_MS_MAX,
  IDLE_TIMEOUT_MS_MIN,
  SERVICES_MAX,
  STORAGE_GRACE_MS_MAX,
  STORAGE_GRACE_MS_MIN,
  STORAGE_QUOTA_BLOBS_MAX,
  STORAGE_QUOTA_BYTES_MAX,
  STORAGE_SCRUB_RATE_MAX,
} from '../limits.ts';
import { formatListenAddress, parseListenAddress } from './listen-address.ts';

/** Where a node keeps its data unless told otherwise, below the folder it is started in. */
export const DATA_FOLDER = '.omnigate';

const NOT_TEXT = 'is not text in quotes';

/** What the caveat `aud` can name (specs/capability-1.md §5.2). */
const AUDIENCE = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$/;

/** HOST:PORT or `off`; a program may give the parts. */
const address = z.custom<string | ListenAddress>().transform((value, context): ListenAddress | 'off' => {
  if (value === 'off') return value;
  try {
    if (typeof value === 'string') return parseListenAddress(value);
    if (typeof value === 'object') return parseListenAddress(formatListenAddress(value));
    throw new Error(NOT_TEXT);
  } catch (error) {
    context.addIssue({ code: 'custom', message: `${(error as Error).message}, or off` });
    return z.NEVER;
  }
});

/** A path. Text of several lines is never one; it is probably the secret itself, and is not repeated. */
const path = z
  .string(NOT_TEXT)
  .min(1, 'is empty; name a file or folder')
  .refine((text) => !/[\r\n\0]/.test(text), 'holds a text of several lines; name the file that contains it');

const onOff = z.boolean('is neither on nor off');

const number = (least: number, most: number) => {
  const wrong = `is not a whole number from ${least} to ${most}`;
  return z.number(wrong).int(wrong).min(least, wrong).max(most, wrong);
};

/** Every setting of a node, by its name in code; `names.ts` derives the other spellings. */
export const settingsSchema = z.strictObject({
  data: path.default(DATA_FOLDER),
  oap: address.prefault('127.0.0.1:6270'),
  oaps: address.prefault('off'),
  tlsCert: path.optional(),
  tlsKey: path.optional(),
  tlsClientCa: path.optional(),
  admin: address.prefault('127.0.0.1:6279'),
  quotas: path.optional(),
  audience: z.string(NOT_TEXT).regex(AUDIENCE, 'is no name: up to 128 of A-Z a-z 0-9 . _ : / -, a letter or digit first').optional(),
  services: z.array(path, 'is not a list of module paths').max(SERVICES_MAX, `has more than ${SERVICES_MAX} entries`).default([]),
  logLevel: z.enum(LOG_LEVELS, `is not one of ${LOG_LEVELS.join(', ')}`).default('info'),
  logFormat: z.enum(['auto', 'json', 'text'], 'is not one of auto, json, text').default('auto'),
  idleTimeoutMs: number(IDLE_TIMEOUT_MS_MIN, IDLE_TIMEOUT_MS_MAX).default(IDLE_TIMEOUT_MS),
  maxConnections: number(1, CONNECTIONS_SETTING_MAX).default(DEFAULT_CONNECTION_LIMITS.total),
  maxConnectionsPerAddress: number(1, CONNECTIONS_SETTING_MAX).default(DEFAULT_CONNECTION_LIMITS.perAddress),
  drainAcceptMs: number(0, DRAIN_MS_MAX).default(DRAIN_ACCEPT_MS),
  drainTimeoutMs: number(0, DRAIN_MS_MAX).default(DRAIN_TIMEOUT_MS),
  compression: onOff.default(true),
  loadShedding: onOff.default(true),
  storageQuotaBytes: number(0, STORAGE_QUOTA_BYTES_MAX).default(TENANT_BYTES_DEFAULT),
  storageQuotaBlobs: number(0, STORAGE_QUOTA_BLOBS_MAX).default(TENANT_BLOBS_DEFAULT),
  storageGraceMs: number(STORAGE_GRACE_MS_MIN, STORAGE_GRACE_MS_MAX).default(GRACE_MS),
  storageScrubBytesPerSecond: number(0, STORAGE_SCRUB_RATE_MAX).default(SCRUB_BYTES_PER_SECOND),
  mailboxBodyBytesMax: number(1, BODY_BYTES_MAX).default(BODY_BYTES_MAX),
});

/** Settings as they are used. */
export type Settings = Readonly<z.output<typeof settingsSchema>>;
/** Settings as they are written: addresses may be text, and everything may be left out. */
export type SettingsInput = Readonly<z.input<typeof settingsSchema>>;
export type SettingKey = keyof Settings;

/** All settings, in the order in which they are shown. */
export const SETTING_KEYS = Object.keys(settingsSchema.shape) as readonly SettingKey[];

/** What is wrong with settings that are fine one by one; `name` spells a setting as its reader wrote it. */
export function contradictions(settings: Settings, name: (key: SettingKey) => string): string[] {
  const { oap, oaps, drainAcceptMs, drainTimeoutMs } = settings;
  const problems: string[] = [];
  if (oap === 'off' && oaps === 'off') {
    problems.push(`${name('oap')} and ${name('oaps')} are both off, so nobody could connect; set one of them to HOST:PORT`);
  }
  if (oaps === 'off') {
    const idle = (['tlsCert', 'tlsKey', 'tlsClientCa'] as const).find((key) => settings[key] !== undefined);
    if (idle !== undefined) {
      problems.push(`${name(idle)} is of no use without a TLS listener; set ${name('oaps')} to HOST:PORT`);
    }
  } else {
    if (settings.tlsCert === undefined) {
      problems.push(`${name('oaps')} needs a certificate; set ${name('tlsCert')} to its PEM file`);
    }
    if (settings.tlsKey === undefined) {
      problems.push(`${name('oaps')} needs the private key of its certificate; set ${name('tlsKey')} to its PEM file`);
    }
  }
  if (drainAcceptMs > drainTimeoutMs) {
    problems.push(`${name('drainAcceptMs')} (${drainAcceptMs}) is longer than ${name('drainTimeoutMs')} (${drainTimeoutMs})`);
  }
  return problems;
}
