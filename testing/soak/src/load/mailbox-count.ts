import { setTimeout as sleep } from 'node:timers/promises';
import type { Mailbox, MessageState, PeekPage, TopicStats } from '@omnigate/sdk';
import { DRAIN_MS_MAX, LOOK_MS, SCANS_MAX } from '../bounds.ts';

/** In the order in which a scan looks, so that what becomes ready meanwhile is still found. */
const STATES: readonly MessageState[] = ['leased', 'delayed', 'blocked', 'ready'];
const PEEK_LIMIT = 256;

/** A full scan of topics, beside their counters. */
export interface Comparison {
  readonly messages: number;
  /** Where the two disagree. */
  readonly complaints: readonly string[];
}

/**
 * Compares the counters of topics with a look at every message there is
 * (specs/mailbox-1.md §2, rule 10), as soon as nothing moves while it looks.
 */
export async function compareCounts(topics: readonly Mailbox[]): Promise<Comparison> {
  let before = await statsOf(topics);
  for (let scan = 0; scan < SCANS_MAX; scan++) {
    const complaints: string[] = [];
    let messages = 0;
    for (const [index, topic] of topics.entries()) {
      const found = await countAll(topic);
      messages += STATES.reduce((sum, state) => sum + found[state], 0);
      complaints.push(...judge(before[index] as TopicStats, found));
    }
    const after = await statsOf(topics);
    if (JSON.stringify(before) === JSON.stringify(after)) return { messages, complaints };
    before = after;
    await sleep(LOOK_MS);
  }
  return { messages: 0, complaints: [`the topics did not come to rest within ${SCANS_MAX} scans`] };
}

/** Waits until no message is left, calling `bringBack` at each look; how many there are when time is up. */
export async function drained(topics: readonly Mailbox[], bringBack: () => Promise<void>): Promise<number> {
  const deadlineMs = performance.now() + DRAIN_MS_MAX;
  for (;;) {
    const left = (await statsOf(topics)).reduce((sum, { ready, delayed, leased }) => sum + ready + delayed + leased, 0);
    if (left === 0 || performance.now() > deadlineMs) return left;
    await bringBack();
    await sleep(LOOK_MS);
  }
}

/** The bodies of a dead-letter topic, from which nobody receives. */
export async function deadBodies(topic: Mailbox): Promise<readonly Uint8Array[]> {
  const bodies: Uint8Array[] = [];
  for await (const messages of pages(topic, 'ready')) bodies.push(...messages.map(({ body }) => body));
  return bodies;
}

async function statsOf(topics: readonly Mailbox[]): Promise<readonly TopicStats[]> {
  return Promise.all(topics.map((topic) => topic.stats()));
}

async function countAll(topic: Mailbox): Promise<Record<MessageState, number>> {
  const counts: Record<MessageState, number> = { leased: 0, delayed: 0, blocked: 0, ready: 0 };
  for (const state of STATES) for await (const messages of pages(topic, state)) counts[state] += messages.length;
  return counts;
}

async function* pages(topic: Mailbox, state: MessageState): AsyncGenerator<PeekPage['messages']> {
  let after: Uint8Array | undefined;
  do {
    const page = await topic.peek({ state, after, limit: PEEK_LIMIT });
    yield page.messages;
    after = page.next;
  } while (after !== undefined);
}

function judge(stats: TopicStats, found: Record<MessageState, number>): readonly string[] {
  const { topic, admitted, acked, deleted, expired, deadLettered, redriven, ready, delayed, leased } = stats;
  const complaints: string[] = [];
  const sum = ready + delayed + leased + acked + deleted + expired + deadLettered + redriven;
  if (admitted !== sum) complaints.push(`${topic}: ${admitted} admitted, and ${sum} accounted for`);
  // The counter of ready messages has those in it that wait for their group.
  const scanned = { ...found, ready: found.ready + found.blocked };
  for (const state of STATES) {
    if (stats[state] !== scanned[state]) complaints.push(`${topic}: ${stats[state]} ${state} by the counter, ${scanned[state]} by a scan`);
  }
  return complaints;
}
