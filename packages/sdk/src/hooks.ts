import type { GoAway, OapError } from '@omnigate/kernel/wire';
import type { ClientLogger } from './logger.ts';

/** Takes a listener away again. */
export type Unsubscribe = () => void;

/** What an application can listen to, by the name of the hook. */
export interface HookArguments<TClient> {
  reconnect: [client: TClient];
  goAway: [goAway: GoAway];
  revoked: [revocationSeq: number];
  refused: [error: OapError];
}

type Listener<TArguments extends unknown[]> = (...args: TArguments) => unknown;

/** The application's listeners. What they throw is logged and stops nothing. */
export class Hooks<TClient> {
  readonly #logger: ClientLogger;
  readonly #listeners: { readonly [Name in keyof HookArguments<TClient>]: Set<Listener<HookArguments<TClient>[Name]>> } = {
    reconnect: new Set(),
    goAway: new Set(),
    revoked: new Set(),
    refused: new Set(),
  };

  constructor(logger: ClientLogger) {
    this.#logger = logger;
  }

  add<Name extends keyof HookArguments<TClient>>(
    name: Name,
    listener: Listener<HookArguments<TClient>[Name]>,
  ): Unsubscribe {
    this.#listeners[name].add(listener);
    return () => {
      this.#listeners[name].delete(listener);
    };
  }

  /** Calls all listeners of a hook, in the order they were added, without waiting for any. */
  emit<Name extends keyof HookArguments<TClient>>(name: Name, ...args: HookArguments<TClient>[Name]): void {
    for (const listener of this.#listeners[name]) void this.#call(name, listener, args);
  }

  async #call<TArguments extends unknown[]>(name: string, listener: Listener<TArguments>, args: TArguments): Promise<void> {
    try {
      await listener(...args);
    } catch (error) {
      this.#logger.error({ err: error, hook: name }, 'a listener of the client failed');
    }
  }
}
