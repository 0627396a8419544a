import { SETTING_KEYS } from './settings.ts';
import type { SettingKey } from './settings.ts';

/** Names the configuration file, and is itself no setting. */
export const CONFIG_FILE_VARIABLE = 'OMNIGATE_CONFIG';
const PREFIX = 'OMNIGATE_';

/** Settings with a flag of `omnigate start`; the others are set once for a machine and not for a run. */
const FLAGS: Partial<Record<SettingKey, string>> = {
  data: '--data',
  oap: '--oap',
  oaps: '--oaps',
  tlsCert: '--tls-cert',
  tlsKey: '--tls-key',
  tlsClientCa: '--tls-client-ca',
  admin: '--admin',
  quotas: '--quotas',
  services: '--service',
  logLevel: '--log-level',
};

/** `tlsCert` as the configuration file spells it: `tls_cert`. */
export function fileName(key: SettingKey): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** `tlsCert` as the environment spells it: `OMNIGATE_TLS_CERT`. */
export function environmentName(key: SettingKey): string {
  return PREFIX + fileName(key).toUpperCase();
}

/** The flag of a setting, if it has one. */
export function flagName(key: SettingKey): string | undefined {
  return FLAGS[key];
}

/** How to set `key` from where a person types: its flag, else its variable. */
export function shortestName(key: SettingKey): string {
  return flagName(key) ?? environmentName(key);
}

/** The setting that a configuration file means by `name`. */
export function keyOfFileName(name: string): SettingKey | undefined {
  return SETTING_KEYS.find((key) => fileName(key) === name);
}

/** Variables of the environment that look like ours and are not. */
export function unknownVariables(env: Readonly<Record<string, string | undefined>>): string[] {
  const known = new Set(knownVariables());
  return Object.keys(env).filter((name) => name.startsWith(PREFIX) && !known.has(name));
}

/** All variables that are read. */
export function knownVariables(): string[] {
  return [CONFIG_FILE_VARIABLE, ...SETTING_KEYS.map(environmentName)];
}
