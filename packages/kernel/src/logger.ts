import { pino } from 'pino';
import type { DestinationStream, Logger } from 'pino';

export type { Logger } from 'pino';

/** Levels from chatty to silent. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * Fields that never reach a log, wherever in the first two levels they stand:
 * capabilities and keys are secrets, payloads are the application's.
 */
const REDACTED = ['cap', 'capability', 'token', 'key', 'secret', 'payload', 'body', 'passphrase'];

/** What a logger may be given. */
export interface LoggerOptions {
  readonly level?: LogLevel;
  /** Where the lines go; standard output when absent. */
  readonly destination?: DestinationStream;
}

/** A logger of JSON lines with times in ISO 8601 and secrets removed. */
export function createLogger(options: LoggerOptions = {}): Logger {
  return pino(
    {
      name: 'omnigate',
      level: options.level ?? 'info',
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: REDACTED.flatMap((field) => [field, `*.${field}`]), censor: '[secret]' },
    },
    options.destination ?? pino.destination({ sync: true }),
  );
}
