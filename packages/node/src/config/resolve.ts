import { resolve as resolvePath } from 'node:path';
import { ConfigError } from './config-error.ts';
import { formatListenAddress } from './listen-address.ts';
import { shortestName } from './names.ts';
import { contradictions, DATA_FOLDER, SETTING_KEYS, settingsSchema } from './settings.ts';
import type { SettingKey, Settings, SettingsInput } from './settings.ts';
import { configFilePath, environmentSource, fileSource, flagSource } from './sources.ts';
import type { Environment, Flags, Source } from './sources.ts';

/** Settings in effect, and where each came from. */
export interface Config {
  readonly settings: Settings;
  /** Such as `flag --oap`, `environment OMNIGATE_OAP`, `file /etc/omnigate.json`, `default`. */
  readonly origins: Readonly<Record<SettingKey, string>>;
}

/** What configuration is made from. */
export interface ConfigInput {
  readonly flags: Flags;
  /** `--config`. */
  readonly configFile?: string | undefined;
  readonly env: Environment;
  readonly cwd: string;
}

/** Settings that are files or folders, and may be relative. */
const PATHS = new Set<SettingKey>(['data', 'tlsCert', 'tlsKey', 'tlsClientCa', 'quotas', 'services']);

/**
 * Settings from flags, environment and configuration file: the strongest source
 * that names a setting decides it.
 *
 * @throws ConfigError with everything that is wrong, not only the first thing
 */
export function resolveConfig(input: ConfigInput): Config {
  const { flags, configFile, env, cwd } = input;
  const filePath = configFilePath(configFile, env, cwd);
  const sources = [
    flagSource(flags, cwd),
    environmentSource(env, cwd),
    ...(filePath === undefined ? [] : [fileSource(filePath)]),
  ];
  const problems = sources.flatMap((source) => source.problems);
  const values: Record<string, unknown> = { data: resolvePath(cwd, DATA_FOLDER) };
  const origins = {} as Record<SettingKey, string>;
  const sourceOf = new Map<SettingKey, Source>();
  for (const key of SETTING_KEYS) {
    const source = sources.find((candidate) => candidate.values.has(key));
    origins[key] = source === undefined ? 'default' : originOf(source, key, filePath);
    if (source === undefined) continue;
    sourceOf.set(key, source);
    const value = source.values.get(key);
    const problem = problemOf(key, value);
    if (problem === undefined) values[key] = PATHS.has(key) ? absolute(value, source.folder) : value;
    else problems.push(`${source.name(key)} ${problem}`);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  const name = (key: SettingKey): string => sourceOf.get(key)?.name(key) ?? shortestName(key);
  return { settings: parseSettings(values, name), origins: Object.freeze(origins) };
}

/**
 * Settings as an embedding program writes them.
 *
 * @param name spells a setting in messages as its writer knows it
 * @throws ConfigError
 */
export function parseSettings(input: SettingsInput, name: (key: SettingKey) => string = String): Settings {
  const parsed = settingsSchema.safeParse(input);
  if (!parsed.success) {
    throw new ConfigError(parsed.error.issues.map(({ path, message }) => `${path.map(String).join('.')} ${message}`.trim()));
  }
  const problems = contradictions(parsed.data, name);
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(parsed.data);
}

/** A value as a configuration file holds it; `null` when it is not set. */
export function showValue(value: Settings[SettingKey]): string | number | boolean | readonly string[] | null {
  return typeof value === 'object' && 'host' in value ? formatListenAddress(value) : (value ?? null);
}

function problemOf(key: SettingKey, value: unknown): string | undefined {
  const parsed = settingsSchema.shape[key].safeParse(value);
  return parsed.success ? undefined : parsed.error.issues[0]?.message;
}

function originOf(source: Source, key: SettingKey, filePath: string | undefined): string {
  return source.kind === 'file' ? `file ${filePath ?? ''}` : `${source.kind} ${source.name(key)}`;
}

function absolute(value: unknown, folder: string): unknown {
  if (Array.isArray(value)) return value.map((item) => absolute(item, folder));
  return typeof value === 'string' ? resolvePath(folder, value) : value;
}
