import { numbered } from '../case.ts';
import type { NumberedCase } from '../case.ts';
import { connectingCases } from './sections/connecting.ts';
import { exchangeCases } from './sections/exchanges.ts';
import type { Stand } from './stand.ts';

/** Everything that is tried on a client, in the order of the specification. */
export const CLIENT_CASES: readonly NumberedCase<Stand>[] = numbered([...connectingCases, ...exchangeCases]);
