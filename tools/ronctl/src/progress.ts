import { PROGRESS_INTERVAL_MS } from './limits.ts';

/** Tells a person at the terminal how far something is, on one line of standard error that goes away. */
export class Progress implements Disposable {
  readonly #shown = process.stderr.isTTY;
  #nextAt = performance.now() + PROGRESS_INTERVAL_MS;
  #written = false;

  show(text: string): void {
    if (!this.#shown || performance.now() < this.#nextAt) return;
    this.#nextAt = performance.now() + PROGRESS_INTERVAL_MS;
    this.#written = true;
    process.stderr.write(`\r\u001b[K${text}`);
  }

  [Symbol.dispose](): void {
    if (this.#written) process.stderr.write('\r\u001b[K');
    this.#written = false;
  }
}
