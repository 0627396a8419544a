/** The peer did something else than the specification says. */
export class Deviation extends Error {
  readonly expected: string;
  readonly actual: string;
  /** Section that says so, where it is not that of the case. */
  readonly section: string | undefined;

  constructor(expected: string, actual: string, section?: string) {
    super(`expected ${expected}, got ${actual}`);
    this.name = 'Deviation';
    this.expected = expected;
    this.actual = actual;
    this.section = section;
  }
}

/** The case cannot be judged here, for a reason that is no fault of the peer. */
export class Skip extends Error {}

/** Throws a deviation unless both are the same, as text. */
export function expectSame(what: string, actual: unknown, expected: unknown, section?: string): void {
  if (textOf(actual) !== textOf(expected)) throw new Deviation(`${what} ${textOf(expected)}`, textOf(actual), section);
}

export function expectThat(holds: boolean, expected: string, actual: string, section?: string): void {
  if (!holds) throw new Deviation(expected, actual, section);
}

/** Bytes, compared without writing them out. */
export function expectBytes(what: string, actual: Buffer, expected: Uint8Array, section?: string): void {
  if (actual.equals(expected)) return;
  let at = 0;
  while (at < actual.length && actual[at] === expected[at]) at += 1;
  const here = (bytes: Uint8Array) => Buffer.from(bytes.subarray(at, at + 8)).toString('hex') || 'the end';
  const lengths = `${actual.length} bytes of which byte ${at} begins ${here(actual)}`;
  throw new Deviation(`${what} of ${expected.length} bytes, byte ${at} beginning ${here(expected)}`, lengths, section);
}

export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value === undefined) return 'nothing';
  return JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? item.toString() : item));
}
