import { ECHO_PAYLOAD_BYTES, NEIGHBOUR_INTERVAL_MS, NEIGHBOUR_P99_MS_MAX } from '../bounds.ts';
import { WorkerProcess } from '../process/worker-process.ts';
import type { Address } from '../process/worker-protocol.ts';
import { atMost } from '../report.ts';
import type { BoundCheck, Figure } from '../report.ts';
import { spreadOf } from '../statistics.ts';
import type { LatencySummary } from '../statistics.ts';

/** Latencies of the neighbour and of its control over the same time. */
export interface NeighbourRound {
  readonly node: LatencySummary;
  readonly control: LatencySummary;
}

/**
 * A well-behaved client of the node and, at the same time, one just like it of
 * a bare server that nobody attacks: what delays both is the machine, and what
 * delays the first alone is the node.
 */
export class Neighbours implements AsyncDisposable {
  readonly #bareServer = new WorkerProcess('servers/bare-main');
  readonly #ofNode = new WorkerProcess('clients/raw-main', ['oap', String(ECHO_PAYLOAD_BYTES)]);
  readonly #ofBare = new WorkerProcess('clients/raw-main', ['bare', String(ECHO_PAYLOAD_BYTES)]);

  /** Connects both, and lets the optimising compiler see them for a while. */
  async open(node: Address, warmUpRequests: number): Promise<void> {
    const bare = await this.#bareServer.ask<Address>('address');
    await this.#ofNode.ask('open', { address: node, connections: 1, inFlight: 1 });
    await this.#ofBare.ask('open', { address: bare, connections: 1, inFlight: 1 });
    await this.#ofNode.ask('roundTrips', warmUpRequests);
    await this.#ofBare.ask('roundTrips', warmUpRequests);
  }

  /** Latencies while `work` goes on, and what the work gave. */
  async during<T>(work: () => Promise<T>): Promise<{ round: NeighbourRound; value: T }> {
    await Promise.all([this.#ofNode.ask('watch', NEIGHBOUR_INTERVAL_MS), this.#ofBare.ask('watch', NEIGHBOUR_INTERVAL_MS)]);
    const value = await work();
    const [node, control] = await Promise.all([
      this.#ofNode.ask<LatencySummary>('watched'),
      this.#ofBare.ask<LatencySummary>('watched'),
    ]);
    return { round: { node, control }, value };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const workers = [this.#ofNode, this.#ofBare, this.#bareServer];
    await Promise.all(workers.map((worker) => worker[Symbol.asyncDispose]()));
  }
}

/** The figures of both, over all rounds. */
export function neighbourFigures(subject: string, rounds: readonly NeighbourRound[]): Figure[] {
  return (['node', 'control'] as const).flatMap((who): Figure[] => {
    const name = who === 'node' ? subject : `${subject}, control`;
    return [
      { subject: name, measure: 'round trip p50', unit: 'ms', values: rounds.map((round) => round[who].p50) },
      { subject: name, measure: 'round trip p99', unit: 'ms', values: rounds.map((round) => round[who].p99) },
      { subject: name, measure: 'round trip, longest', unit: 'ms', values: rounds.map((round) => round[who].max) },
    ];
  });
}

/**
 * What the node's neighbour waits beyond what its control does, in the best
 * round: a busy machine delays some rounds, a node that is busy with one
 * connection for too long delays all of them.
 */
export function neighbourBound(rounds: readonly NeighbourRound[]): BoundCheck {
  const excess = rounds.map(({ node, control }) => node.p99 - control.p99);
  return atMost('p99 round trip of the neighbour beyond its control (best round)', 'ms', spreadOf(excess).min, NEIGHBOUR_P99_MS_MAX);
}
