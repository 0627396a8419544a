import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CAPABILITY_FOLDER, CapabilityStore } from '@omnigate/capability';
import { readMetrics, startNodeProcess } from '@omnigate/harness';
import type { CertificateAuthority, KeyPair, NodeProcess } from '@omnigate/harness';
import { CHORE_MS_MAX, LOOK_MS } from '../bounds.ts';
import type { Sample } from '../samples/sample.ts';
import { countDescriptors, descriptorTargets, folderBytes } from '../samples/process-files.ts';

/** pino's number for an error. */
const LEVEL_ERROR = 50;

/** What a node is started with, each time. */
export interface NodeSetting {
  readonly name: string;
  readonly folder: string;
  readonly authority: CertificateAuthority;
  readonly quotas: string;
  readonly services: readonly string[];
}

/** A real `omnigate start` that keeps its ports and its data over all its lives. */
export class SoakedNode implements AsyncDisposable {
  readonly name: string;
  readonly data: string;
  readonly capabilityFolder: string;
  /** Lines of the log that say error or worse, over all lives. */
  readonly errors: string[] = [];
  /** Starts, less one. */
  life = 0;
  readonly #setting: NodeSetting;
  readonly #keyPair: KeyPair;
  #process: NodeProcess;
  #startedMs = performance.now();
  #errorsRead = 0;
  #restarting = false;

  private constructor(setting: NodeSetting, keyPair: KeyPair, process: NodeProcess) {
    this.name = setting.name;
    this.data = dataOf(setting);
    this.capabilityFolder = join(this.data, CAPABILITY_FOLDER);
    this.#setting = setting;
    this.#keyPair = keyPair;
    this.#process = process;
    this.#watch(process);
  }

  static async start(setting: NodeSetting): Promise<SoakedNode> {
    const keyPair = setting.authority.issue(setting.name);
    return new SoakedNode(setting, keyPair, await launch(setting, keyPair, '127.0.0.1:0', '127.0.0.1:0'));
  }

  get url(): string {
    return this.#process.url;
  }

  get tlsUrl(): string {
    return this.#process.tlsUrl;
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** SIGTERM, and a start on the same ports. */
  async restart(): Promise<void> {
    const [plain, tls] = [addressOf(this.url), addressOf(this.tlsUrl)];
    this.#restarting = true;
    const { code, signal } = await this.#process.stop();
    this.#readErrors();
    await this.#process[Symbol.asyncDispose]();
    if (code !== 0) this.errors.push(`ended with ${signal ?? String(code)} after SIGTERM`);
    this.#process = await launch(this.#setting, this.#keyPair, plain, tls);
    this.#restarting = false;
    this.#startedMs = performance.now();
    this.life++;
    this.#errorsRead = 0;
    this.#watch(this.#process);
  }

  /** Replaces the files of the certificate, and waits until new connections get it. */
  async replaceCertificate(): Promise<void> {
    this.#setting.authority.issue(this.name);
    this.#process.kill('SIGHUP');
    const { serialNumber } = new X509Certificate(readFileSync(this.#keyPair.cert));
    const deadlineMs = performance.now() + CHORE_MS_MAX;
    while ((await serialOf(this.tlsUrl, this.#setting.authority.caPem)) !== serialNumber) {
      if (performance.now() > deadlineMs) throw new Error(`${this.name} still shows its old certificate`);
      await sleep(LOOK_MS);
    }
  }

  /** A new key mints from now on; the old one is good until its last capability has ended. */
  async rotateKeys(): Promise<void> {
    await using store = await CapabilityStore.open({ folder: this.capabilityFolder, auditLog: 'soak' });
    await store.rotate();
  }

  /** What its descriptors lead to, now. */
  async descriptors(): Promise<readonly string[]> {
    return descriptorTargets(this.pid);
  }

  /** Open connections, as the node counts them. */
  async connections(): Promise<number> {
    return (await readMetrics(this.#process.adminUrl)).get('connections') ?? 0;
  }

  /** The node as it is; undefined while it is being restarted. */
  async sample(beginMs: number): Promise<Sample | undefined> {
    const { life } = this;
    try {
      const { rssBytes } = this.#process.usage();
      const descriptors = countDescriptors(await this.descriptors());
      const metrics = await readMetrics(this.#process.adminUrl);
      const folder = await folderBytes(this.data);
      if (this.life !== life) return undefined;
      this.#readErrors();
      const nowMs = performance.now();
      return {
        atMs: nowMs - beginMs,
        life,
        ageMs: nowMs - this.#startedMs,
        descriptors,
        rssBytes,
        heapBytes: metrics.get('nodejs_heap_size_used_bytes') ?? 0,
        loopDelayMs: (metrics.get('nodejs_eventloop_lag_p99_seconds') ?? 0) * 1_000,
        connections: metrics.get('connections') ?? 0,
        folder,
      };
    } catch (error) {
      if (this.#restarting || this.life !== life) return undefined;
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.#restarting = true;
    const { code, signal } = await this.#process.stop();
    this.#readErrors();
    if (code !== 0) this.errors.push(`ended with ${signal ?? String(code)} after the last SIGTERM`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#restarting = true;
    await this.#process[Symbol.asyncDispose]();
  }

  /** An end that nobody asked for is an error of its own. */
  #watch(process: NodeProcess): void {
    void process.exited.then(({ code, signal }) => {
      if (!this.#restarting) this.errors.push(`ended by itself with ${signal ?? String(code)}: ${process.stderr.slice(-1_000)}`);
    });
  }

  #readErrors(): void {
    const { entries } = this.#process.log;
    for (const entry of entries.slice(this.#errorsRead)) {
      if (entry.level >= LEVEL_ERROR) this.errors.push(`${entry.event ?? 'error'}: ${entry.msg ?? ''}`);
    }
    this.#errorsRead = entries.length;
  }
}

function dataOf({ folder, name }: NodeSetting): string {
  return join(folder, name);
}

async function launch(setting: NodeSetting, { cert, key }: KeyPair, oap: string, oaps: string): Promise<NodeProcess> {
  return startNodeProcess({
    data: dataOf(setting),
    args: ['--oap', oap, '--oaps', oaps, '--tls-cert', cert, '--tls-key', key, '--quotas', setting.quotas].concat(
      setting.services.flatMap((file) => ['--service', file]),
    ),
    // Nobody is to come to a node that is about to leave: the same address is taken again at once.
    env: { OMNIGATE_DRAIN_ACCEPT_MS: '0', OMNIGATE_LOG_LEVEL: 'info' },
    detached: true,
  });
}

function addressOf(url: string): string {
  return url.slice(url.indexOf('://') + 3);
}

/** Serial number of the certificate that a new connection is shown. */
async function serialOf(url: string, ca: string): Promise<string> {
  const [host = '', port = ''] = addressOf(url).split(':');
  const socket = connect({ host, port: Number(port), ca, ALPNProtocols: ['oap/1'] });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('error', reject);
    });
    return socket.getPeerX509Certificate()?.serialNumber ?? '';
  } finally {
    socket.destroy();
  }
}
