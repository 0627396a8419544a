import { getHeapStatistics } from 'node:v8';
import { CONFIRMATIONS, INPUT_CPU_MS_MAX, INPUT_MEMORY_BYTES_MAX } from '../bounds.ts';
import { Finding } from './target.ts';
import type { Target } from './target.ts';

/** What became of one input. */
export interface Outcome {
  readonly taken: boolean;
  readonly finding: Finding | undefined;
}

/** What a run may cost; tests bring smaller ones. */
export interface Budget {
  readonly cpuMs: number;
  readonly memoryBytes: number;
}

const BUDGET: Budget = { cpuMs: INPUT_CPU_MS_MAX, memoryBytes: INPUT_MEMORY_BYTES_MAX };

/**
 * Runs one input against all oracles but the programs: what the target says, that
 * nothing else is thrown, and what it costs. A cost is believed when it is there
 * in every one of some further runs, since a busy machine makes any run slow.
 */
export function runInput(target: Target, input: Uint8Array, budget: Budget = BUDGET): Outcome {
  const first = measure(target, input);
  if (first.finding !== undefined) return first;
  const tooSlow = first.wallMs > budget.cpuMs;
  const tooLarge = first.memoryBytes > budget.memoryBytes;
  if (!tooSlow && !tooLarge) return first;
  let cpuMs = Number.POSITIVE_INFINITY;
  let memoryBytes = Number.POSITIVE_INFINITY;
  for (let nth = 0; nth < CONFIRMATIONS; nth++) {
    const before = process.cpuUsage();
    const again = measure(target, input);
    const { user, system } = process.cpuUsage(before);
    cpuMs = Math.min(cpuMs, (user + system) / 1_000);
    memoryBytes = Math.min(memoryBytes, again.memoryBytes);
  }
  if (cpuMs > budget.cpuMs) {
    return { taken: first.taken, finding: new Finding('time', `${input.length} bytes take ${Math.round(cpuMs)} ms of CPU`) };
  }
  if (memoryBytes > budget.memoryBytes) {
    return { taken: first.taken, finding: new Finding('memory', `${input.length} bytes take ${Math.round(memoryBytes / 1_048_576)} MiB`) };
  }
  return first;
}

/** Any thrown value as a finding: what is no Finding was not to be thrown at all. */
export function asFinding(thrown: unknown): Finding {
  if (thrown instanceof Finding) return thrown;
  const what = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  return new Finding('exception', what, { cause: thrown });
}

function measure(target: Target, input: Uint8Array): Outcome & { readonly wallMs: number; readonly memoryBytes: number } {
  // What a target does to its input must not reach the corpus.
  const copy = new Uint8Array(input);
  const memoryBefore = memoryInUse();
  const startMs = performance.now();
  let taken = false;
  let finding: Finding | undefined;
  try {
    taken = target.run(copy);
  } catch (thrown) {
    finding = asFinding(thrown);
  }
  const wallMs = performance.now() - startMs;
  if (finding === undefined && Buffer.compare(copy, input) !== 0) finding = new Finding('input-changed', 'the bytes that were read are changed');
  return { taken, finding, wallMs, memoryBytes: memoryInUse() - memoryBefore };
}

function memoryInUse(): number {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  return heap + external;
}
