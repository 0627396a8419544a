import { PROOF_GROUP_LEAVES } from '../limits.ts';
import { leftLeaves } from './merkle.ts';

/** Leaves that follow each other. */
export interface LeafSpan {
  readonly first: number;
  readonly count: number;
}

/** One part of a proof, in the order of specs/storage-1.md §4: hashes of a node's two halves, of a group's leaves, or leaves. */
export interface ProofStep extends LeafSpan {
  readonly kind: 'halves' | 'group' | 'leaves';
}

/**
 * What a proof of some leaves consists of.
 *
 * @param wanted ascending, disjoint
 */
export function* proofSteps(leaves: number, wanted: readonly LeafSpan[]): Generator<ProofStep, undefined> {
  if (leaves > 0) yield* walk(0, leaves, wanted);
  return undefined;
}

function* walk(first: number, count: number, wanted: readonly LeafSpan[]): Generator<ProofStep, undefined> {
  const here = within(wanted, first, count);
  if (here.length === 0) return undefined;
  if (count > PROOF_GROUP_LEAVES) {
    const left = leftLeaves(count);
    yield { kind: 'halves', first, count };
    yield* walk(first, left, here);
    yield* walk(first + left, count - left, here);
    return undefined;
  }
  if (count > 1) yield { kind: 'group', first, count };
  for (const span of here) yield { kind: 'leaves', ...span };
  return undefined;
}

/** What of some spans lies in [first, first + count). */
function within(spans: readonly LeafSpan[], first: number, count: number): LeafSpan[] {
  const cut: LeafSpan[] = [];
  for (const span of spans) {
    const start = Math.max(span.first, first);
    const end = Math.min(span.first + span.count, first + count);
    if (start < end) cut.push({ first: start, count: end - start });
  }
  return cut;
}
