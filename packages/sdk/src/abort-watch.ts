/** Who wants to hear that a signal was aborted. */
export interface Abortable {
  aborted(reason: unknown): void;
}

/**
 * Listens to the signals of calls: once per signal, however many calls share
 * it, and not longer than one of them runs.
 */
export class AbortWatch {
  readonly #watched = new WeakMap<AbortSignal, Set<Abortable>>();

  /** Tells `target` when `signal`, which is not aborted yet, is. */
  add(signal: AbortSignal, target: Abortable): void {
    const targets = this.#watched.get(signal);
    if (targets !== undefined) {
      targets.add(target);
      return;
    }
    this.#watched.set(signal, new Set([target]));
    signal.addEventListener('abort', this.#onAbort);
  }

  /** Stops telling `target`. */
  remove(signal: AbortSignal, target: Abortable): void {
    const targets = this.#watched.get(signal);
    if (targets?.delete(target) !== true || targets.size > 0) return;
    this.#watched.delete(signal);
    signal.removeEventListener('abort', this.#onAbort);
  }

  readonly #onAbort = ({ target: signal }: Event): void => {
    if (!(signal instanceof AbortSignal)) return;
    for (const target of this.#watched.get(signal) ?? []) target.aborted(signal.reason);
  };
}
