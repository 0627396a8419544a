import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';

/** The values of one label, and the sample of each. */
type Samples = Iterable<readonly [labelValue: string, sample: number]>;

/** Registers metrics that are plain numbers elsewhere and are read only when somebody asks for the page. */
export class MetricReaders {
  readonly #registers: Registry[];

  constructor(registry: Registry) {
    this.#registers = [registry];
  }

  /** A count without labels. */
  counter(name: string, help: string, read: () => number): void {
    const counter = new Counter({
      name,
      help,
      registers: this.#registers,
      collect() {
        counter.reset();
        counter.inc(read());
      },
    });
  }

  /** A count for each value of a label, all of which are there from the start. */
  counters(name: string, help: string, label: string, read: () => Samples): void {
    const counter = new Counter({
      name,
      help,
      labelNames: [label],
      registers: this.#registers,
      collect() {
        counter.reset();
        for (const [value, sample] of read()) counter.inc({ [label]: value }, sample);
      },
    });
  }

  /** A level without labels; no sample while it is `undefined`. */
  gauge(name: string, help: string, read: () => number | undefined): void {
    const gauge = new Gauge({
      name,
      help,
      registers: this.#registers,
      collect() {
        const sample = read();
        if (sample === undefined) gauge.remove();
        else gauge.set(sample);
      },
    });
  }

  /** A level for each value of a label. */
  gauges(name: string, help: string, label: string, read: () => Samples): void {
    const gauge = new Gauge({
      name,
      help,
      labelNames: [label],
      registers: this.#registers,
      collect() {
        gauge.reset();
        for (const [value, sample] of read()) gauge.set({ [label]: value }, sample);
      },
    });
  }
}
