import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { STORAGE_CONNECTIONS, STORAGE_HOT_BLOBS, STORAGE_LARGE_BYTES, STORAGE_PUTS_AT_ONCE, STORAGE_SMALL_BYTES, STORAGE_WIDE_BLOBS } from '../bounds.ts';
import { fileContent } from '../clients/file-content.ts';
import type { Downloads } from '../clients/get-framing.ts';
import { WorkerProcess } from '../process/worker-process.ts';
import type { Address } from '../process/worker-protocol.ts';
import type { Contestant } from './contestant.ts';
import { GuardedNode, tenantOf } from './guarded-node.ts';
import { scaled } from './plan.ts';
import type { Run } from './plan.ts';

/** Where packages of Linux put it. */
const NGINX_PROGRAMS = ['/usr/sbin/nginx', '/usr/local/sbin/nginx', '/usr/bin/nginx', '/usr/local/bin/nginx'];
/** Blobs that the client puts in one operation, which has a time limit. */
const PUT_BATCH = 256;

/** One kind of download: files of one size from the `first` on. */
export interface DownloadKind {
  readonly name: string;
  readonly sizeBytes: number;
  readonly connections: number;
  readonly first: number;
  readonly count: number;
}

/** The same files in a node, behind node:http, and behind nginx where there is one. */
export class StorageSite implements AsyncDisposable {
  readonly kinds: readonly DownloadKind[];
  readonly contestants: readonly Contestant[];
  readonly #node: GuardedNode;
  readonly #sdk = new WorkerProcess('clients/storage-sdk-main');
  readonly #folder = mkdtempSync(join(tmpdir(), 'omnigate-performance-'));
  /** Ids of the files in the node. */
  readonly #ids: string[] = [];
  #caller: Downloads['caller'] = { tenant: tenantOf(1), capability: new Uint8Array(0) };

  private constructor(run: Run) {
    const wide = scaled(STORAGE_WIDE_BLOBS, run, 16);
    const small = { sizeBytes: STORAGE_SMALL_BYTES, connections: STORAGE_CONNECTIONS, first: 0 };
    this.kinds = [
      { ...small, name: '64 KiB, hot', count: scaled(STORAGE_HOT_BLOBS, run, 8) },
      { ...small, name: '64 KiB, wide', count: wide },
      { name: '256 MiB', sizeBytes: scaled(STORAGE_LARGE_BYTES, run, 2_000_000), connections: 1, first: wide, count: 1 },
    ];
    for (const { sizeBytes, first, count } of this.kinds) {
      for (let n = first; n < first + count; n++) writeFileSync(join(this.#folder, fileName(n)), fileContent(n, sizeBytes));
    }
    this.#node = new GuardedNode({}, run.serverArgs);
    const http = (subject: string, server: WorkerProcess): Contestant => ({ subject, server, client: new WorkerProcess('clients/get-main', ['http']) });
    this.contestants = [
      { subject: 'node, raw client', server: this.#node.worker, client: new WorkerProcess('clients/get-main', ['oap']) },
      { subject: 'node, SDK', server: this.#node.worker, client: this.#sdk },
      http('node:http', new WorkerProcess('servers/files-http-main', [this.#folder])),
      ...nginxPrograms().map((program) => http('nginx', new WorkerProcess('servers/nginx-main', [this.#folder, program]))),
    ];
  }

  /** Writes the files and puts them into the node. */
  static async open(run: Run): Promise<StorageSite> {
    const site = new StorageSite(run);
    try {
      await site.#putAll();
    } catch (error) {
      await site[Symbol.asyncDispose]();
      throw error;
    }
    return site;
  }

  /** Makes a contestant ready for a kind of download; a node that is overloaded takes no new connections. */
  async openFor({ server, client, subject }: Contestant, { first, count, sizeBytes, connections }: DownloadKind): Promise<void> {
    const numbers = Array.from({ length: count }, (_, index) => first + index);
    const ofNode = subject.startsWith('node, ');
    const names = numbers.map((n) => (ofNode ? (this.#ids[n] as string) : fileName(n)));
    const downloads: Downloads = { names, sizeBytes, caller: this.#caller };
    if (ofNode) await this.#node.secondsUntilReady();
    await client.ask('open', { address: await server.ask<Address>('address'), connections, downloads });
  }

  /** The client of the node that puts, with so many connections. */
  async putter(connections: number): Promise<WorkerProcess> {
    const downloads: Downloads = { names: [], sizeBytes: 0, caller: this.#caller };
    await this.#node.secondsUntilReady();
    await this.#sdk.ask('open', { address: await this.#node.address(), connections, downloads });
    return this.#sdk;
  }

  /** Ids of small blobs, repeated until there are as many. */
  ids(count: number): string[] {
    const small = this.#ids.slice(0, -1);
    return Array.from({ length: count }, (_, index) => small[index % small.length] as string);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const workers = this.contestants.flatMap(({ server, client }) => [server, client]);
    await Promise.all(workers.map((worker) => worker[Symbol.asyncDispose]()));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #putAll(): Promise<void> {
    const { tenant } = this.#caller;
    const [capability] = await this.#node.mint([tenant]);
    this.#caller = { tenant, capability: capability as Uint8Array };
    const client = await this.putter(STORAGE_PUTS_AT_ONCE);
    for (const { first, count, sizeBytes } of this.kinds) {
      for (let n = Math.max(first, this.#ids.length); n < first + count; n = this.#ids.length) {
        const batch = Math.min(PUT_BATCH, first + count - n);
        this.#ids.push(...(await client.ask<string[]>('put', { first: n, count: batch, sizeBytes })));
      }
    }
  }
}

/** All of one length, so that all requests are. */
function fileName(number: number): string {
  return String(number).padStart(8, '0');
}

/** The nginx of this machine, if it has one. */
function nginxPrograms(): string[] {
  return NGINX_PROGRAMS.filter((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  }).slice(0, 1);
}
