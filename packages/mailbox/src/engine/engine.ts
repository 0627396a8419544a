import { Broker } from '../broker/broker.ts';
import type { BrokerFigures, BrokerOptions } from '../broker/broker.ts';
import type { Store } from '../store/store.ts';
import { readFrames, ReplyBatch, ToEngine } from './batch.ts';
import type { EngineFrame } from './batch.ts';

/** A broker over its store: batches in, commits, batches out. */
export class Engine {
  readonly #store: Store;
  readonly #broker: Broker;
  readonly #replies = new ReplyBatch();
  #underWay = false;

  /** Takes over a store that nobody else uses. */
  constructor(store: Store, options: BrokerOptions = {}) {
    this.#store = store;
    this.#broker = new Broker(store, this.#replies, options);
  }

  /** Time of the last step. */
  get nowMs(): number {
    return this.#broker.nowMs;
  }

  /** When `step` has to be called at the latest; infinite when nothing will happen by itself. */
  get nextDueMs(): number {
    return this.#broker.nextDueMs;
  }

  /** Whether the batch is not done yet: `step` will yield again. */
  get underWay(): boolean {
    return this.#underWay;
  }

  /**
   * Handles a batch, which may be empty, in one step or, where there is much to
   * write, in several. What it yields is durable: the answers of one step each.
   *
   * @throws Error when a commit failed or the broker has a defect; the outcome of what was not answered is unknown
   *   then, and the engine must not be used any more
   */
  *step(batch: Uint8Array, nowMs: number): Generator<Uint8Array, undefined> {
    this.#underWay = true;
    this.#broker.begin(nowMs);
    for (const frame of readFrames(batch)) {
      this.#take(frame);
      if (!this.#broker.isFull) continue;
      yield this.#commit();
      this.#broker.begin(nowMs);
    }
    const last = this.#commit();
    this.#underWay = false;
    yield last;
    return undefined;
  }

  /** What the broker counted. */
  get figures(): BrokerFigures {
    return this.#broker.figures;
  }

  close(): void {
    this.#store.close();
  }

  #commit(): Uint8Array {
    this.#broker.finish();
    this.#store.commit();
    return this.#replies.take();
  }

  #take(frame: EngineFrame): void {
    const { kind, callId, op, tenant, endToEnd, payload } = frame;
    if (kind === ToEngine.CANCEL) {
      this.#broker.cancel(callId);
      this.#replies.cancelled(callId);
    } else if (kind === ToEngine.DRAINED) {
      this.#broker.drained(callId);
    } else if (kind === ToEngine.UNDELIVERED) {
      this.#broker.undelivered(tenant, frame.topic, payload);
    } else {
      this.#broker.handle({ callId, op, tenant, endToEnd, payload });
    }
  }
}
