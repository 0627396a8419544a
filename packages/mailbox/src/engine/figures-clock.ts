import { FIGURES_PAUSE_MS } from '../limits.ts';

/** Tells figures that change all the time: some while after a change, once for all changes until then. */
export class FiguresClock {
  readonly #tell: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(tell: () => void) {
    this.#tell = tell;
  }

  /** Something changed. */
  changed(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#tell();
    }, FIGURES_PAUSE_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
