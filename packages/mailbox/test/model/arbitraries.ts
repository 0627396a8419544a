import fc from 'fast-check';

/** Any topic, as a receiver or an operator may name it. */
export const anyTopic = fc.constantFrom('a', 'b', 'a/dlq', 'b/dlq');

/** Picks one of what there is at that moment. */
export const picks = fc.nat(1_000);

/** There as often as not: with every field there, most messages would be duplicates, or blocked, or late. */
export function optional<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.option(arbitrary, { nil: undefined, freq: 1 });
}
