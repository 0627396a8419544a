import { parseArgs } from 'node:util';
import { resolve } from 'node:path';
import { CHORE_PAUSE_MS_MAX, CHORE_ROUNDS, HOURS_MAX, RATE_DEFAULT, RATE_MAX, RUN_MS_MIN, SAMPLE_MS, SAMPLES_PER_RUN_MIN } from './bounds.ts';
import type { Profile } from './profile.ts';
import { PROFILE_LINES, profileOf } from './profiles.ts';

/** A run as it was asked for. */
export interface Plan {
  readonly profile: Profile;
  readonly durationMs: number;
  /** Requests each second, all nodes together. */
  readonly rate: number;
  readonly seed: number;
  /** Folder of the report. */
  readonly out: string;
  /** Modules of services that the nodes load beside their own. */
  readonly services: readonly string[];
  readonly sampleMs: number;
  readonly chorePauseMs: number;
}

export const USAGE = `Usage: npm run soak -- [--hours N | --minutes N] [options]

Runs nodes under load, and judges availability, descriptors, memory and files.
Ctrl-C ends a run early, with its report. Exit code 0 when everything holds,
1 when something does not, 2 for a wrong call.

  --hours N, --minutes N   how long; 10 minutes unless told
  --profile NAME           what it does; general unless told
  --rate N                 requests each second, all nodes together; ${RATE_DEFAULT}
  --seed N                 for the choices of the load; random
  --out FOLDER             where the report goes; soak-report
  --service FILE           a service that the nodes load as well; may be repeated
  --help

Profiles:
${PROFILE_LINES}
`;

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/**
 * The plan of a command line; undefined when it asks for help.
 *
 * @throws Error that names the argument at fault
 */
export function readPlan(args: readonly string[]): Plan | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      hours: { type: 'string' },
      minutes: { type: 'string' },
      profile: { type: 'string', default: 'general' },
      rate: { type: 'string', default: String(RATE_DEFAULT) },
      seed: { type: 'string' },
      out: { type: 'string', default: 'soak-report' },
      service: { type: 'string', multiple: true, default: [] },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  if (values.hours !== undefined && values.minutes !== undefined) throw new Error('Give --hours or --minutes, not both.');
  const durationMs =
    values.hours === undefined
      ? readNumber('minutes', values.minutes ?? '10', RUN_MS_MIN / MINUTE_MS, HOURS_MAX * 60) * MINUTE_MS
      : readNumber('hours', values.hours, RUN_MS_MIN / HOUR_MS, HOURS_MAX) * HOUR_MS;
  return {
    profile: profileOf(values.profile),
    durationMs,
    rate: readNumber('rate', values.rate, 1, RATE_MAX),
    seed: values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : readNumber('seed', values.seed, 0, 2 ** 32 - 1),
    out: resolve(values.out),
    services: values.service.map((file) => resolve(file)),
    sampleMs: Math.min(SAMPLE_MS, durationMs / SAMPLES_PER_RUN_MIN),
    chorePauseMs: Math.min(CHORE_PAUSE_MS_MAX, durationMs / CHORE_ROUNDS),
  };
}

function readNumber(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text === '' || !(value >= min && value <= max)) throw new Error(`--${name} takes a number from ${min} to ${max}, not '${text}'.`);
  return value;
}
