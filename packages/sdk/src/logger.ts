/** One level of a logger: fields first, then the sentence, as pino takes them. */
type LogLine = (fields: object, message: string) => void;

/** What the client needs of a logger; a pino logger is one. */
export interface ClientLogger {
  readonly debug: LogLine;
  readonly info: LogLine;
  readonly warn: LogLine;
  readonly error: LogLine;
}

const discard: LogLine = () => undefined;

/** The logger of a client that was given none. */
export const SILENT_LOGGER: ClientLogger = { debug: discard, info: discard, warn: discard, error: discard };
