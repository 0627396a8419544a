import { Deviation } from '../deviation.ts';
import { hello, request } from '../wire/frames.ts';
import { Bench } from './bench.ts';
import type { ServerFacts } from './bench.ts';
import type { Target } from './target.ts';

/** Applications that need a capability by default (§15). */
const PROTECTED_APPS = [16, 17] as const;

/**
 * Connects once and finds out what the server has. A server that does not even
 * get this right is for the cases to judge; rejects only when it cannot be reached.
 */
export async function probe(target: Target, patienceMs: number): Promise<ServerFacts> {
  using bench = new Bench(target, undefined, patienceMs);
  const link = await bench.connect();
  link.send(hello({}));
  const reply = await orNothing(bench.welcome(link));
  link.send(request(2, 'anybody there?'));
  const echo = await orNothing(link.take(2, 'an answer of echo, or a refusal'));
  let protectedApp: number | undefined;
  for (const app of PROTECTED_APPS) {
    link.send(request(app, '', { app, code: 1 }));
    const answer = await orNothing(link.take(app, `an answer of application ${app}`));
    if (answer?.code === 401) protectedApp ??= app;
  }
  const missing = echo !== undefined && echo.code >= 300;
  return { hello: reply, noEcho: missing ? `the server answers ${echo.code} to echo (application 1)` : undefined, protectedApp };
}

async function orNothing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Deviation) return undefined;
    throw error;
  }
}
