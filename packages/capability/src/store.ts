import { access } from 'node:fs/promises';
import { join } from 'node:path';

import { AuditLog } from './audit/audit-log.ts';
import { createAuditKeyFile, readAuditKey } from './audit/audit-key.ts';
import { listAuditLogs } from './audit/audit-files.ts';
import type { AuditRecord } from './audit/audit-line.ts';
import { verifyAuditLog } from './audit/audit-verify.ts';
import type { AuditVerdict } from './audit/audit-verify.ts';
import { CapabilityError } from './capability-error.ts';
import { withFileLock } from './files/file-lock.ts';
import { checkPrivateFolder, damagedFile, makePrivateFolder, privateFileVersion } from './files/private-file.ts';
import type { FileVersion } from './files/private-file.ts';
import { Keyring } from './keyring.ts';
import type { KeyOptions } from './keyring.ts';
import { changeKeyringFile, createKeyringFile, readKeyring } from './keyring-file.ts';
import { CLOCK_SKEW_MS, STORE_POLL_MS } from './limits.ts';
import { mintCapability } from './mint.ts';
import type { MintedCapability, MintOptions } from './mint.ts';
import type { RevocationEvent, RevocationList, RevocationTarget } from './revocations.ts';
import { changeRevocationsFile, createRevocationsFile, readRevocations } from './revocations-file.ts';
import { CapabilityVerifier } from './verifier.ts';

/** Folder of the store below the data directory of a node: the node and its tools agree on it here. */
export const CAPABILITY_FOLDER = 'capability';

/** How to open a store. */
export interface StoreOptions {
  /** Usually {@link CAPABILITY_FOLDER} below a node's data directory. */
  readonly folder: string;
  /** Name of the audit log this process writes, such as `node`; no process shares it while it runs. */
  readonly auditLog: string;
  /** Unix time, milliseconds; the system's when absent. */
  readonly now?: () => number;
  /** Told what went wrong outside of a call: a file that became unreadable, a record that was not written. */
  readonly onError?: (error: unknown) => void;
}

const paths = (folder: string) => ({
  keyring: join(folder, 'keyring.json'),
  revocations: join(folder, 'revocations.json'),
  auditKey: join(folder, 'audit.key'),
  audit: join(folder, 'audit'),
});

/**
 * Keys, revocations and audit log of one node in one folder, and a verifier that
 * follows them. Several processes may have a store open: each change is made under
 * a lock, written in one step, and seen by the others when they refresh.
 */
export class CapabilityStore implements AsyncDisposable {
  readonly verifier: CapabilityVerifier;
  readonly audit: AuditLog;

  readonly #options: StoreOptions;
  readonly #now: () => number;
  readonly #listeners = new Set<(event: RevocationEvent) => void>();
  #keyringVersion: FileVersion;
  #revocationsVersion: FileVersion;
  #timer: NodeJS.Timeout | undefined;
  #lastTrouble = '';
  /** Ends with what was begun last: changes and refreshes take turns. */
  #turn: Promise<unknown> = Promise.resolve();
  #polling = false;

  private constructor(options: StoreOptions, verifier: CapabilityVerifier, audit: AuditLog, versions: readonly [FileVersion, FileVersion]) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.verifier = verifier;
    this.audit = audit;
    [this.#keyringVersion, this.#revocationsVersion] = versions;
  }

  /**
   * Makes the files of a new store: a keyring, no revocations, an audit key.
   *
   * @throws CapabilityError file_exists, file_mode
   */
  static async create(folder: string, key: KeyOptions): Promise<void> {
    const files = paths(folder);
    await makePrivateFolder(files.audit);
    await checkPrivateFolder(folder);
    // A node that starts and a tool beside it may both find no store.
    await withFileLock(join(folder, 'store'), async () => {
      // The keyring is last: a store with a keyring is complete.
      if (await isThere(files.keyring)) {
        throw new CapabilityError('file_exists', `${folder} has a keyring.`, 'Use it, or name another data folder.');
      }
      if (!(await isThere(files.auditKey))) await createAuditKeyFile(files.auditKey);
      if (!(await isThere(files.revocations))) await createRevocationsFile(files.revocations);
      await createKeyringFile(files.keyring, Keyring.create(key));
    });
  }

