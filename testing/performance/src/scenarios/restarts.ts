import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startNodeProcess, TemporaryFolder } from '@omnigate/harness';
import type { NodeProcess } from '@omnigate/harness';
import { connect } from '@omnigate/sdk';
import type { Client } from '@omnigate/sdk';
import { RESTART_CALLERS, RESTART_DEADLINE_MS, RESTART_LOAD_MS, RESTARTS } from '../bounds.ts';
import { atMost } from '../report.ts';
import type { ScenarioReport } from '../report.ts';
import { COUNT_APP, COUNT_FILE_VARIABLE, COUNT_OP } from '../servers/count-service.ts';
import { scaled } from './plan.ts';
import type { Run, Scenario } from './plan.ts';

/** Built, since a node process cannot read TypeScript; the same place seen from src/ and dist/. */
const SERVICE = fileURLToPath(new URL('../../dist/servers/count-service.js', import.meta.url));

/** A node that is stopped by SIGTERM and started again, over and over, while a client goes on asking. */
export const restarts: Scenario = {
  name: 'restarts',
  summary: `${RESTARTS} restarts of a node process under load: no request is lost or done twice`,
  run: runRestarts,
};

async function runRestarts(run: Run): Promise<ScenarioReport> {
  using folder = new TemporaryFolder();
  const file = folder.file('count');
  const start = (port: string): Promise<NodeProcess> =>
    startNodeProcess({
      data: folder.file('data'),
      args: ['--service', SERVICE, '--oap', `127.0.0.1:${port}`],
      // Nobody is to come to a node that is about to leave: the same address is taken again at once.
      env: { [COUNT_FILE_VARIABLE]: file, OMNIGATE_DRAIN_ACCEPT_MS: '0' },
    });
  let node = await start('0');
  const { port } = new URL(node.url.replace('oap:', 'http:'));
  await using client = await connect({ url: node.url, deadlineMs: RESTART_DEADLINE_MS });
  const callers = new Callers(client, scaled(RESTART_CALLERS, run, 2));
  const away: number[] = [];
  try {
    for (let restart = 0; restart < scaled(RESTARTS, run, 2); restart++) {
      await sleep(RESTART_LOAD_MS);
      const stoppedMs = performance.now();
      const { code } = await node.stop();
      if (code !== 0) throw new Error(`the node ended with exit code ${String(code)}`);
      await node[Symbol.asyncDispose]();
      node = await start(port);
      away.push(performance.now() - stoppedMs);
    }
    await sleep(RESTART_LOAD_MS);
    await callers.stop();
  } finally {
    await node[Symbol.asyncDispose]();
  }
  const done = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  const distinct = new Set(done);
  const missing = callers.answered.filter((key) => !distinct.has(key)).length;
  return {
    scenario: restarts.name,
    figures: [
      { subject: 'client', measure: 'requests answered', unit: '', values: [callers.answered.length] },
      { subject: 'client', measure: 'longest wait', unit: 'ms', values: [callers.longestMs] },
      { subject: 'node', measure: 'stop to start', unit: 'ms', values: away },
    ],
    bounds: [
      atMost(`requests that failed over ${away.length} restarts`, '', callers.failures.length, 0),
      atMost('requests answered and not carried out', '', missing, 0),
      atMost('requests carried out twice', '', done.length - distinct.size, 0),
    ],
    notes: [...new Set(callers.failures)].slice(0, 5),
  };
}

/** Callers that each ask one thing after the other until they are stopped. */
class Callers {
  readonly answered: string[] = [];
  /** What each failed request said. */
  readonly failures: string[] = [];
  longestMs = 0;
  #running = true;
  readonly #loops: Promise<void>[];

  constructor(client: Client, count: number) {
    this.#loops = Array.from({ length: count }, (_, caller) => this.#loop(client, caller));
  }

  /** Resolves when the last answers are there. */
  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#loops);
  }

  async #loop(client: Client, caller: number): Promise<void> {
    for (let i = 0; this.#running; i++) {
      const key = `${caller}-${i}`;
      const startMs = performance.now();
      try {
        const { payload } = await client.request(COUNT_APP, COUNT_OP, Buffer.from(key));
        if (Buffer.from(payload).toString() !== key) throw new Error('a request got the answer of another');
        this.answered.push(key);
      } catch (error) {
        this.failures.push(error instanceof Error ? error.message : String(error));
      }
      this.longestMs = Math.max(this.longestMs, performance.now() - startMs);
    }
  }
}
