import type { Route } from '@omnigate/kernel';
import type { AppLoad } from '../overload/app-load.ts';

/** What its service says of an application, ready for the hot path. */
export interface App {
  readonly appProtoId: number;
  readonly load: AppLoad;
  readonly verbs: ReadonlyMap<number, string>;
  readonly waiting: ReadonlySet<number>;
  readonly checksTopics: boolean;
}

export function appOf({ appProtoId, facts }: Route, load: AppLoad): App {
  const { verbs, waiting, checksTopics } = facts;
  return {
    appProtoId,
    load,
    verbs: new Map(Object.entries(verbs).map(([code, verb]) => [Number(code), verb])),
    waiting: new Set(waiting),
    checksTopics,
  };
}
