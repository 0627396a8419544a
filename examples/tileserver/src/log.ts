/** Where the tile server says what it does: lines for people. */
export interface Log {
  info(line: string): void;
  error(line: string): void;
}

/** Progress on standard output, trouble on standard error. */
export const CONSOLE_LOG: Log = {
  info: (line) => process.stdout.write(`${line}\n`),
  error: (line) => process.stderr.write(`tileserver: ${line}\n`),
};
