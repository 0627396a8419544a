/** How long an answer is waited for before it counts as missing, milliseconds; a busy machine takes its time. */
export const PATIENCE_MS = 20_000;
/** Pause between two looks at something that changes by itself. */
const LOOK_MS = 20;

/** Looks again and again until there is something to see. */
export async function until<T>(what: string, look: () => T | undefined | false | Promise<T | undefined | false>, withinMs = PATIENCE_MS): Promise<T> {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadlineMs) throw new Error(`never happened: ${what}`);
    await pause(LOOK_MS);
  }
}

export async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

/** Does `count` things, `width` at a time. */
export async function inParallel(count: number, width: number, one: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await one(next++);
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, worker));
}
