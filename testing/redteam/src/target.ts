import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CAPABILITY_FOLDER } from '@omnigate/capability';
import { askAdmin, readMetrics, startNodeProcess, TemporaryFolder } from '@omnigate/harness';
import type { NodeProcess } from '@omnigate/harness';
import type { ListenAddress } from '@omnigate/kernel';
import { Desk } from './desk.ts';
import { until } from './patience.ts';

/** Services of this package, compiled; a node loads them as anybody's. */
type ServiceName = 'vault' | 'held' | 'narrow' | 'faulty' | 'busy';

export interface TargetOptions {
  readonly services?: readonly ServiceName[];
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What must go when the target does, such as certificates. */
  readonly belongings?: Disposable;
}

/** How long a node may need to get over an attack, milliseconds. */
const READY_WITHIN_MS = 60_000;

/** A node process under attack, seen from outside. */
export class Target implements AsyncDisposable {
  readonly node: NodeProcess;
  /** Who mints for it, beside it. */
  readonly desk: Desk;
  readonly capabilityFolder: string;
  readonly #folder: TemporaryFolder;
  readonly #belongings: Disposable | undefined;

  private constructor(node: NodeProcess, desk: Desk, capabilityFolder: string, folder: TemporaryFolder, belongings: Disposable | undefined) {
    this.node = node;
    this.desk = desk;
    this.capabilityFolder = capabilityFolder;
    this.#folder = folder;
    this.#belongings = belongings;
  }

  static async start({ services = [], args = [], env = {}, belongings }: TargetOptions = {}): Promise<Target> {
    const folder = new TemporaryFolder();
    const data = folder.file('data');
    const loaded = services.flatMap((name) => ['--service', fileURLToPath(new URL(`../dist/services/${name}.js`, import.meta.url))]);
    const node = await startNodeProcess({ data, args: [...loaded, ...args], env });
    const capabilityFolder = join(data, CAPABILITY_FOLDER);
    return new Target(node, await Desk.open(capabilityFolder), capabilityFolder, folder, belongings);
  }

  get oap(): ListenAddress {
    return addressOf(this.node.url);
  }

  get oaps(): ListenAddress {
    return addressOf(this.node.tlsUrl);
  }

  get admin(): ListenAddress {
    return addressOf(this.node.adminUrl);
  }

  /** Open descriptors of the process. */
  get descriptors(): number {
    return readdirSync(`/proc/${this.node.pid}/fd`).length;
  }

  get alive(): boolean {
    try {
      process.kill(this.node.pid, 0);
      return true;
    } catch {
      return false;
    }
  }

  /** All samples of `/metrics`. */
  async metrics(): Promise<ReadonlyMap<string, number>> {
    return readMetrics(this.node.adminUrl);
  }

  /** `rejected_total` by reason, zeros left out. */
  async rejected(): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    for (const [name, value] of await this.metrics()) {
      const reason = /^rejected_total\{reason="(.*)"\}$/.exec(name)?.[1];
      if (reason !== undefined && value > 0) counts.set(reason, value);
    }
    return counts;
  }

  /** Waits until it calls itself ready and refuses nobody for being too busy. */
  async ready(): Promise<void> {
    const isReady = async (): Promise<boolean> => (await askAdmin(this.node.adminUrl, '/readyz')).status === 200;
    const isCalm = async (): Promise<boolean> => (await this.metrics()).get('shedding_level') === 0;
    await until('the node to be ready', async () => (await isReady()) && (await isCalm()), READY_WITHIN_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.desk.close();
    await this.node[Symbol.asyncDispose]();
    this.#folder[Symbol.dispose]();
    this.#belongings?.[Symbol.dispose]();
  }
}

function addressOf(url: string): ListenAddress {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}
