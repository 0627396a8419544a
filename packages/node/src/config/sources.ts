import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { CONFIG_FILE_BYTES_MAX } from '../limits.ts';
import { ConfigError } from './config-error.ts';
import {
  CONFIG_FILE_VARIABLE,
  environmentName,
  fileName,
  flagName,
  keyOfFileName,
  knownVariables,
  unknownVariables,
} from './names.ts';
import { nearestName } from './nearest-name.ts';
import { SETTING_KEYS } from './settings.ts';
import type { SettingKey } from './settings.ts';

/** Where a value may come from, strongest first. */
type SourceKind = 'flag' | 'environment' | 'file';

/** The values one source gives. */
export interface Source {
  readonly kind: SourceKind;
  /** How this source spells a setting, for messages and as the origin of the value. */
  readonly name: (key: SettingKey) => string;
  /** Relative paths start here. */
  readonly folder: string;
  readonly values: ReadonlyMap<SettingKey, unknown>;
  /** Names that are no settings. */
  readonly problems: readonly string[];
}

/** What the command line gave, by setting; `services` may be repeated. */
export type Flags = Readonly<Partial<Record<SettingKey, string | readonly string[]>>>;
export type Environment = Readonly<Record<string, string | undefined>>;

const NUMBERS = new Set<SettingKey>([
  'idleTimeoutMs',
  'maxConnections',
  'maxConnectionsPerAddress',
  'drainAcceptMs',
  'drainTimeoutMs',
  'storageQuotaBytes',
  'storageQuotaBlobs',
  'storageGraceMs',
  'storageScrubBytesPerSecond',
  'mailboxBodyBytesMax',
]);
const SWITCHED = new Set<SettingKey>(['compression', 'loadShedding']);
const SWITCHES: Readonly<Record<string, boolean>> = { on: true, true: true, off: false, false: false };

/** A value that came as text, in the type its setting has; what makes no sense stays as it is and is refused later. */
function fromText(key: SettingKey, text: string): unknown {
  if (NUMBERS.has(key)) return /^\d+$/.test(text) ? Number(text) : text;
  if (SWITCHED.has(key)) return SWITCHES[text] ?? text;
  return key === 'services' ? text.split(',').map((item) => item.trim()) : text;
}

/** The values of the command line. */
export function flagSource(flags: Flags, folder: string): Source {
  const values = new Map<SettingKey, unknown>();
  for (const key of SETTING_KEYS) {
    const value = flags[key];
    if (value !== undefined) values.set(key, typeof value === 'string' ? fromText(key, value) : value);
  }
  return { kind: 'flag', name: (key) => flagName(key) ?? fileName(key), folder, values, problems: [] };
}

/** The values of the environment; an empty variable counts as not set. */
export function environmentSource(env: Environment, folder: string): Source {
  const values = new Map<SettingKey, unknown>();
  for (const key of SETTING_KEYS) {
    const text = env[environmentName(key)];
    if (text !== undefined && text !== '') values.set(key, fromText(key, text));
  }
  const problems = unknownVariables(env).map((name) => `${name} is no setting${guess(name, knownVariables())}`);
  return { kind: 'environment', name: environmentName, folder, values, problems };
}

/** The path of the configuration file, if one is named. */
export function configFilePath(flag: string | undefined, env: Environment, folder: string): string | undefined {
  const variable = env[CONFIG_FILE_VARIABLE];
  const named = flag ?? (variable === '' ? undefined : variable);
  return named === undefined ? undefined : resolve(folder, named);
}

/**
 * The values of a configuration file. Its relative paths start at its own
 * folder, so that it means the same wherever the node is started.
 *
 * @throws ConfigError when it cannot be read or is no JSON object
 */
export function fileSource(path: string): Source {
  const content = readObject(path);
  const values = new Map<SettingKey, unknown>();
  const problems: string[] = [];
  for (const [name, value] of Object.entries(content)) {
    const key = keyOfFileName(name);
    if (key !== undefined) values.set(key, value);
    else problems.push(`${path}: "${name}" is no setting${guess(name, SETTING_KEYS.map(fileName))}`);
  }
  return { kind: 'file', name: (key) => `${path}: ${fileName(key)}`, folder: dirname(path), values, problems };
}

function readObject(path: string): object {
  let content: unknown;
  try {
    if (statSync(path).size > CONFIG_FILE_BYTES_MAX) throw new Error(`it is larger than ${CONFIG_FILE_BYTES_MAX} bytes`);
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    // The parser quotes what it stumbles over; a file named by mistake may hold secrets.
    const why = cause instanceof SyntaxError ? 'it is not JSON' : (cause as Error).message;
    throw new ConfigError([`cannot use the configuration file ${path}: ${why}`], { cause });
  }
  if (typeof content === 'object' && content !== null && !Array.isArray(content)) return content;
  throw new ConfigError([`cannot use the configuration file ${path}: it is not one JSON object`]);
}

function guess(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  return nearest === undefined ? '; `omnigate config` shows all settings' : `; did you mean ${nearest}?`;
}
