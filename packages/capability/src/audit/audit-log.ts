import { unlink } from 'node:fs/promises';
import { join } from 'node:path';

import { CapabilityError } from '../capability-error.ts';
import type { DenialReason } from '../denial.ts';
import { FileLock } from '../files/file-lock.ts';
import { identityOf } from '../token.ts';
import {
  AUDIT_FILE_BYTES_MAX,
  AUDIT_FILES_MAX,
  AUDIT_LINE_BYTES_MAX,
  AUDIT_QUEUE_RECORDS_MAX,
  AUDIT_SEAL_INTERVAL_MS,
  AUDIT_TEXT_CHARS_MAX,
} from '../limits.ts';
import { auditFilePath, listAuditFiles, readAuditHead, writeAuditHead } from './audit-files.ts';
import { auditStart, formatAuditLine } from './audit-line.ts';
import type { AuditPosition, AuditRecord } from './audit-line.ts';
import { AuditSegment } from './audit-segment.ts';
import { DenialSampler } from './denial-sampler.ts';

/** Where an audit log is and who writes it. */
export interface AuditLogOptions {
  readonly folder: string;
  /** Name of the log, one for each kind of process: lower-case letters, digits and `-`. */
  readonly log: string;
  /** The audit key, 32 bytes. */
  readonly key: Uint8Array;
  /** Unix time, milliseconds; the system's when absent. */
  readonly now?: () => number;
  /** Told when records could not be written; what was omitted is counted in a later record. */
  readonly onError?: (error: unknown) => void;
  /** Size of one file, bytes, and how many are kept; AUDIT_FILE_BYTES_MAX and AUDIT_FILES_MAX when absent. */
  readonly fileBytesMax?: number;
  readonly filesMax?: number;
}

/** A request that was refused; everything a peer chose is cut to AUDIT_TEXT_CHARS_MAX. */
export interface DeniedRequest {
  readonly reason: DenialReason;
  /** 32 hex digits, as the frame said. */
  readonly tenant: string;
  readonly app: number;
  readonly op: number;
  /** Address of the peer. */
  readonly peer: string;
  /** Of the capability, when it could be verified. */
  readonly kid?: string | undefined;
  readonly nonce?: string | undefined;
  /** The capability otherwise, as it was received: what it says of itself is recorded, never the bytes. */
  readonly capability?: Uint8Array | undefined;
}

interface Waiting {
  readonly record: AuditRecord;
  readonly atMs: number;
  readonly reason: DenialReason | undefined;
  readonly written: (() => void) | undefined;
  readonly failed: ((error: unknown) => void) | undefined;
}

/**
 * Appends to an audit log: one process at a time, whole lines only, each carrying
 * the MAC of the one before, and a sealed head that says how many there are.
 */
