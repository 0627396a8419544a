import { AdminServer, createZstdCodec } from '@omnigate/gateway';
import type { NotReady } from '@omnigate/gateway';
import { createLogger, LocalBus, Metrics, OapServer, Reject, Supervisor } from '@omnigate/kernel';
import type { ListenAddress, Logger, PayloadCodec, Service, TlsFiles } from '@omnigate/kernel';
import { ulid } from 'ulid';
import { CertificateWatch } from './certificate-watch.ts';
import { formatListenAddress } from './config/listen-address.ts';
import { parseSettings } from './config/resolve.ts';
import type { SettingKey, Settings, SettingsInput } from './config/settings.ts';
import { DataDirectory } from './data/data-directory.ts';
import { echoService } from './echo-service.ts';
import { CERTIFICATE_POLL_MS } from './limits.ts';
import { listenFailure } from './listen-failure.ts';
import { VERSION } from './version.ts';

/** How to make a node; everything may be left out, and means what it means for `omnigate start`. */
export interface NodeOptions extends Omit<SettingsInput, 'services' | 'logFormat'> {
  /** Services beside echo, started in this order. */
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
  readonly bootId = ulid();
  readonly bus: LocalBus;
  readonly metrics = new Metrics();
  readonly logger: Logger;
  readonly #settings: Settings;
  readonly #directory: DataDirectory;
  readonly #supervisor: Supervisor;
  readonly #server: OapServer;
  #admin: AdminServer | undefined;
  #certificates: CertificateWatch | undefined;
  #addresses: NodeAddresses = {};
  #phase: 'starting' | 'running' | 'draining' = 'starting';
  #drained: Promise<DrainResult> | undefined;
  #stopped: Promise<void> | undefined;

  private constructor(settings: Settings, directory: DataDirectory, logger: Logger, codec: PayloadCodec | undefined) {
    this.#settings = settings;
    this.#directory = directory;
    this.id = directory.nodeId;
    this.logger = logger.child({ node: this.id, boot: this.bootId });
    const { metrics } = this;
    // A reason that only a client library raises never happens here.
    metrics.registerReasons(Object.values(Reject).filter(({ reaction }) => reaction !== 'L'));
    this.bus = new LocalBus(metrics, (topic, err) => {
      this.logger.error({ topic, err }, 'a bus subscriber threw');
    });
    this.#supervisor = new Supervisor({ bus: this.bus, metrics, logger: this.logger });
    this.#server = new OapServer({
      bus: this.bus,
      metrics,
      logger: this.logger,
      name: `omnigate/${VERSION}`,
      connectionLimits: { total: settings.maxConnections, perAddress: settings.maxConnectionsPerAddress },
      idleTimeoutMs: settings.idleTimeoutMs,
      ...(codec === undefined ? {} : { codec }),
      onServiceCrash: (route, error) => {
        this.#supervisor.crashed(route, error);
      },
    });
  }

  /** See `createNode`. */
  static async create({ services = [], logger, ...input }: NodeOptions): Promise<OmnigateNode> {
    const settings = parseSettings(input);
    const codec = settings.compression ? await createZstdCodec() : undefined;
    const directory = new DataDirectory(settings.data);
    const node = new OmnigateNode(settings, directory, logger ?? createLogger({ level: settings.logLevel }), codec);
    try {
      await node.#start([echoService, ...services]);
    } catch (error) {
      await node[Symbol.asyncDispose]();
      throw error;
    }
    return node;
  }

  /** Where it listens. */
  get addresses(): NodeAddresses {
    return this.#addresses;
  }

  /** Puts renewed certificate files into use; false, and a log entry, when they do not work or there are none. */
  reloadCertificates(): boolean {
    return this.#certificates?.reload() ?? false;
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
  async #start(services: readonly Service[]): Promise<void> {
    const { oap, oaps, admin } = this.#settings;
    if (this.#directory.readableByOthers) {
      this.logger.warn({ data: this.#directory.path }, 'other users can read the data directory; run chmod 700 on it');
    }
    if (admin !== 'off') {
      const source = { metrics: this.metrics, routes: () => this.bus.routes, readiness: () => this.#notReady() };
      this.#admin = await listening('admin', admin, AdminServer.listen(admin, source));
      this.#addresses = { admin: nodeAddress('http', this.#admin.address) };
    }
    for (const service of services) await this.#supervisor.start(service);
    if (oap !== 'off') {
      const address = await listening('oap', oap, this.#server.listen(oap));
      this.#addresses = { oap: nodeAddress('oap', address), ...this.#addresses };
    }
    const tls = this.#tlsFiles();
    if (oaps !== 'off') {
      const address = await listening('oaps', oaps, this.#server.listen(oaps, tls));
      this.#addresses = { ...this.#addresses, oaps: nodeAddress('oaps', address) };
    }
    if (tls !== undefined) {
      this.#certificates = new CertificateWatch({
        files: tls,
        pollMs: CERTIFICATE_POLL_MS,
        logger: this.logger,
        reload: () => {
          this.#server.reloadCertificates();
        },
      });
    }
    this.#phase = 'running';
    const urls = Object.fromEntries(Object.entries(this.#addresses).map(([name, { url }]: [string, NodeAddress]) => [name, url]));
    this.logger.info({ event: 'NodeStarted', version: VERSION, ...urls, data: this.#directory.path }, 'node takes requests');
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
    const unavailable = this.#supervisor.unavailable.map((service): NotReady => ({ reason: 'service_unavailable', service }));
    return [...draining, ...unavailable];
  }

  async #drain(reason: string): Promise<DrainResult> {
    const { drainAcceptMs: acceptMs, drainTimeoutMs: timeoutMs } = this.#settings;
    this.#phase = 'draining';
    this.logger.info({ event: 'NodeDraining', reason, connections: this.metrics.connections, inflight: this.metrics.inflight }, 'node drains');
    const startMs = performance.now();
    await this.#server.drain({ reason, acceptMs, timeoutMs });
    const complete = performance.now() - startMs < timeoutMs;
    await this[Symbol.asyncDispose]();
    return { complete };
  }

  async #stop(): Promise<void> {
    this.#certificates?.[Symbol.dispose]();
    await this.#server[Symbol.asyncDispose]();
    await this.#supervisor.stop();
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
