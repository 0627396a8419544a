import type { BrokerFigures } from '../broker/broker.ts';
import type { StoreFigures } from '../store/store-figures.ts';

/** What an engine and its store counted. */
export interface EngineFigures extends BrokerFigures {
  readonly store: Omit<StoreFigures, 'committed' | 'checkpointed'>;
}

/** What a thread with an engine is told when it starts. */
export interface EngineSettings {
  /** Folder of the store. */
  readonly path: string;
  /** Largest body. */
  readonly bodyBytesMax: number;
}

/** What the thread says. It is sent batches of frames, and `stop`. */
export type EngineMessage =
  /** The store is open, and it takes a batch. */
  | { readonly kind: 'ready' }
  /** Answers, which are durable; with `done` a batch is done. */
  | { readonly kind: 'answers'; readonly batch: Uint8Array; readonly done: boolean }
  /** What it counted, when that has changed, and first before it is ready. */
  | { readonly kind: 'figures'; readonly figures: EngineFigures }
  /** A message that is not delivered because its bytes are damaged. */
  | { readonly kind: 'corrupt'; readonly topic: string; readonly id: string }
  /** It cannot go on, and ends. */
  | { readonly kind: 'failed'; readonly error: unknown };