export class AuditLog implements AsyncDisposable {
  readonly #options: AuditLogOptions;
  readonly #lock: FileLock;
  readonly #now: () => number;
  readonly #sampler = new DenialSampler();
  readonly #queue: Waiting[] = [];
  #segment: AuditSegment;
  #position: AuditPosition;
  /** What the head says; `undefined` until this object has written it. */
  #sealed: AuditPosition | undefined;
  #writing: Promise<void> | undefined;
  #sealTimer: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(options: AuditLogOptions, lock: FileLock, segment: AuditSegment, position: AuditPosition) {
    this.#options = options;
    this.#lock = lock;
    this.#now = options.now ?? Date.now;
    this.#segment = segment;
    this.#position = position;
  }

  /**
   * Opens a log, or begins it.
   *
   * @throws CapabilityError file_locked, file_mode, file_damaged, audit_damaged
   */
  static async open(options: AuditLogOptions): Promise<AuditLog> {
    const { folder, log, key } = options;
    const lock = await FileLock.acquire(join(folder, log));
    let segment: AuditSegment | undefined;
    try {
      const end = await openEnd(folder, log, key);
      segment = end.segment;
      const audit = new AuditLog(options, lock, segment, end.position);
      await audit.#seal();
      if (end.tornBytes > 0) await audit.append({ event: 'recovered', torn_bytes: end.tornBytes });
      return audit;
    } catch (error) {
      await segment?.close();
      await lock.release();
      throw error;
    }
  }

  /** Lines in the log, those that are not sealed yet included. */
  get count(): number {
    return this.#position.count;
  }

  /**
   * Writes a record; it is on the disk, and sealed, when the promise is fulfilled.
   *
   * @throws CapabilityError audit_unavailable
   * @throws RangeError for a record that cannot be a line
   */
  async append(record: AuditRecord): Promise<void> {
    if (this.#closed || this.#queue.length >= AUDIT_QUEUE_RECORDS_MAX) throw unavailable('the log is closed or too many records wait');
    const atMs = this.#now();
    const { line } = formatAuditLine(this.#options.key, this.#position, atMs, record);
    // Its number may have more digits by the time it is written.
    if (line.length + 16 > AUDIT_LINE_BYTES_MAX) throw new RangeError('the audit record is too long');
    await new Promise<void>((written, failed) => {
      this.#queue.push({ record, atMs, reason: undefined, written, failed });
      this.#write();
    });
  }

  /** Records a denial, or counts it when there are too many. Never waits and never throws. */
  denied(request: DeniedRequest): void {
    if (this.#closed) return;
    const { reason } = request;
    const atMs = this.#now();
    if (this.#sampler.take(reason, atMs)) {
      if (this.#queue.length < AUDIT_QUEUE_RECORDS_MAX) {
        this.#queue.push({ record: denialRecord(request), atMs, reason, written: undefined, failed: undefined });
        this.#write();
      } else {
        this.#sampler.omit(reason);
      }
    }
    this.#sealTimer ??= setTimeout(() => {
      this.#sealTimer = undefined;
      this.#queueOmitted();
      this.#write();
    }, AUDIT_SEAL_INTERVAL_MS).unref();
  }

  /** Writes and seals what is waiting, and lets another process write. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#sealTimer);
    this.#sealTimer = undefined;
    this.#queueOmitted();
    this.#write();
    try {
      await this.#writing;
      await this.#segment.close();
    } finally {
      await this.#lock.release();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #queueOmitted(): void {
    const atMs = this.#now();
    for (const { reason, omitted } of this.#sampler.drain()) {
      this.#queue.push({ record: { event: 'denials_omitted', reason, omitted }, atMs, reason: undefined, written: undefined, failed: undefined });
    }
  }

  /** Starts the one writer, unless it runs already and will find what is new. */
  #write(): void {
    this.#writing ??= this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    // Whoever queues in this turn of the event loop is in the first batch.
    await Promise.resolve();
    do {
      const batch = this.#queue.splice(0);
      try {
        await this.#writeBatch(batch);
        // What only denials wait for is sealed when the timer says so.
        if (this.#sealTimer === undefined || batch.some(({ written }) => written !== undefined)) await this.#seal();
        for (const { written } of batch) written?.();
      } catch (error) {
        for (const { reason, failed } of batch) {
          if (reason !== undefined) this.#sampler.omit(reason);
          failed?.(unavailable('it could not be written', error));
        }
        this.#options.onError?.(error);
      }
    } while (this.#queue.length > 0);
    this.#writing = undefined;
  }

  async #writeBatch(batch: readonly Waiting[]): Promise<void> {
    const { fileBytesMax = AUDIT_FILE_BYTES_MAX } = this.#options;
    let { lines, position } = this.#format(batch);
    if (this.#segment.bytes > 0 && this.#segment.bytes + lines.length > fileBytesMax) {
      await this.#nextFile();
      ({ lines, position } = this.#format(batch));
    }
    if (lines === '') return;
    await this.#segment.append(lines);
    this.#position = position;
  }

  #format(batch: readonly Waiting[]): { lines: string; position: AuditPosition } {
    let position = this.#position;
    let lines = '';
    for (const { record, atMs } of batch) {
      const next = formatAuditLine(this.#options.key, position, atMs, record);
      lines += `${next.line}\n`;
      position = next.position;
    }
    return { lines, position };
  }

  /** Goes on in a new file, and removes the oldest ones after recording that. */
  async #nextFile(): Promise<void> {
    const { folder, log, filesMax = AUDIT_FILES_MAX } = this.#options;
    await this.#seal();
    const full = this.#segment;
    this.#segment = await AuditSegment.create(auditFilePath(folder, log, this.#position.count + 1));
    await full.close();
    const files = await listAuditFiles(folder, log);
    const kept = files.slice(-filesMax);
    const through = (kept[0]?.first ?? 1) - 1;
    if (kept.length === files.length) return;
    const { line, position } = formatAuditLine(this.#options.key, this.#position, this.#now(), { event: 'prune', through });
    await this.#segment.append(`${line}\n`);
    this.#position = position;
    await this.#seal();
    for (const { path } of files.slice(0, -filesMax)) await unlink(path);
  }

  /** Makes what was appended durable, then says how much it is; in this order, so that the head never claims too much. */
  async #seal(): Promise<void> {
    const { folder, log, key } = this.#options;
    const position = this.#position;
    if (position === this.#sealed) return;
    await this.#segment.sync();
    await writeAuditHead(folder, log, key, position);
    this.#sealed = position;
  }
}

/** The last file of a log with the position behind its last line, or a new file for a new log. */
async function openEnd(folder: string, log: string, key: Uint8Array): Promise<{ segment: AuditSegment; position: AuditPosition; tornBytes: number }> {
  const head = await readAuditHead(folder, log, key);
  const start = auditStart(key, log);
  const files = await listAuditFiles(folder, log);
  const last = files.at(-1);
  if (last === undefined) {
    if ((head?.count ?? 0) > 0) throw shortened(folder, log);
    return { segment: await AuditSegment.create(auditFilePath(folder, log, 1)), position: start, tornBytes: 0 };
  }
  const { segment, position, tornBytes } = await AuditSegment.reopen(last.path, key);
  // A file without a whole line was begun just before a crash; the head tells what is in front of it.
  const end = position ?? (head !== undefined && head.count === last.first - 1 ? head : undefined) ?? (last.first === 1 ? start : undefined);
  if (end === undefined || end.count < (head?.count ?? 0)) {
    await segment.close();
    throw shortened(folder, log);
  }
  return { segment, position: end, tornBytes };
}

function denialRecord({ reason, tenant, app, op, peer, capability, ...verified }: DeniedRequest): AuditRecord {
  const cut = (text: string) => text.slice(0, AUDIT_TEXT_CHARS_MAX);
  const { kid, nonce } = capability === undefined ? verified : (identityOf(capability) ?? verified);
  return {
    event: 'denial',
    reason,
    tenant: cut(tenant),
    app,
    op,
    peer: cut(peer),
    ...(kid === undefined ? {} : { kid: cut(kid) }),
    ...(nonce === undefined ? {} : { nonce: cut(nonce) }),
  };
}

function unavailable(why: string, cause?: unknown): CapabilityError {
  return new CapabilityError('audit_unavailable', `The audit record was not written: ${why}.`, 'Make room on the disk and see that its folder can be written.', { cause });
}

function shortened(folder: string, log: string): CapabilityError {
  return new CapabilityError('audit_damaged', `The audit log ${log} in ${folder} is shorter than its head says.`, 'Find out who shortened it, keep the folder as evidence, and begin a new one.');
}
