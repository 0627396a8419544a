import {
  FILL_STEP_MESSAGES,
  MAILBOX_BODY_BYTES,
  MAILBOX_DEEP_MESSAGES,
  MAILBOX_DEEP_RATIO_MIN,
  MAILBOX_DEEP_ROUNDS,
  MAILBOX_ECHO_P99_RATIO_MAX,
  MAILBOX_ECHO_ROUNDS,
  MAILBOX_FLUSHES_MAX,
  MAILBOX_ROUND_MS,
  MAILBOX_SEND_RATIO_MAX,
  MAILBOX_SEND_ROUNDS,
  MAILBOX_SEND_WARM_UP,
  MAILBOX_SENDS,
  MAILBOX_SHALLOW_MESSAGES,
  NEIGHBOUR_INTERVAL_MS,
  NEIGHBOUR_WARM_UP_REQUESTS,
  ECHO_PAYLOAD_BYTES,
} from '../bounds.ts';
import type { LoadResult } from '../clients/load.ts';
import { WorkerProcess } from '../process/worker-process.ts';
import type { Address } from '../process/worker-protocol.ts';
import { atLeast, atMost } from '../report.ts';
import type { Figure, ScenarioReport } from '../report.ts';
import { pairRatios, spreadOf } from '../statistics.ts';
import type { LatencySummary } from '../statistics.ts';
import { FlushCount } from './flush-count.ts';
import { GuardedNode } from './guarded-node.ts';
import { scaled } from './plan.ts';
import type { Run, Scenario } from './plan.ts';
import { accessTo, openQueue } from './queue-clients.ts';

const PAIRS = 'ratio, pair by pair';

/** One SEND at a time next to a message that is appended to a file and flushed; and how many flushes each takes. */
export const mailboxSend: Scenario = {
  name: 'mailbox-send',
  summary: 'a durable SEND at a time next to fdatasync behind TCP, and its flushes',
  run: runSend,
};

/** The same load on a queue that holds a thousand messages and on one that holds a million. */
export const mailboxDepth: Scenario = {
  name: 'mailbox-depth',
  summary: 'the rate with a million messages queued, next to a thousand',
  run: runDepth,
};

/** Echoes on a node whose mailbox has all the work it can get, and on a node next to it. */
export const mailboxEcho: Scenario = {
  name: 'mailbox-echo',
  summary: 'echoes beside a saturated mailbox, next to a node without one',
  run: runEcho,
};

async function runSend(run: Run): Promise<ScenarioReport> {
  const scenario = mailboxSend.name;
  await using node = new GuardedNode({}, run.serverArgs);
  await using log = new WorkerProcess('servers/log-main');
  await using sender = await openQueue('omnigate', await accessTo(node));
  await using appender = new WorkerProcess('clients/raw-main', ['bare', String(MAILBOX_BODY_BYTES)]);
  await appender.ask('open', { address: await log.ask<Address>('address'), connections: 1, inFlight: 1 });
  const sends = scaled(MAILBOX_SENDS, run, 20);
  const pair = async (messages: number): Promise<readonly [LatencySummary, LatencySummary]> => [
    await sender.ask<LatencySummary>('sendLatencies', messages),
    await appender.ask<LatencySummary>('roundTrips', messages),
  ];
  await pair(scaled(MAILBOX_SEND_WARM_UP, run, 20));
  const rounds: (readonly [LatencySummary, LatencySummary])[] = [];
  for (let left = run.rounds ?? scaled(MAILBOX_SEND_ROUNDS, run, 1); left > 0; left--) rounds.push(await pair(sends));

  const p50 = (who: 0 | 1): number[] => rounds.map((round) => round[who].p50 * 1_000);
  const ratios = pairRatios(p50(0), p50(1));
  const figures: Figure[] = [
    { subject: 'mailbox, SDK', measure: 'SEND p50, one in flight', unit: 'us', values: p50(0) },
    { subject: 'append, fdatasync, TCP', measure: 'round trip p50', unit: 'us', values: p50(1) },
    { subject: PAIRS, measure: 'p50, SEND / append', unit: 'x', values: ratios },
  ];
  const bounds = [atMost('p50 of SEND over append and fdatasync behind TCP (median)', 'x', spreadOf(ratios).median, MAILBOX_SEND_RATIO_MAX)];
  const flushes = await FlushCount.of(node.pid);
  if (flushes === undefined) return { scenario, figures, bounds, notes: ['NOT COUNTED: flushes per commit, for want of strace (apt-get install strace) or of the right to use it'] };
  await sender.ask('sendLatencies', sends);
  const perCommit = (await flushes.stop()) / sends;
  return {
    scenario,
    figures: [...figures, { subject: 'mailbox, SDK', measure: 'flushes for each commit', unit: '', values: [perCommit] }],
    bounds: [...bounds, atMost('flushes for each commit', '', perCommit, MAILBOX_FLUSHES_MAX)],
    notes: [],
  };
}

