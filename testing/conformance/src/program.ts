import { readFileSync, writeFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { HELP, readArguments } from './arguments.ts';
import type { Arguments } from './arguments.ts';
import { isWithin } from './case.ts';
import type { NumberedCase, Outcome } from './case.ts';
import { CLIENT_CASES } from './client/cases.ts';
import { runClientCases } from './client/run-client.ts';
import { processesOf } from './client/subject.ts';
import { junitOf } from './report/junit.ts';
import { TextReport } from './report/text.ts';
import { SERVER_CASES } from './server/cases.ts';
import { runServerCases } from './server/run-server.ts';
import { parseTarget } from './server/target.ts';

/** Exit codes; the help text says what they mean. */
const Exit = { PASSED: 0, FAILED: 1, WRONG_CALL: 2 } as const;

/** The command `oapspec`; answers its exit code. */
export async function program(args: readonly string[]): Promise<number> {
  let asked: Arguments;
  try {
    asked = readArguments(args);
  } catch (error) {
    process.stderr.write(`oapspec: ${messageOf(error)}\nSee oapspec --help.\n`);
    return Exit.WRONG_CALL;
  }
  if (asked.mode === 'help') {
    process.stdout.write(HELP);
    return Exit.PASSED;
  }
  try {
    return await run(asked);
  } catch (error) {
    process.stderr.write(`oapspec: ${messageOf(error)}\n`);
    return Exit.WRONG_CALL;
  }
}

async function run(asked: Arguments): Promise<number> {
  const isClient = asked.mode === 'client';
  const chosen = <Context>(cases: readonly NumberedCase<Context>[]) => choose(cases, asked.sections);
  if (asked.list) {
    for (const { id, title } of isClient ? chosen(CLIENT_CASES) : chosen(SERVER_CASES)) process.stdout.write(`${id} ${title}\n`);
    return Exit.PASSED;
  }
  const { timeoutMs: patienceMs, parallel: atOnce, slow, command, listen } = asked;
  const startSubject = command.length > 0 ? processesOf(command) : undefined;
  const outcomes = isClient
    ? runClientCases(chosen(CLIENT_CASES), { startSubject, listen, atOnce, patienceMs, keyPair: keyPairOf(asked) })
    : runServerCases(chosen(SERVER_CASES), { target: parseTarget(asked.url, tlsOf(asked)), patienceMs, atOnce, slow });
  return report(asked, outcomes);
}

async function report(asked: Arguments, outcomes: AsyncIterable<Outcome>): Promise<number> {
  // With JSON on standard output, people read standard error.
  const people = asked.json === '-' ? process.stderr : process.stdout;
  const text = new TextReport({ colour: people.isTTY && process.env.NO_COLOR === undefined, verbose: asked.verbose }, (line) => people.write(line));
  const beganMs = performance.now();
  const all: Outcome[] = [];
  for await (const outcome of outcomes) {
    all.push(outcome);
    text.outcome(outcome);
  }
  text.summary(all, performance.now() - beganMs);
  const subject = asked.mode === 'client' ? asked.command.join(' ') : asked.url;
  if (asked.junit !== undefined) writeFileSync(asked.junit, junitOf(all, `oapspec ${subject}`));
  if (asked.json !== undefined) writeFileSync(asked.json === '-' ? process.stdout.fd : asked.json, `${JSON.stringify({ subject, outcomes: all }, null, 2)}\n`);
  return all.some(({ verdict }) => verdict === 'failed') ? Exit.FAILED : Exit.PASSED;
}

function choose<Context>(cases: readonly NumberedCase<Context>[], sections: readonly string[]): readonly NumberedCase<Context>[] {
  if (sections.length === 0) return cases;
  for (const section of sections) {
    if (!cases.some((item) => isWithin(item, section))) throw new RangeError(`there is no case for section ${section}: see --list`);
  }
  return cases.filter((item) => sections.some((section) => isWithin(item, section)));
}

function tlsOf({ ca, cert, key, servername, insecure }: Arguments): ConnectionOptions {
  return {
    ...(ca !== undefined && { ca: readFileSync(ca) }),
    ...(cert !== undefined && key !== undefined && { cert: readFileSync(cert), key: readFileSync(key) }),
    ...(servername !== undefined && { servername }),
    rejectUnauthorized: !insecure,
  };
}

function keyPairOf({ cert, key }: Arguments): { cert: Buffer; key: Buffer } | undefined {
  return cert === undefined || key === undefined ? undefined : { cert: readFileSync(cert), key: readFileSync(key) };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
