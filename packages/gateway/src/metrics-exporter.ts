import { MetricName } from '@omnigate/kernel';
import type { Histogram, Metrics, Route } from '@omnigate/kernel';
import { collectDefaultMetrics, Counter, Gauge, Histogram as PromHistogram, Registry } from 'prom-client';
import type { MetricObjectWithValues, MetricValueWithName } from 'prom-client';

/** What is exported: the node's counters, and the services that may be named in a label. */
export interface ExportSource {
  readonly metrics: Metrics;
  /** All routes of the bus; registered at the start, so that no peer adds a series. */
  readonly routes: () => Iterable<Route>;
}

/**
 * The metrics of one node in the Prometheus text format (docs/METRICS.md). The
 * kernel counts in plain numbers, which are read here only when somebody asks.
 */
export class MetricsExporter {
  readonly contentType: string;
  readonly #registry = new Registry();

  constructor({ metrics, routes }: ExportSource) {
    const registers = [this.#registry];
    this.contentType = this.#registry.contentType;
    new Counter({
      name: MetricName.REQUESTS,
      help: 'Messages handed to a service.',
      labelNames: ['app'],
      registers,
      collect() {
        this.reset();
        for (const route of routes()) this.inc({ app: route.name }, route.requests);
      },
    });
    new Counter({
      name: MetricName.REJECTED,
      help: 'Refusals of every kind, by registered reason.',
      labelNames: ['reason'],
      registers,
      collect() {
        this.reset();
        for (const [reason, count] of metrics.rejected) this.inc({ reason }, count);
      },
    });
    const count = (name: string, help: string, read: () => number): void => {
      const counter = new Counter({
        name,
        help,
        registers,
        collect() {
          counter.reset();
          counter.inc(read());
        },
      });
    };
    const gauge = (name: string, help: string, read: () => number): void => {
      const level = new Gauge({
        name,
        help,
        registers,
        collect() {
          level.set(read());
        },
      });
    };
    count(MetricName.BYTES_IN, 'Bytes read from peers.', () => metrics.bytesIn);
    count(MetricName.BYTES_OUT, 'Bytes given to the operating system for peers.', () => metrics.bytesOut);
    count(MetricName.GLITCHES, 'Faults booked against peers.', () => metrics.glitches);
    count(MetricName.BUS_DROPPED, 'Events dropped because a subscriber lagged.', () => metrics.busDropped);
    gauge(MetricName.INFLIGHT, 'Requests whose reply is not complete.', () => metrics.inflight);
    gauge(MetricName.CONNECTIONS, 'Open connections.', () => metrics.connections);
    this.#registry.registerMetric(
      new PlainHistogram(MetricName.LATENCY, 'From the START of a request to the end of its reply.', metrics.latency),
    );
    this.#registry.registerMetric(
      new PlainHistogram(MetricName.COMP_RATIO, 'Content size over compressed size of payloads.', metrics.compRatio),
    );
  }

  /** The page as it stands now, with the figures of the process behind those of the node. */
  async text(): Promise<string> {
    return `${await this.#registry.metrics()}\n${await processRegistry().metrics()}`;
  }
}

/** Shows a histogram of the kernel, which prom-client would want to observe itself. */
class PlainHistogram extends PromHistogram {
  readonly #name: string;
  readonly #help: string;
  readonly #source: Histogram;

  constructor(name: string, help: string, source: Histogram) {
    super({ name, help, registers: [], buckets: [...source.bounds] });
    this.#name = name;
    this.#help = help;
    this.#source = source;
  }

  /** What the registry asks for when it writes text. */
  getForPromString(): Promise<MetricObjectWithValues<MetricValueWithName<string>>> {
    return this.get();
  }

  override get(): Promise<MetricObjectWithValues<MetricValueWithName<string>>> {
    const { bounds, counts, sum } = this.#source;
    const values: MetricValueWithName<string>[] = [];
    let total = 0;
    counts.forEach((count, index) => {
      total += count;
      const le = String(bounds[index] ?? '+Inf');
      values.push({ metricName: `${this.#name}_bucket`, labels: { le }, value: total });
    });
    values.push({ metricName: `${this.#name}_sum`, labels: {}, value: sum });
    values.push({ metricName: `${this.#name}_count`, labels: {}, value: total });
    return Promise.resolve({
      name: this.#name,
      help: this.#help,
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
