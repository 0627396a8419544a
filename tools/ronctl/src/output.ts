import { createColors } from 'picocolors';
import { OapError } from '@omnigate/sdk';

/** Prints one JSON document. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** Prints names and values below each other. */
export function printTable(facts: Readonly<Record<string, unknown>>): void {
  const { dim } = createColors(wantsColours(process.stdout));
  const width = Math.max(...Object.keys(facts).map((name) => name.length));
  for (const [name, value] of Object.entries(facts)) {
    const text = Array.isArray(value) ? value.join(', ') : String(value);
    process.stdout.write(`${dim(name.padEnd(width))}  ${text}\n`);
  }
}

/** Prints what went wrong and what to do about it to standard error. */
export function printError(error: unknown, json: boolean): void {
  const message = error instanceof Error ? error.message : String(error);
  if (json) {
    const known = error instanceof OapError ? { reason: error.reason, status: error.status, retryable: error.retryable } : {};
    process.stderr.write(`${JSON.stringify({ error: { ...known, message } })}\n`);
  } else {
    process.stderr.write(`${createColors(wantsColours(process.stderr)).red('ronctl:')} ${message}\n`);
  }
}

/** Milliseconds with three digits, as they are worth showing. */
export function round(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}

function wantsColours(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY && (process.env['NO_COLOR'] ?? '') === '';
}
