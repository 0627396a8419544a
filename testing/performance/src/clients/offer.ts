import { OFFER_TICK_MS } from '../bounds.ts';
import { latencySummary } from '../statistics.ts';
import type { LatencySummary } from '../statistics.ts';
import type { OfferConnection } from './offer-connection.ts';

/** How much to ask for, and for how long. */
export type OfferPlan = {
  readonly durationMs: number;
  /** Time for what is on its way then to be answered; none when absent. */
  readonly graceMs?: number;
} & (
  | { /** Requests open on each connection; whoever is answered asks again at once. */ readonly inFlight: number }
  | { /** Requests that are due each second over all connections, whatever happens to those before. */ readonly perSecond: number }
);

/** What became of what was offered, by one client. */
export interface OfferResult {
  readonly seconds: number;
  /** Requests that were due; those that found no room were not sent. */
  readonly offered: number;
  readonly sent: number;
  /** Answers by status. */
  readonly answers: Readonly<Record<number, number>>;
  /** Latency of what was served, milliseconds. */
  readonly served: LatencySummary;
  /** Connections that the server ended. */
  readonly lost: number;
}

/** Offers a load and waits no longer than the plan says: what is not answered then was not served in time. */
export async function offer(connections: readonly OfferConnection[], plan: OfferPlan): Promise<OfferResult> {
  const answers: Record<number, number> = {};
  const latencies: number[] = [];
  let offered = 0;
  let sent = 0;
  const send = (connection: OfferConnection, count: number): void => {
    offered += count;
    sent += connection.send(count);
  };
  for (const connection of connections) {
    let answered = 0;
    connection.onAnswer = (status, latencyMs) => {
      answers[status] = (answers[status] ?? 0) + 1;
      if (status < 300) latencies.push(latencyMs);
      answered++;
    };
    connection.onRead = () => {
      if ('inFlight' in plan) send(connection, answered);
      answered = 0;
    };
  }
  const startMs = performance.now();
  if ('inFlight' in plan) {
    for (const connection of connections) send(connection, Math.max(0, plan.inFlight - connection.inFlight));
    await new Promise((resolve) => setTimeout(resolve, plan.durationMs));
  } else {
    await paced(connections, plan, startMs, send);
  }
  const seconds = (performance.now() - startMs) / 1_000;
  if (plan.graceMs !== undefined) await settle(connections, plan.graceMs);
  for (const connection of connections) {
    connection.onAnswer = () => undefined;
    connection.onRead = () => undefined;
  }
  return { seconds, offered, sent, answers, served: latencySummary(latencies), lost: connections.filter(({ open }) => !open).length };
}

/** Resolves when all that was sent is answered, or after `withinMs`. */
export async function settle(connections: readonly OfferConnection[], withinMs: number): Promise<void> {
  const endMs = performance.now() + withinMs;
  const waiting = (): boolean => connections.some(({ open, inFlight }) => open && inFlight > 0);
  while (waiting() && performance.now() < endMs) await new Promise((resolve) => setTimeout(resolve, OFFER_TICK_MS));
}

async function paced(
  connections: readonly OfferConnection[],
  { durationMs, perSecond }: { durationMs: number; perSecond: number },
  startMs: number,
  send: (connection: OfferConnection, count: number) => void,
): Promise<void> {
  let due = 0;
  let next = 0;
  for (let elapsedMs = 0; elapsedMs < durationMs; elapsedMs = performance.now() - startMs) {
    const total = Math.floor((elapsedMs * perSecond) / 1_000);
    // A few connections get a handful each, in turn: a write for each request would measure the client.
    const each = Math.max(1, Math.ceil((total - due) / connections.length));
    while (due < total) {
      const count = Math.min(each, total - due);
      send(connections[next++ % connections.length] as OfferConnection, count);
      due += count;
    }
    await new Promise((resolve) => setTimeout(resolve, OFFER_TICK_MS));
  }
}

/** Answers with one of the statuses. */
export function answered(results: readonly OfferResult[], ...statuses: readonly number[]): number {
  return results.reduce((sum, { answers }) => sum + statuses.reduce((of, status) => of + (answers[status] ?? 0), 0), 0);
}
