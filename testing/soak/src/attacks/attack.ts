import type { ListenAddress } from '@omnigate/kernel';
import type { Chance } from '../chance.ts';

/** What an attacker has to work with. */
export interface Means {
  readonly oap: ListenAddress;
  readonly oaps: ListenAddress;
  readonly chance: Chance;
  /** A good capability of the tenant that asks for too much. */
  readonly capability: () => Promise<Uint8Array>;
}

/** One way to harm a node. */
export interface Attack {
  readonly name: string;
  /** Messages, or connections without any, that it takes. */
  readonly cost: number;
  /** Resolves when the node reacted as it should. */
  readonly play: (means: Means) => Promise<void>;
}
