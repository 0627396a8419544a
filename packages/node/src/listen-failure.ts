import type { ListenAddress } from '@omnigate/kernel';
import { ConfigError } from './config/config-error.ts';
import { formatListenAddress } from './config/listen-address.ts';
import { shortestName } from './config/names.ts';
import type { SettingKey } from './config/settings.ts';

const FIXES: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there; stop it, or choose another port, or port 0 for any free one,',
  EACCES: 'ports below 1024 need privileges; choose a higher port',
  EADDRNOTAVAIL: 'no interface of this machine has the address; choose one that has',
  ENOTFOUND: 'the host name is unknown; name an address of this machine',
};

/**
 * What to tell the operator when a listener does not start.
 *
 * @param key the setting that holds the address
 */
export function listenFailure(key: SettingKey, address: ListenAddress, error: unknown): Error {
  const { code, message } = error as NodeJS.ErrnoException;
  // Without a code it is not the network that refused, but a file that the listener needs.
  if (code === undefined) return new ConfigError([message], { cause: error });
  const fix = FIXES[code] ?? `${message}; choose another address`;
  return new Error(`cannot listen on ${formatListenAddress(address)} (${code}): ${fix} with ${shortestName(key)}`, {
    cause: error,
  });
}
