import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TemporaryFolder } from '@omnigate/harness';
import { jsonOf, ronctl, textOf, written } from './run-ronctl.ts';
import type { Result } from './run-ronctl.ts';

export const TENANT = '00112233445566778899aabbccddeeff';
export const OTHER_TENANT = 'ffeeddccbbaa99887766554433221100';

/** A file in the capability store of a data directory. */
export const storeFile = (data: string, name: string): string => join(data, 'capability', name);

/** Mints for {@link TENANT}. */
export const mint = async (data: string, ...args: string[]): Promise<string> =>
  textOf(await ronctl(['cap', 'mint', '--data', data, '--tenant', TENANT, ...args])).trim();

export const verify = (data: string, token: string, ...args: string[]): Promise<Result> =>
  ronctl(['cap', 'verify', '--data', data, '--json', ...args], { env: { RON_CAP: token } });

/** `valid`, or the reason why not. */
export const reasonOf = async (result: Promise<Result>): Promise<unknown> => (jsonOf(await result) as { reason?: string }).reason ?? 'valid';

/** Data directories of one test file, with what must never be seen outside of them. */
export class Stores implements Disposable {
  readonly folder = new TemporaryFolder();
  readonly #datas: string[] = [];
  readonly #secrets = new Set<string>();

  /** A data directory with a store, made by minting. */
  async create(): Promise<string> {
    const data = this.folder.file(`data-${this.#datas.length}`);
    this.#datas.push(data);
    const made = await ronctl(['cap', 'mint', '--create', '--data', data, '--tenant', OTHER_TENANT]);
    if (made.code !== 0) throw new Error(made.stderr);
    this.#learn(data);
    return data;
  }

  /** Secrets of all keys so far. */
  secrets(): string[] {
    for (const data of this.#datas) this.#learn(data);
    return [...this.#secrets];
  }

  /** Texts in which a secret, or in a log a capability, can be seen. */
  leaks(): string[] {
    const secrets = this.secrets();
    const logs = this.#datas.flatMap((data) => readdirSync(storeFile(data, 'audit')).map((name) => readFileSync(storeFile(data, `audit/${name}`), 'utf8')));
    const has = (text: string): boolean => secrets.some((secret) => text.includes(secret));
    return [...written.filter(has), ...logs.filter((text) => has(text) || text.includes('AgEIb21uaWdhdGU'))];
  }

  [Symbol.dispose](): void {
    this.folder[Symbol.dispose]();
  }

  #learn(data: string): void {
    const keyring = readFileSync(storeFile(data, 'keyring.json'), 'utf8');
    for (const [, secret = ''] of keyring.matchAll(/"secret": "([\w-]{43})"/g)) this.#secrets.add(secret);
    this.#secrets.add(readFileSync(storeFile(data, 'audit.key'), 'utf8').trim());
  }
}
