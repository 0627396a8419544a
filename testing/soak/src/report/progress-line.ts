import type { WriteStream } from 'node:tty';
import { count, mebibytes } from '../judge/finding.ts';
import { sumsOfAll } from '../judge/requests.ts';
import type { LoadTally } from '../load/tally.ts';
import { KINDS } from '../profile.ts';
import type { Plan } from '../plan.ts';
import type { NodeProgress, Progress } from '../soak.ts';

/** Without a terminal a line is written this often, milliseconds: a log of a night stays readable. */
const LOG_MS = 60_000;

/** Says how far a run is: on one line of a terminal, else once a minute. */
export class ProgressLine {
  readonly #stream: WriteStream;
  readonly #plan: Plan;
  #loggedMs = 0;

  constructor(stream: WriteStream, plan: Plan) {
    this.#stream = stream;
    this.#plan = plan;
    const { profile, rate, durationMs, seed } = plan;
    stream.write(`Soak '${profile.name}' for ${clock(durationMs)}: ${profile.summary}; ${rate} requests a second, seed ${seed}. Ctrl-C ends it early.\n`);
  }

  show(progress: Progress): void {
    const text = this.#text(progress);
    if (this.#stream.isTTY) {
      this.#stream.write(`\r\x1b[K${text.slice(0, this.#stream.columns - 1)}`);
      return;
    }
    if (progress.elapsedMs - this.#loggedMs < LOG_MS && progress.elapsedMs < this.#plan.durationMs) return;
    this.#loggedMs = progress.elapsedMs;
    this.#stream.write(`${text}\n`);
  }

  /** What follows is no progress. */
  end(): void {
    if (this.#stream.isTTY) this.#stream.write('\n');
  }

  #text({ elapsedMs, load, nodes }: Progress): string {
    const { asked, failed, wrong, refused } = sumsOfAll(load);
    const times = `${clock(elapsedMs)} of ${clock(this.#plan.durationMs)}`;
    return [times, `${count(asked)} requests`, `${failed + wrong} failed`, `${refused} refused${reasonsOf(load)}`, ...nodes.map(nodeText)].join('  ');
  }
}

/** Why requests were not answered, the most frequent reasons first. */
function reasonsOf({ kinds }: LoadTally): string {
  const times = new Map<string, number>();
  for (const kind of KINDS) {
    for (const [reason, more] of [...Object.entries(kinds[kind].failed), ...Object.entries(kinds[kind].refused)]) times.set(reason, (times.get(reason) ?? 0) + more);
  }
  if (times.size === 0) return '';
  const first = [...times].sort(([, a], [, b]) => b - a).slice(0, 3);
  return ` (${first.map(([reason, more]) => `${reason} ${more}`).join(', ')})`;
}

function nodeText({ name, sample }: NodeProgress): string {
  if (sample === undefined) return `${name}: restarting`;
  const { sockets, files, others } = sample.descriptors;
  return `${name}: ${mebibytes(sample.rssBytes)}, ${sockets + files + others} descriptors, loop ${sample.loopDelayMs.toFixed(0)} ms`;
}

/** Hours, minutes and seconds. */
export function clock(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${Math.floor(seconds / 3_600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}
