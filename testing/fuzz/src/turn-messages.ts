import type { Target } from './engine/target.ts';

/** What a module of targets exports. */
export interface TargetModule {
  readonly TARGETS: Readonly<Record<string, () => Promise<Target>>>;
}

/** What a thread is to do. */
export interface TurnOrder {
  /** URL of the module of targets, and the name of one of them. */
  readonly registry: string;
  readonly target: string;
  readonly seed: number;
  /** When to end, Unix milliseconds. */
  readonly untilMs: number;
  /** Kinds of findings that were reported before. */
  readonly known: readonly string[];
  /** Choose the inputs of the repository instead of searching. */
  readonly select: boolean;
  readonly shared: SharedArrayBuffer;
}

/** Something that a thread came upon. */
export interface FoundMessage {
  readonly kind: 'found';
  /** Where the input is, relative to the repository. */
  readonly file: string;
  readonly oracle: string;
  readonly message: string;
  /** What findings of one cause have in common. */
  readonly about: string;
  /** Of what was thrown; empty when nothing was. */
  readonly stack: string;
}

export type WorkerMessage = FoundMessage | { readonly kind: 'skipped'; readonly why: string } | { readonly kind: 'selected'; readonly inputs: number; readonly bytes: number };
