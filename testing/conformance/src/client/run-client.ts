import type { NumberedCase, Outcome } from '../case.ts';
import { runCases } from '../run.ts';
import { Stand } from './stand.ts';
import type { StandOptions } from './stand.ts';

export interface ClientRunOptions extends StandOptions {
  readonly atOnce: number;
}

/** Tries cases on a client; one that people start meets one case at a time. */
export async function* runClientCases(cases: readonly NumberedCase<Stand>[], options: ClientRunOptions): AsyncGenerator<Outcome> {
  yield* runCases(cases, {
    atOnce: options.startSubject === undefined ? 1 : options.atOnce,
    async play(item, attend) {
      await using stand = new Stand(options, item.id);
      await attend(stand);
    },
  });
}