async function runDepth(run: Run): Promise<ScenarioReport> {
  await using shallowNode = new GuardedNode({}, []);
  await using deepNode = new GuardedNode({}, run.serverArgs);
  await using shallow = await openQueue('omnigate', await accessTo(shallowNode));
  await using deep = await openQueue('omnigate', await accessTo(deepNode));
  await fill(shallow, scaled(MAILBOX_SHALLOW_MESSAGES, run, 10));
  await fill(deep, scaled(MAILBOX_DEEP_MESSAGES, run, 100));
  const plan = { durationMs: scaled(MAILBOX_ROUND_MS, run, 0), requestsMin: scaled(4_000, run, 256) };
  const rates: [number[], number[]] = [[], []];
  for (let left = 1 + (run.rounds ?? scaled(MAILBOX_DEEP_ROUNDS, run, 1)); left > 0; left--) {
    for (const [index, client] of [shallow, deep].entries()) {
      const { requests, seconds } = await client.ask<LoadResult>('load', plan);
      rates[index]?.push(requests / seconds);
    }
  }
  // The first round warms up.
  const [few, many] = rates.map((values) => values.slice(1)) as [number[], number[]];
  const ratios = pairRatios(many, few);
  return {
    scenario: mailboxDepth.name,
    figures: [
      { subject: 'mailbox, 1 k queued', measure: 'rate', unit: 'messages/s', values: few },
      { subject: 'mailbox, 1 M queued', measure: 'rate', unit: 'messages/s', values: many },
      { subject: PAIRS, measure: 'rate, 1 M / 1 k', unit: 'x', values: ratios },
    ],
    bounds: [atLeast('rate with a million messages queued, over a thousand (median)', 'x', spreadOf(ratios).median, MAILBOX_DEEP_RATIO_MIN)],
    notes: [],
  };
}

async function runEcho(run: Run): Promise<ScenarioReport> {
  await using node = new GuardedNode({}, run.serverArgs);
  await using controlNode = new GuardedNode({}, []);
  await using load = await openQueue('omnigate', await accessTo(node));
  await using echo = await openEcho(node, run);
  await using control = await openEcho(controlNode, run);
  const plan = { durationMs: scaled(MAILBOX_ROUND_MS, run, 0), requestsMin: scaled(4_000, run, 256) };
  await load.ask('load', plan);
  const rounds: { readonly node: LatencySummary; readonly control: LatencySummary }[] = [];
  for (let left = run.rounds ?? scaled(MAILBOX_ECHO_ROUNDS, run, 1); left > 0; left--) {
    await Promise.all([echo, control].map((client) => client.ask('watch', NEIGHBOUR_INTERVAL_MS)));
    await load.ask('load', plan);
    const [near, far] = await Promise.all([echo, control].map((client) => client.ask<LatencySummary>('watched')));
    rounds.push({ node: near as LatencySummary, control: far as LatencySummary });
  }
  const p99 = (who: 'node' | 'control'): number[] => rounds.map((round) => round[who].p99);
  const ratios = pairRatios(p99('node'), p99('control'));
  return {
    scenario: mailboxEcho.name,
    figures: [
      { subject: 'echo, mailbox saturated', measure: 'round trip p99', unit: 'ms', values: p99('node') },
      { subject: 'echo, control', measure: 'round trip p99', unit: 'ms', values: p99('control') },
      { subject: PAIRS, measure: 'p99, echo / control', unit: 'x', values: ratios },
    ],
    bounds: [atMost('echo p99 beside a saturated mailbox over its control (median)', 'x', spreadOf(ratios).median, MAILBOX_ECHO_P99_RATIO_MAX)],
    notes: [],
  };
}

async function fill(client: WorkerProcess, messages: number): Promise<void> {
  for (let left = messages; left > 0; left -= FILL_STEP_MESSAGES) await client.ask('fill', Math.min(left, FILL_STEP_MESSAGES));
}

async function openEcho(node: GuardedNode, run: Run): Promise<WorkerProcess> {
  const client = new WorkerProcess('clients/raw-main', ['oap', String(ECHO_PAYLOAD_BYTES)]);
  await client.ask('open', { address: await node.address(), connections: 1, inFlight: 1 });
  await client.ask('roundTrips', scaled(NEIGHBOUR_WARM_UP_REQUESTS, run, 10));
  return client;
}
