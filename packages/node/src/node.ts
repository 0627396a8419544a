import { AdminServer, createZstdCodec, GatewayReject } from '@omnigate/gateway';
import type { AdminSource, NotReady } from '@omnigate/gateway';
import { createLogger, LocalBus, Metrics, OapServer, Reject, Supervisor } from '@omnigate/kernel';
import type { ListenAddress, Logger, PayloadCodec, Service, TlsFiles } from '@omnigate/kernel';
import { ulid } from 'ulid';
import { NodeAdmission } from './admission.ts';
import { formatListenAddress } from './config/listen-address.ts';
import { parseSettings } from './config/resolve.ts';
import type { SettingKey, Settings, SettingsInput } from './config/settings.ts';
import { DataDirectory } from './data/data-directory.ts';
import { FileWatch } from './file-watch.ts';
import type { FileWatchOptions } from './file-watch.ts';
import { CERTIFICATE_WARNING_MS, FILE_POLL_MS } from './limits.ts';
import { listenFailure } from './listen-failure.ts';
import { ownServices, SERVICE_REJECTS } from './own-services.ts';
import { readQuotaFile } from './quota-file.ts';
import { VERSION } from './version.ts';

/** How to make a node; everything may be left out, and means what it means for `omnigate start`. */
export interface NodeOptions extends Omit<SettingsInput, 'services' | 'logFormat'> {
  /** Services beside echo, mailbox and storage, started in this order. */
  readonly services?: readonly Service[];
  /** JSON lines on standard output when absent. */
  readonly logger?: Logger;
}

/** Where a listener listens in fact. */
export interface NodeAddress extends ListenAddress {
  /** Such as `oap://127.0.0.1:6270`. */
  readonly url: string;
}

/** The listeners of a node; what is off is absent. */
export interface NodeAddresses {
  readonly oap?: NodeAddress;
  readonly oaps?: NodeAddress;
  readonly admin?: NodeAddress;
}

/** What a node is made of before it runs. */
interface NodeParts {
  readonly settings: Settings;
  readonly services: readonly Service[];
  readonly directory: DataDirectory;
  readonly bootId: string;
  readonly logger: Logger;
  readonly admission: NodeAdmission;
  readonly codec: PayloadCodec | undefined;
}

/** How a drain ended. */
export interface DrainResult {
  /** False when requests were cut off because time was up. */
  readonly complete: boolean;
}

/**
 * Starts a node and resolves when it takes requests. Dispose of it, or drain it.
 *
 * @throws ConfigError when the options contradict each other or name what does not work
 * @throws Error when a port is taken or a service does not start; nothing is left running then
 */
export async function createNode(options: NodeOptions = {}): Promise<OmnigateNode> {
  return OmnigateNode.create(options);
}

/** A running node: the listeners, the services behind them, and the admin port beside them. */
export class OmnigateNode implements AsyncDisposable {
  /** ULID of the node, the same after a restart. */
  readonly id: string;
  /** ULID of this run. */
  readonly bootId: string;
  readonly bus: LocalBus;
  readonly metrics = new Metrics();
  readonly logger: Logger;
  readonly #settings: Settings;
  readonly #services: readonly Service[];
  readonly #directory: DataDirectory;
  readonly #admission: NodeAdmission;
  readonly #supervisor: Supervisor;
  readonly #server: OapServer;
  readonly #watches: FileWatch[] = [];
  #admin: AdminServer | undefined;
  #addresses: NodeAddresses = {};
  #phase: 'starting' | 'running' | 'draining' = 'starting';
  #drained: Promise<DrainResult> | undefined;
  #stopped: Promise<void> | undefined;

