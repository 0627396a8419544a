import { setTimeout as sleep } from 'node:timers/promises';
import { OapError } from '@omnigate/sdk';
import type { Client } from '@omnigate/sdk';
import { SCANS_MAX, SCAN_PAUSE_MS } from '../bounds.ts';
import type { Tally } from '../tally.ts';
import { ask, peekAll, STATES } from './mailbox-client.ts';
import type { Message, State, Stats } from './mailbox-client.ts';
import { describe } from './sent-messages.ts';
import type { SentMessages } from './sent-messages.ts';

const COUNTED = ['admitted', ...STATES, 'acked', 'deleted', 'expired', 'dead_lettered', 'redriven'] as const;

/** A topic as a full scan finds it. */
interface Scan {
  readonly topic: string;
  readonly stats: Stats;
  readonly found: Readonly<Record<State, readonly Message[]>>;
}

/**
 * Compares all messages of the topics with what was acknowledged, by the rules
 * of specs/mailbox-1.md §2. Nobody else may use the topics meanwhile.
 */
export async function checkMessages(client: Client, topics: readonly string[], sent: SentMessages, tally: Tally): Promise<void> {
  const there = new Set<number>();
  for (const { topic, stats, found } of await scanAtRest(client, topics)) {
    checkCounts(topic, stats, found, tally);
    for (const message of STATES.flatMap((state) => found[state])) {
      const known = sent.recognise(message, tally);
      if (known === undefined) continue;
      if (there.has(known.number)) tally.count('duplicated', `${describe(known)} is there twice`);
      there.add(known.number);
      if (known.done === 'yes') tally.count('duplicated', `${describe(known)} is there after its ACK`);
      const deliveries = message.deliveries + (message.dead?.deliveries ?? 0);
      if (deliveries < known.deliveries) tally.count('wrong', `${describe(known)} forgot deliveries: ${deliveries}, and ${known.deliveries} were seen`);
    }
  }
  for (const known of sent.all) {
    const isThere = there.has(known.number);
    // Nothing is under way any more.
    known.asked = 0;
    if (known.done === 'unknown') known.done = isThere ? 'no' : 'yes';
    if (known.sending === 'acknowledged' && known.done === 'no' && !isThere) {
      tally.count('lost', describe(known));
      // It is counted once.
      known.done = 'yes';
    }
    // Without a key it is not sent again: it was taken, or it was not.
    if (known.sending === 'unknown' && known.key === undefined) known.sending = isThere ? 'acknowledged' : 'refused';
  }
}

/** Scans until nothing moved meanwhile: leases run out and delays end while it looks. */
async function scanAtRest(client: Client, topics: readonly string[]): Promise<readonly Scan[]> {
  let before = await statsOf(client, topics);
  for (let attempt = 0; attempt < SCANS_MAX; attempt++) {
    const scans: Scan[] = [];
    for (const [topic, stats] of before) scans.push({ topic, stats, found: await scan(client, topic) });
    const after = await statsOf(client, topics);
    if (JSON.stringify(countsOf(before)) === JSON.stringify(countsOf(after))) return scans;
    before = after;
    await sleep(SCAN_PAUSE_MS);
  }
  throw new Error(`the topics did not come to rest within ${SCANS_MAX} scans`);
}

async function scan(client: Client, topic: string): Promise<Scan['found']> {
  const found: Partial<Record<State, readonly Message[]>> = {};
  for (const state of STATES) found[state] = await peekAll(client, topic, state);
  return found as Scan['found'];
}

/** The counters of the topics that exist. */
async function statsOf(client: Client, topics: readonly string[]): Promise<ReadonlyMap<string, Stats>> {
  const all = new Map<string, Stats>();
  for (const topic of topics) {
    try {
      all.set(topic, await ask<Stats>(client, 'STATS', { topic }));
    } catch (error) {
      if (OapError.from(error).reason !== 'topic_unknown') throw error;
    }
  }
  return all;
}

function countsOf(all: ReadonlyMap<string, Stats>): unknown {
  return [...all].map(([topic, stats]) => [topic, ...COUNTED.map((name) => stats[name])]);
}

/** Rule 10: the counters add up, and equal a full scan. */
function checkCounts(topic: string, stats: Stats, found: Scan['found'], tally: Tally): void {
  const { ready, delayed, leased, acked, deleted, expired, dead_lettered, redriven, admitted } = stats;
  const sum = ready + delayed + leased + acked + deleted + expired + dead_lettered + redriven;
  if (admitted !== sum) tally.count('wrong', `${topic}: ${admitted} admitted, and ${sum} accounted for`);
  const scanned = { ready: found.ready.length + found.blocked.length, blocked: found.blocked.length, delayed: found.delayed.length, leased: found.leased.length };
  for (const state of STATES) {
    if (stats[state] !== scanned[state]) tally.count('wrong', `${topic}: ${stats[state]} ${state} by the counter, ${scanned[state]} by a scan`);
  }
}
