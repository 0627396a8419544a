import { pathToFileURL } from 'node:url';
import type { Service } from '@omnigate/kernel';
import { ConfigError } from './config/config-error.ts';

/**
 * The service that an ES module exports, as `service` or as its default.
 *
 * @param path absolute path of the module
 * @throws ConfigError when there is no such module, it fails, or exports no service
 */
export async function loadService(path: string): Promise<Service> {
  let exported: Readonly<Record<string, unknown>>;
  try {
    exported = (await import(pathToFileURL(path).href)) as Readonly<Record<string, unknown>>;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError([`cannot load the service ${path}: ${why}`], { cause });
  }
  const candidate = exported['service'] ?? exported['default'];
  if (candidate === undefined) {
    throw new ConfigError([`${path} exports no service; add "export const service = defineService({ ... })"`]);
  }
  const fault = faultOf(candidate);
  if (fault === undefined) return candidate as Service;
  throw new ConfigError([`the service that ${path} exports ${fault}; defineService of @omnigate/kernel makes a whole one`]);
}

/** What a value lacks to be a service; programs in JavaScript have no compiler that tells them. */
function faultOf(candidate: unknown): string | undefined {
  if (typeof candidate !== 'object' || candidate === null) return 'is no object';
  const { appProtoId, name, access, onRequest } = candidate as Partial<Record<keyof Service, unknown>>;
  if (typeof appProtoId !== 'number') return 'has no appProtoId';
  if (typeof name !== 'string' || !/^[a-z][a-z0-9_-]{0,63}$/.test(name)) {
    return 'has no name of small letters, digits, - and _';
  }
  if (access !== 'open' && access !== 'capability') return "says neither access: 'open' nor 'capability'";
  return typeof onRequest === 'function' ? undefined : 'has no onRequest';
}