  private constructor({ settings, services, directory, bootId, logger, admission, codec }: NodeParts) {
    this.#settings = settings;
    this.#services = services;
    this.#directory = directory;
    this.#admission = admission;
    this.id = directory.nodeId;
    this.bootId = bootId;
    this.logger = logger;
    const { metrics } = this;
    // A reason that only a client library raises never happens here.
    metrics.registerReasons(Object.values(Reject).filter(({ reaction }) => reaction !== 'L'));
    metrics.registerReasons([...Object.values(GatewayReject), ...SERVICE_REJECTS]);
    this.bus = new LocalBus(metrics, (topic, err) => {
      this.logger.error({ topic, err }, 'a bus subscriber threw');
    });
    this.#supervisor = new Supervisor({ bus: this.bus, metrics, logger: this.logger });
    this.#server = new OapServer({
      bus: this.bus,
      metrics,
      logger: this.logger,
      name: `omnigate/${VERSION}`,
      admission: admission.control,
      connectionLimits: { total: settings.maxConnections, perAddress: settings.maxConnectionsPerAddress },
      idleTimeoutMs: settings.idleTimeoutMs,
      ...(codec === undefined ? {} : { codec }),
      onServiceCrash: (route, error) => {
        this.#supervisor.crashed(route, error);
      },
    });
    this.#server.announceRevocation(admission.store.revocations.sequence);
    admission.store.onRevocation(({ sequence }) => {
      this.#server.announceRevocation(sequence);
    });
  }

  /** See `createNode`. */
  static async create({ services: further = [], logger: given, ...input }: NodeOptions): Promise<OmnigateNode> {
    const settings = parseSettings(input);
    const codec = settings.compression ? await createZstdCodec() : undefined;
    const directory = new DataDirectory(settings.data);
    const bootId = ulid();
    const logger = (given ?? createLogger({ level: settings.logLevel })).child({ node: directory.nodeId, boot: bootId });
    let node: OmnigateNode | undefined;
    try {
      const { path: data, nodeId } = directory;
      const services = [...ownServices(data, settings, logger), ...further];
      const quotas = settings.quotas === undefined ? undefined : readQuotaFile(settings.quotas, services);
      const { audience, loadShedding } = settings;
      const admission = await NodeAdmission.open({ data, nodeId, audience, quotas, loadShedding, logger });
      node = new OmnigateNode({ settings, services, directory, bootId, logger, admission, codec });
      await node.#start();
    } catch (error) {
      if (node === undefined) directory[Symbol.dispose]();
      else await node[Symbol.asyncDispose]();
      throw error;
    }
    return node;
  }

  /** Where it listens. */
  get addresses(): NodeAddresses {
    return this.#addresses;
  }

  /** Puts changed certificate and quota files into use; false, and a log entry, when some do not work. */
  reload(): boolean {
    return this.#watches.map((watch) => watch.reload()).every(Boolean);
  }

  /**
   * Stops without losing a request: peers are told to go elsewhere, open requests
   * finish, and only then does everything stop (specs/oap-1.md §10.4).
   *
   * @param reason goes into the GOAWAY and the log
   */
  async drain(reason = 'shutdown'): Promise<DrainResult> {
    this.#drained ??= this.#drain(reason);
    return this.#drained;
  }

  /** Stops at once; what is open is cut off. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  /** The admin port comes first, so that a start that hangs can be seen; the listeners last, so that whoever connects is served. */
  async #start(): Promise<void> {
    const { oap, oaps, admin } = this.#settings;
    if (this.#directory.readableByOthers) {
      this.logger.warn({ data: this.#directory.path }, 'other users can read the data directory; run chmod 700 on it');
    }
    if (admin !== 'off') {
      const source: AdminSource = {
        metrics: this.metrics,
        routes: () => this.bus.routes,
        services: this.#services.flatMap(({ metrics = [] }) => metrics),
        readiness: () => this.#notReady(),
        admission: () => this.#admission.control.metrics,
        certificateExpiresAtMs: () => this.#server.certificateExpiresAtMs,
      };
      this.#admin = await listening('admin', admin, AdminServer.listen(admin, source));
      this.#addresses = { admin: nodeAddress('http', this.#admin.address) };
    }
    for (const service of this.#services) await this.#supervisor.start(service);
    if (oap !== 'off') {
      const address = await listening('oap', oap, this.#server.listen(oap));
      this.#addresses = { oap: nodeAddress('oap', address), ...this.#addresses };
    }
    const tls = this.#tlsFiles();
    if (oaps !== 'off') {
      const address = await listening('oaps', oaps, this.#server.listen(oaps, tls));
      this.#addresses = { ...this.#addresses, oaps: nodeAddress('oaps', address) };
    }
    this.#admission.watch();
    if (tls !== undefined) this.#watchCertificates(tls);
    this.#watchQuotas();
    this.#phase = 'running';
    const urls = Object.fromEntries(Object.entries(this.#addresses).map(([name, { url }]: [string, NodeAddress]) => [name, url]));
    this.logger.info({ event: 'NodeStarted', version: VERSION, ...urls, data: this.#directory.path }, 'node takes requests');
  }

  #watchCertificates(files: TlsFiles): void {
    this.#warnOfExpiry();
    this.#watch({
      files: Object.values(files) as string[],
      what: 'certificate files',
      reloadedEvent: 'CertificateReloaded',
      refusedEvent: 'CertificateRefused',
      reload: () => {
        this.#server.reloadCertificates();
        this.#warnOfExpiry();
      },
    });
  }

  #watchQuotas(): void {
    const { quotas } = this.#settings;
    if (quotas === undefined) return;
    this.#watch({
      files: [quotas],
      what: 'quotas',
      reloadedEvent: 'QuotasReloaded',
      refusedEvent: 'QuotasRefused',
      reload: () => {
        this.#admission.control.reload(readQuotaFile(quotas, this.#services));
      },
    });
  }

  #watch(options: Omit<FileWatchOptions, 'pollMs' | 'logger'>): void {
    this.#watches.push(new FileWatch({ ...options, pollMs: FILE_POLL_MS, logger: this.logger }));
  }

  #warnOfExpiry(): void {
    const expiresAtMs = this.#server.certificateExpiresAtMs ?? Infinity;
    if (expiresAtMs - Date.now() >= CERTIFICATE_WARNING_MS) return;
    this.logger.warn({ event: 'CertificateExpires', at: new Date(expiresAtMs).toISOString() }, 'the certificate ends soon; renew it');
  }

  #tlsFiles(): TlsFiles | undefined {
    const { oaps, tlsCert: cert, tlsKey: key, tlsClientCa: clientCa } = this.#settings;
    // parseSettings saw to it that a TLS listener has both.
    if (oaps === 'off' || cert === undefined || key === undefined) return undefined;
    return { cert, key, ...(clientCa === undefined ? {} : { clientCa }) };
  }

  #notReady(): NotReady[] {
    if (this.#phase === 'starting') return [{ reason: 'starting' }];
    const draining: NotReady[] = this.#phase === 'draining' ? [{ reason: 'draining' }] : [];
    const causes = this.#admission.control.overloadCauses;
    const overload: NotReady[] = causes.length > 0 ? [{ reason: 'overload', causes }] : [];
    const unavailable = this.#supervisor.unavailable.map((service): NotReady => ({ reason: 'service_unavailable', service }));
    return [...draining, ...overload, ...unavailable];
  }

  async #drain(reason: string): Promise<DrainResult> {
    const { drainAcceptMs: acceptMs, drainTimeoutMs: timeoutMs } = this.#settings;
    this.#phase = 'draining';
    this.logger.info({ event: 'NodeDraining', reason, connections: this.metrics.connections, inflight: this.metrics.inflight }, 'node drains');
    const cutOff = await this.#server.drain({ reason, acceptMs, timeoutMs });
    await this[Symbol.asyncDispose]();
    return { complete: cutOff === 0 };
  }

  async #stop(): Promise<void> {
    for (const watch of this.#watches) watch[Symbol.dispose]();
    await this.#server[Symbol.asyncDispose]();
    await this.#supervisor.stop();
    await this.#admission[Symbol.asyncDispose]();
    await this.#admin?.[Symbol.asyncDispose]();
    this.#directory[Symbol.dispose]();
    this.logger.info({ event: 'NodeStopped' }, 'node stopped');
  }
}

function nodeAddress(scheme: string, address: ListenAddress): NodeAddress {
  return { ...address, url: `${scheme}://${formatListenAddress(address)}` };
}

async function listening<T>(key: SettingKey, address: ListenAddress, listener: Promise<T>): Promise<T> {
  try {
    return await listener;
  } catch (error) {
    throw listenFailure(key, address, error);
  }
}