  /**
   * @throws CapabilityError file_missing, file_mode, file_damaged, file_locked, audit_damaged
   */
  static async open(options: StoreOptions): Promise<CapabilityStore> {
    const { folder, auditLog, now, onError } = options;
    const files = paths(folder);
    const { keyring, version, revocations, revocationsVersion } = await readState(folder);
    const key = await readAuditKey(files.auditKey);
    const audit = await AuditLog.open({ folder: files.audit, log: auditLog, key, ...(now && { now }), ...(onError && { onError }) });
    return new CapabilityStore(options, new CapabilityVerifier(keyring, revocations), audit, [version, revocationsVersion]);
  }

  /**
   * Keys and revocations as they are now, for a look: opens no audit log, so it
   * neither writes nor waits for whoever does.
   *
   * @throws CapabilityError file_missing, file_mode, file_damaged
   */
  static async readVerifier(folder: string): Promise<CapabilityVerifier> {
    const { keyring, revocations } = await readState(folder);
    return new CapabilityVerifier(keyring, revocations);
  }

  /** Where the audit logs of a store are. */
  static auditFolder(folder: string): string {
    return paths(folder).audit;
  }

  /**
   * Verifies every audit log of a store without opening it, by name.
   *
   * @throws CapabilityError file_missing, file_mode, file_damaged
   */
  static async verifyAudit(folder: string): Promise<Map<string, AuditVerdict>> {
    const files = paths(folder);
    const key = await readAuditKey(files.auditKey);
    const verdicts = new Map<string, AuditVerdict>();
    for (const log of await listAuditLogs(files.audit)) verdicts.set(log, await verifyAuditLog(files.audit, log, key));
    return verdicts;
  }

  get keyring(): Keyring {
    return this.verifier.keyring;
  }

  get revocations(): RevocationList {
    return this.verifier.revocations;
  }

