import { MetricName } from '@omnigate/kernel';
import type { Metrics, Route, ServiceHistogram, ServiceMetric } from '@omnigate/kernel';
import { collectDefaultMetrics, Histogram as PromHistogram, Registry } from 'prom-client';
import type { MetricObjectWithValues, MetricValueWithName } from 'prom-client';
import type { AdmissionMetrics, AppLimit } from './admission/admission-metrics.ts';
import { APP_CONCURRENCY_INITIAL } from './limits.ts';
import { GatewayMetricName } from './metric-name.ts';
import { MetricReaders } from './metric-readers.ts';

/** What is exported: the node's counters, and the services that may be named in a label. */
export interface ExportSource {
  readonly metrics: Metrics;
  /** All routes of the bus; registered at the start, so that no peer adds a series. */
  readonly routes: () => Iterable<Route>;
  /** What the services count themselves. */
  readonly services: readonly ServiceMetric[];
  readonly admission: () => AdmissionMetrics;
  /** When the certificate in use ends, Unix time in milliseconds; `undefined` without TLS. */
  readonly certificateExpiresAtMs: () => number | undefined;
}

/**
 * The metrics of one node in the Prometheus text format (docs/METRICS.md). Kernel
 * and admission count in plain numbers, which are read here only when somebody asks.
 */
export class MetricsExporter {
  readonly contentType: string;
  readonly #registry = new Registry();

  constructor(source: ExportSource) {
    this.contentType = this.#registry.contentType;
    const readers = new MetricReaders(this.#registry);
    registerKernel(readers, source);
    registerAdmission(readers, source);
    registerServices(readers, source);
    const { latency, compRatio } = source.metrics;
    const histograms: readonly ServiceHistogram[] = [
      { name: MetricName.LATENCY, type: 'histogram', help: 'From the START of a request to the end of its reply.', bounds: latency.bounds, read: () => latency },
      { name: MetricName.COMP_RATIO, type: 'histogram', help: 'Content size over compressed size of payloads.', bounds: compRatio.bounds, read: () => compRatio },
      ...source.services.filter((metric) => metric.type === 'histogram'),
    ];
    for (const histogram of histograms) this.#registry.registerMetric(new PlainHistogram(histogram));
  }

  /** The page as it stands now, with the figures of the process behind those of the node. */
  async text(): Promise<string> {
    return `${await this.#registry.metrics()}\n${await processRegistry().metrics()}`;
  }
}

function registerKernel(readers: MetricReaders, { metrics, routes }: ExportSource): void {
  const perApp = () => [...routes()].map((route) => [route.name, route.requests] as const);
  readers.counters(MetricName.REQUESTS, 'Messages handed to a service.', 'app', perApp);
  readers.counters(MetricName.REJECTED, 'Refusals of every kind, by registered reason.', 'reason', () => metrics.rejected);
  readers.counter(MetricName.BYTES_IN, 'Bytes read from peers.', () => metrics.bytesIn);
  readers.counter(MetricName.BYTES_OUT, 'Bytes given to the operating system for peers.', () => metrics.bytesOut);
  readers.counter(MetricName.GLITCHES, 'Faults booked against peers.', () => metrics.glitches);
  readers.counter(MetricName.BUS_DROPPED, 'Events dropped because a subscriber lagged.', () => metrics.busDropped);
  readers.gauge(MetricName.INFLIGHT, 'Requests whose reply is not complete.', () => metrics.inflight);
  readers.gauge(MetricName.CONNECTIONS, 'Open connections.', () => metrics.connections);
  readers.gauge(MetricName.CONNECTIONS_RESTING, 'Connections that are not read because they are refused too often.', () => metrics.connectionsResting);
}

/** A service that nobody has called yet. */
const NOT_CALLED = { limit: APP_CONCURRENCY_INITIAL, inflight: 0 };

function registerAdmission(readers: MetricReaders, { admission, routes, certificateExpiresAtMs }: ExportSource): void {
  const Name = GatewayMetricName;
  const perApp = (read: (app: AppLimit) => number) => () => {
    const called = new Map(admission().appLimits.map((app) => [app.name, app]));
    return [...routes()].map(({ name }) => [name, read(called.get(name) ?? { name, ...NOT_CALLED })] as const);
  };
  readers.counters(Name.QUOTA_EXHAUSTIONS, 'Messages beyond a quota, by the bound they met first.', 'quota', () => Object.entries(admission().quotaExhaustions));
  readers.gauge(Name.QUOTA_ACCOUNTS, 'Tenants, addresses and parts of both that are remembered.', () => admission().accounts);
  readers.counters(Name.CAPABILITY_VERIFICATIONS, 'Capabilities that were looked at.', 'result', () => {
    const { verificationsCached, verificationsComputed } = admission();
    return [['cached', verificationsCached], ['computed', verificationsComputed]];
  });
  readers.gauge(Name.REVOCATION_SEQUENCE, 'Number of the newest revocation.', () => admission().revocationSequence);
  readers.counters(Name.SHED, 'Refused because the node was too busy.', 'kind', () => Object.entries(admission().shed));
  readers.gauge(Name.SHEDDING_LEVEL, 'What is refused: 0 nothing, 1 connections, 2 EVENTs, 3 batch, 4 other requests.', () => admission().sheddingLevel);
  readers.gauges(Name.APP_INFLIGHT, 'Requests in flight whose duration counts, by service.', 'app', perApp(({ inflight }) => inflight));
  readers.gauges(Name.APP_INFLIGHT_LIMIT, 'How many of them there may be.', 'app', perApp(({ limit }) => limit));
  readers.gauge(Name.CERTIFICATE_EXPIRY, 'End of the TLS certificate in use, Unix time.', () => {
    const expiresAtMs = certificateExpiresAtMs();
    return expiresAtMs === undefined ? undefined : expiresAtMs / 1_000;
  });
}

function registerServices(readers: MetricReaders, { services }: ExportSource): void {
  for (const metric of services) {
    if (metric.type === 'histogram') continue;
    const read = (): number | undefined => metric.read();
    if (metric.type === 'counter') readers.counter(metric.name, metric.help, () => read() ?? 0);
    else readers.gauge(metric.name, metric.help, read);
  }
}

/** Shows a histogram that is counted elsewhere, which prom-client would want to observe itself. */
class PlainHistogram extends PromHistogram {
  readonly #source: ServiceHistogram;

