/** Also what modules of other packages are called, as built and in source. */
const EXTENSION = import.meta.url.endsWith('.ts') ? '.ts' : '.js';

/** The packages whose modules are fuzzed. */
export type FuzzedPackage = 'capability' | 'gateway' | 'kernel' | 'mailbox' | 'sdk' | 'storage';

const ENTRIES: Readonly<Record<FuzzedPackage, string>> = {
  capability: import.meta.resolve('@omnigate/capability'),
  gateway: import.meta.resolve('@omnigate/gateway'),
  kernel: import.meta.resolve('@omnigate/kernel'),
  mailbox: import.meta.resolve('@omnigate/mailbox'),
  sdk: import.meta.resolve('@omnigate/sdk'),
  storage: import.meta.resolve('@omnigate/storage'),
};

/** Beginning of the URLs of a package's modules, for coverage. */
export function modulesOf(name: FuzzedPackage, path = './'): string {
  return new URL(path, ENTRIES[name]).href;
}

/**
 * A module that its package does not export, found beside the package's entry.
 * Parsers are fuzzed where they are: behind the doors of a package a search would
 * spend its time on sockets and disks. `T` is what the caller uses of it; that it
 * is there shows when the inputs of the corpus are run by the tests.
 *
 * @param path without extension, such as `wire/messagepack`
 */
export async function loadInternal<T>(name: FuzzedPackage, path: string): Promise<T> {
  return (await import(new URL(`${path}${EXTENSION}`, ENTRIES[name]).href)) as T;
}
