/** Letters that may differ before a guess stops being helpful: a third of the name. */
const DISTANCE_FRACTION_MAX = 1 / 3;

/** The known name that a mistyped one is probably meant to be; `undefined` when none is near. */
export function nearestName(mistyped: string, known: readonly string[]): string | undefined {
  let nearest: string | undefined;
  let least = Math.floor(mistyped.length * DISTANCE_FRACTION_MAX) + 1;
  for (const name of known) {
    const distance = editDistance(mistyped, name);
    if (distance < least) {
      least = distance;
      nearest = name;
    }
  }
  return nearest;
}

/** Insertions, deletions and replacements that make `a` into `b`. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
