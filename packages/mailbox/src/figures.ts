import type { ServiceMetric } from '@omnigate/kernel';
import type { EngineFigures } from './engine/thread-messages.ts';
import { MailboxMetricName } from './metric-name.ts';
import { COMMIT_BOUNDS_SECONDS } from './store/store-figures.ts';

/** What waits for the engine. */
export interface Backlog {
  readonly waitingRequests: number;
  readonly waitingBytes: number;
}

/** What the metrics of the node read of the mailbox: what its engine told last, and what waits for it. */
export class MailboxFigures {
  /** Undefined until the engine told, which it does as soon as its store is open. */
  #engine: EngineFigures | undefined;
  #delivered = 0;
  backlog: Backlog | undefined;
  corruptMessages = 0;

  /** The engine told. */
  take(engine: EngineFigures): void {
    this.#engine = engine;
    // A delivery that never left is taken back, which who reads a counter would take for a new start.
    this.#delivered = Math.max(this.#delivered, engine.counters.delivered);
  }

  /** All of them, for the node. */
  get metrics(): readonly ServiceMetric[] {
    const Name = MailboxMetricName;
    const gauge = (name: string, help: string, read: (engine: EngineFigures) => number): ServiceMetric => ({ name, type: 'gauge', help, read: () => this.#read(read) });
    const counter = (name: string, help: string, read: (engine: EngineFigures) => number): ServiceMetric => ({ name, type: 'counter', help, read: () => this.#read(read) });
    return [
      gauge(Name.READY, 'Messages that may be delivered or wait only for an earlier one of their group.', ({ counters }) => counters.ready),
      gauge(Name.DELAYED, 'Messages whose time has not come.', ({ counters }) => counters.delayed),
      gauge(Name.LEASED, 'Messages that a receiver has.', ({ counters }) => counters.leased),
      gauge(Name.BYTES, 'Bytes of all messages, as quotas count them.', ({ counters }) => counters.bytes),
      gauge(Name.TOPICS, 'Topics of all tenants.', ({ topics }) => topics),
      gauge(Name.RECEIVERS, 'Requests that wait for messages, and subscriptions.', ({ receivers }) => receivers),
      counter(Name.ADMITTED, 'Messages that came into a topic: sent, as dead letters, or moved.', ({ counters }) => counters.admitted),
      counter(Name.DELIVERED, 'Deliveries.', () => this.#delivered),
      counter(Name.REDELIVERED, 'Deliveries of messages that had been delivered before.', ({ redelivered }) => redelivered),
      counter(Name.ACKED, 'Messages that were acknowledged.', ({ counters }) => counters.acked),
      counter(Name.DELETED, 'Messages that were deleted or purged.', ({ counters }) => counters.deleted),
      counter(Name.EXPIRED, 'Messages whose time to live was over.', ({ counters }) => counters.expired),
      counter(Name.DEAD_LETTERED, 'Messages that moved to a dead-letter topic.', ({ counters }) => counters.dead_lettered),
      counter(Name.REDRIVEN, 'Messages that were moved to another topic.', ({ counters }) => counters.redriven),
      { name: Name.CORRUPT, type: 'counter', help: 'Messages that were found damaged.', read: () => this.corruptMessages },
      {
        name: Name.COMMIT_SECONDS,
        type: 'histogram',
        help: 'Writing and flushing of what came together.',
        bounds: COMMIT_BOUNDS_SECONDS,
        read: () => (this.#engine === undefined ? undefined : { counts: this.#engine.store.commits, sum: this.#engine.store.commitsMs / 1_000 }),
      },
      counter(Name.CHECKPOINTS, 'Moves of what was committed to the tree.', ({ store }) => store.checkpoints),
      counter(Name.CHECKPOINT_SECONDS, 'Time that they took.', ({ store }) => store.checkpointsMs / 1_000),
      gauge(Name.JOURNAL_BYTES, 'Bytes of commits since the last of them.', ({ store }) => store.journalBytes),
      gauge(Name.TREE_BYTES, 'Bytes of the tree that are in use.', ({ store }) => store.treeBytes),
      gauge(Name.FULL, '1 while the disk has no room for new messages, else 0.', ({ store }) => (store.hasRoom ? 0 : 1)),
      { name: Name.WAITING_REQUESTS, type: 'gauge', help: 'Requests that wait for the disk.', read: () => this.backlog?.waitingRequests },
      { name: Name.WAITING_BYTES, type: 'gauge', help: 'Their bytes.', read: () => this.backlog?.waitingBytes },
    ];
  }

  #read(read: (engine: EngineFigures) => number): number | undefined {
    return this.#engine === undefined ? undefined : read(this.#engine);
  }
}
