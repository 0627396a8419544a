import { formatBytes } from '../byte-count.ts';
import { Progress } from '../progress.ts';
import { formatDuration } from '../time.ts';

const BAR_CHARACTERS = 24;

/** Shows a person at the terminal how far a transfer is; silent everywhere else. */
export class TransferProgress implements Disposable {
  readonly #progress = new Progress();
  readonly #beganMs = performance.now();
  #firstBytes: number | undefined;

  show(doneBytes: number, totalBytes: number | undefined): void {
    // What was there before took no time.
    this.#firstBytes ??= doneBytes;
    const seconds = (performance.now() - this.#beganMs) / 1_000;
    this.#progress.show(transferText(doneBytes, totalBytes, (doneBytes - this.#firstBytes) / seconds));
  }

  [Symbol.dispose](): void {
    this.#progress[Symbol.dispose]();
  }
}

/** `[=====>    ]  45%  460 MiB of 1.0 GiB, 85.0 MiB/s, 6s left`; without bar where the end is not known. */
function transferText(doneBytes: number, totalBytes: number | undefined, bytesPerSecond: number): string {
  const speed = `${formatBytes(bytesPerSecond)}/s`;
  if (totalBytes === undefined) return `${formatBytes(doneBytes)}, ${speed}`;
  const part = totalBytes === 0 ? 1 : doneBytes / totalBytes;
  const filled = Math.floor(part * BAR_CHARACTERS);
  const bar = `${'='.repeat(filled)}>`.slice(0, BAR_CHARACTERS).padEnd(BAR_CHARACTERS);
  const left = bytesPerSecond > 0 ? `, ${formatDuration((1_000 * (totalBytes - doneBytes)) / bytesPerSecond)} left` : '';
  return `[${bar}] ${String(Math.floor(part * 100)).padStart(3)}%  ${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}, ${speed}${left}`;
}
