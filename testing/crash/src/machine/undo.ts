/** What must not outlive this process, newest last. */
const undone = new Set<() => void>();
let watching = false;

/**
 * Has something undone when this process ends, by whatever but SIGKILL, unless
 * the returned function is called before that.
 *
 * @param undo must be synchronous
 */
export function undoAtExit(undo: () => void): () => void {
  watch();
  undone.add(undo);
  return () => {
    undone.delete(undo);
  };
}

function watch(): void {
  if (watching) return;
  watching = true;
  process.on('exit', () => {
    for (const undo of [...undone].reverse()) undo();
  });
  for (const [signal, number] of [['SIGHUP', 1], ['SIGINT', 2], ['SIGTERM', 15]] as const) {
    process.once(signal, () => process.exit(128 + number));
  }
}