  /** Mints a capability, and records that before anybody has it. See {@link mintCapability}. */
  async mint(options: Omit<MintOptions, 'nowMs'>): Promise<MintedCapability> {
    const minted = mintCapability(this.keyring, { ...options, nowMs: this.#now() });
    const { kid, nonce, tenant, expiresAtMs, caveats } = minted;
    await this.audit.append({ event: 'mint', kid, nonce, tenant, expires_at_ms: expiresAtMs, caveats });
    return minted;
  }

  /** See {@link Keyring.rotate}. */
  async rotate(options: Omit<KeyOptions, 'nowMs'> = {}): Promise<Keyring> {
    return this.#changeKeyring((keyring) => keyring.rotate({ ...options, nowMs: this.#now() }), (keyring) => ({ event: 'rotate', kid: keyring.active.kid }));
  }

  /** See {@link Keyring.retire}. */
  async retire(kid: string, force = false): Promise<Keyring> {
    return this.#changeKeyring((keyring) => keyring.retire(kid, this.#now(), force), () => ({ event: 'retire', kid, force }));
  }

  /** Revokes a token and everything attenuated from it. */
  async revokeToken(nonce: string): Promise<RevocationList> {
    if (!/^[0-9a-f]{32}$/.test(nonce)) throw new CapabilityError('caveat_invalid', 'That is no nonce.', 'Copy the 32 hex digits that inspecting the token shows.');
    return this.#revoke({ nonce });
  }

  /** Revokes what a tenant holds, apart from tokens issued after `issuedUntilMs` (now when absent). */
  async revokeTenant(tenant: string, issuedUntilMs = this.#now()): Promise<RevocationList> {
    if (!/^[0-9a-f]{32}$/.test(tenant)) throw new CapabilityError('caveat_invalid', 'That is no tenant.', 'Write the tenant as 32 lower-case hex digits.');
    const latest = this.#now() + CLOCK_SKEW_MS;
    if (!(issuedUntilMs <= latest)) throw new CapabilityError('caveat_invalid', 'Tokens that are not issued yet cannot be revoked.', 'Name a moment in the past.');
    return this.#revoke({ tenant, issuedUntilMs });
  }

  /** Calls `listener` for every revocation that this store learns of, from whatever process; gives what ends that. */
  onRevocation(listener: (event: RevocationEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Reads what other processes changed. What cannot be read leaves all as it was.
   *
   * @throws CapabilityError file_missing, file_mode, file_damaged
   */
  async refresh(): Promise<void> {
    await this.#inTurn(async () => {
      const files = paths(this.#options.folder);
      if ((await privateFileVersion(files.revocations)) !== this.#revocationsVersion) {
        const { revocations, version } = await readRevocations(files.revocations);
        this.#adoptRevocations(revocations);
        this.#revocationsVersion = version;
      }
      if ((await privateFileVersion(files.keyring)) !== this.#keyringVersion) {
        const { keyring, version } = await readKeyring(files.keyring);
        this.verifier.setKeyring(keyring);
        this.#keyringVersion = version;
      }
    });
  }

  /** Refreshes every STORE_POLL_MS until the store is closed. The same trouble is told once. */
  watch(): void {
    this.#timer ??= setInterval(() => {
      if (!this.#polling) void this.#poll();
    }, STORE_POLL_MS).unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#turn;
    this.#listeners.clear();
    await this.audit.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #poll(): Promise<void> {
    this.#polling = true;
    try {
      await this.refresh();
      this.#lastTrouble = '';
    } catch (error) {
      const trouble = String(error);
      if (trouble !== this.#lastTrouble) this.#options.onError?.(error);
      this.#lastTrouble = trouble;
    } finally {
      this.#polling = false;
    }
  }

  async #changeKeyring(change: (keyring: Keyring) => Keyring, record: (keyring: Keyring) => AuditRecord): Promise<Keyring> {
    return this.#inTurn(async () => {
      const changed = await changeKeyringFile(paths(this.#options.folder).keyring, change);
      this.verifier.setKeyring(changed);
      await this.audit.append(record(changed));
      return changed;
    });
  }

  async #revoke(target: RevocationTarget): Promise<RevocationList> {
    const files = paths(this.#options.folder);
    return this.#inTurn(async () => {
      const nowMs = this.#now();
      const { keyring } = await readKeyring(files.keyring);
      const ttlMaxMs = Math.max(...keyring.keys.map((key) => key.ttlMaxMs));
      // Issued by a clock that is ahead, judged by one that is behind.
      const forgetAtMs = nowMs + ttlMaxMs + 2 * CLOCK_SKEW_MS;
      const changed = await changeRevocationsFile(files.revocations, (list) => list.add(target, nowMs, forgetAtMs));
      this.#adoptRevocations(changed);
      const { sequence } = changed;
      await this.audit.append(
        'nonce' in target
          ? { event: 'revoke', sequence, nonce: target.nonce }
          : { event: 'revoke', sequence, tenant: target.tenant, issued_until_ms: target.issuedUntilMs },
      );
      return changed;
    });
  }

  /** @throws CapabilityError file_damaged when revocations have disappeared, as with a file from a backup */
  #adoptRevocations(revocations: RevocationList): void {
    const { sequence } = this.revocations;
    if (revocations.sequence < sequence) {
      const path = paths(this.#options.folder).revocations;
      throw damagedFile(path, `its sequence went back from ${sequence} to ${revocations.sequence}`);
    }
    this.verifier.setRevocations(revocations);
    if (revocations.sequence === sequence) return;
    const event: RevocationEvent = Object.freeze({ sequence: revocations.sequence, added: revocations.addedSince(sequence) });
    for (const listener of this.#listeners) listener(event);
  }

  async #inTurn<Result>(task: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(task);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

async function readState(folder: string) {
  const files = paths(folder);
  await checkPrivateFolder(folder);
  const { keyring, version } = await readKeyring(files.keyring);
  const { revocations, version: revocationsVersion } = await readRevocations(files.revocations);
  return { keyring, version, revocations, revocationsVersion };
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(() => true, () => false);
}
