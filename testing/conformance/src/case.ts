/** One thing that the specification says, tried out on a peer. */
export interface Case<Context> {
  /** Section of specs/oap-1.md, such as `3.3` or `10.1`. */
  readonly section: string;
  /** What the peer must do, in a few words. */
  readonly title: string;
  /** About how long it waits for time limits of the peer; such cases begin first. Above `SLOW_MS` only on demand. */
  readonly waitsMs?: number;
  run(context: Context): Promise<void>;
}

/** A case with its number within its section, such as `3.3/4`. */
export interface NumberedCase<Context> extends Case<Context> {
  readonly id: string;
}

/** How a case came out. */
export interface Outcome {
  readonly id: string;
  readonly section: string;
  readonly title: string;
  readonly verdict: 'passed' | 'failed' | 'skipped';
  /** Why it was skipped, or what happened beside a deviation. */
  readonly message?: string;
  readonly expected?: string;
  readonly actual?: string;
  /** Section that the deviation is about. */
  readonly rule?: string;
  readonly durationMs: number;
  /** Frames in hexadecimal. */
  readonly trace: readonly string[];
}

/** Cases that wait longer than this run only when asked for; milliseconds. */
export const SLOW_MS = 8_000;

/** Numbers the cases within their sections and puts them in the order of the specification. */
export function numbered<Context>(cases: readonly Case<Context>[]): NumberedCase<Context>[] {
  const counts = new Map<string, number>();
  const sorted = [...cases].sort((a, b) => compareSections(a.section, b.section));
  return sorted.map((item) => {
    const number = (counts.get(item.section) ?? 0) + 1;
    counts.set(item.section, number);
    return { ...item, run: (context) => item.run(context), id: `${item.section}/${number}` };
  });
}

/** Whether a case belongs to a section such as `3`, `3.3` or `3.3/4`. */
export function isWithin(item: { readonly id: string }, section: string): boolean {
  return item.id === section || item.id.startsWith(`${section}.`) || item.id.startsWith(`${section}/`);
}

function compareSections(a: string, b: string): number {
  const [left, right] = [a.split('.').map(Number), b.split('.').map(Number)];
  for (let level = 0; level < Math.max(left.length, right.length); level++) {
    const difference = (left[level] ?? 0) - (right[level] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
