import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { STORAGE_CONNECTIONS, STORAGE_HOT_BLOBS, STORAGE_LARGE_BYTES, STORAGE_PUTS_AT_ONCE, STORAGE_SMALL_BYTES, STORAGE_WIDE_BLOBS } from '../bounds.ts';
import { fileContent } from '../clients/file-content.ts';
import type { Downloads } from '../clients/get-framing.ts';
import { nginx } from '../peers/nginx.ts';
import type { PeerServer } from '../peers/peer-server.ts';
import { WorkerProcess } from '../process/worker-process.ts';
import type { Contestant, MeasuredServer } from './contestant.ts';
import { GuardedNode, tenantOf } from './guarded-node.ts';
import { scaled } from './plan.ts';
import type { Run } from './plan.ts';

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

/** The same files in a node, behind node:http and nginx where there is one, and as many bytes out of the memory of a bare server. */
export class StorageSite implements AsyncDisposable {
  readonly kinds: readonly DownloadKind[];
  readonly contestants: Contestant[] = [];
  readonly #processes: AsyncDisposable[] = [];
  readonly #node: GuardedNode;
  readonly #sdk: WorkerProcess;
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
    this.#node = this.#started(new GuardedNode({}, run.serverArgs));
    this.#sdk = this.#started(new WorkerProcess('clients/storage-sdk-main'));
  }

  /** Writes the files, starts what serves them, and puts them into the node. */
  static async open(run: Run): Promise<StorageSite> {
    const site = new StorageSite(run);
    try {
      await site.#start();
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
    await client.ask('open', { address: await server.address(), connections, downloads });
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
    await Promise.all(this.#processes.map((started) => started[Symbol.asyncDispose]()));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Takes note of a process that ends with this site. */
  #started<T extends AsyncDisposable>(process: T): T {
    this.#processes.push(process);
    return process;
  }

  async #start(): Promise<void> {
    for (const { sizeBytes, first, count } of this.kinds) {
      for (let n = first; n < first + count; n++) writeFileSync(join(this.#folder, fileName(n)), fileContent(n, sizeBytes));
    }
    const client = (protocol: string): WorkerProcess => this.#started(new WorkerProcess('clients/get-main', [protocol]));
    const bare = this.#started(new WorkerProcess('servers/bare-files-main'));
    const http = this.#started(new WorkerProcess('servers/files-http-main', [this.#folder]));
    this.contestants.push(
      { subject: 'node, raw client', server: this.#node, client: client('oap') },
      { subject: 'node, SDK', server: this.#node, client: this.#sdk },
      { subject: 'bare TCP', server: bare, client: client('bare') },
      { subject: 'node:http', server: http, client: client('http') },
    );
    const peer = await nginx.start(this.#folder);
    if (peer !== undefined) this.contestants.push({ subject: nginx.subject, server: measured(this.#started(peer)), client: client('http') });
    await this.#putAll();
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

function measured(peer: PeerServer): MeasuredServer {
  return {
    address: () => Promise.resolve(peer.address),
    usage: () => Promise.resolve({ cpuSeconds: peer.cpuSeconds() }),
  };
}
