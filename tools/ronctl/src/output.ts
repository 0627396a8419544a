import { createColors } from 'picocolors';
import { CapabilityError } from '@omnigate/capability';
import { OapError } from '@omnigate/sdk';
import { BadAnswer } from './exit-code.ts';

/** Prints one JSON document. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** Writes to standard output; resolves when the system has it. */
export function writeOut(data: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(data, (error) => {
      if (error === undefined || error === null) resolve();
      else reject(error);
    });
  });
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

/** Prints columns below their headings. */
export function printRows(headings: readonly string[], rows: readonly (readonly string[])[]): void {
  const { dim } = createColors(wantsColours(process.stdout));
  const widths = headings.map((heading, column) => Math.max(heading.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string => cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd();
  process.stdout.write(`${dim(line(headings))}
${rows.map((row) => `${line(row)}
`).join('')}`);
}

/** Prints what went wrong and what to do about it to standard error. */
export function printError(error: unknown, json: boolean): void {
  if (error instanceof BadAnswer && error.told) return;
  const message = error instanceof Error ? error.message : String(error);
  if (json) {
    process.stderr.write(`${JSON.stringify({ error: { ...knownOf(error), message } })}\n`);
  } else {
    process.stderr.write(`${createColors(wantsColours(process.stderr)).red('ronctl:')} ${message}\n`);
  }
}

/** Tells on standard error what is no error, and no result either. */
export function printNotice(message: string, json: boolean): void {
  process.stderr.write(json ? `${JSON.stringify({ notice: { message } })}\n` : `ronctl: ${message}\n`);
}

function knownOf(error: unknown): Readonly<Record<string, unknown>> {
  if (error instanceof OapError) return { reason: error.reason, status: error.status, retryable: error.retryable };
  return error instanceof CapabilityError ? { code: error.code, fix: error.fix } : {};
}

/** Milliseconds with three digits, as they are worth showing. */
export function round(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}

function wantsColours(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY && (process.env['NO_COLOR'] ?? '') === '';
}
