import type { AppLoad } from '../overload/app-load.ts';

/** What admission should know of an application beside its number; all of it may be left out. */
export interface AppPolicy {
  /** Names of its operations, in lower case, by code: the caveat `verb` goes by them (specs/capability-1.md §5.5). */
  readonly verbs?: Readonly<Record<number, string>>;
  /** Operations that may wait for something other than work, such as a message to come: their duration says nothing about load. */
  readonly waiting?: readonly number[];
  /**
   * Whether its service calls `checkTopic` for every request, with '' where there
   * is no topic. Capabilities that are limited to topics are refused otherwise.
   */
  readonly checksTopics?: boolean;
}

/** The same, ready for the hot path. */
export interface App {
  readonly appProtoId: number;
  readonly load: AppLoad;
  readonly verbs: ReadonlyMap<number, string>;
  readonly waiting: ReadonlySet<number>;
  readonly checksTopics: boolean;
}

export function appOf(appProtoId: number, load: AppLoad, policy: AppPolicy = {}): App {
  const { verbs = {}, waiting = [], checksTopics = false } = policy;
  return {
    appProtoId,
    load,
    verbs: new Map(Object.entries(verbs).map(([code, verb]) => [Number(code), verb])),
    waiting: new Set(waiting),
    checksTopics,
  };
}