  constructor(source: ServiceHistogram) {
    const { name, help, bounds } = source;
    super({ name, help, registers: [], buckets: [...bounds] });
    this.#source = source;
  }

  /** What the registry asks for when it writes text. */
  getForPromString(): Promise<MetricObjectWithValues<MetricValueWithName<string>>> {
    return this.get();
  }

  override get(): Promise<MetricObjectWithValues<MetricValueWithName<string>>> {
    const { name, help, bounds } = this.#source;
    const { counts, sum } = this.#source.read() ?? { counts: bounds.map(() => 0), sum: 0 };
    const values: MetricValueWithName<string>[] = [];
    let total = 0;
    for (const [index, bound] of [...bounds, '+Inf'].entries()) {
      total += counts[index] ?? 0;
      values.push({ metricName: `${name}_bucket`, labels: { le: String(bound) }, value: total });
    }
    values.push({ metricName: `${name}_sum`, labels: {}, value: sum });
    values.push({ metricName: `${name}_count`, labels: {}, value: total });
    return Promise.resolve({
      name,
      help,
      // The type declares a member of an enum that the library does not have at run time.
      type: 'histogram' as never,
      aggregator: 'sum',
      collect: () => undefined,
      values,
    });
  }
}

let processMetrics: Registry | undefined;

/** Figures of the process; nodes in one process share them, since their observers cannot be taken down. */
function processRegistry(): Registry {
  if (processMetrics === undefined) {
    processMetrics = new Registry();
    collectDefaultMetrics({ register: processMetrics });
  }
  return processMetrics;
}
