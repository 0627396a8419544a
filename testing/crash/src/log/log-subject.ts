import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment } from '@omnigate/harness';
import { undoAtExit } from '../machine/undo.ts';
import type { Running, Subject } from '../subject.ts';
import { Tally } from '../tally.ts';
import { readLog } from './log-file.ts';

/** Built, since the process runs without a loader; the same place seen from src/ and dist/. */
const PROGRAM = fileURLToPath(new URL('../../dist/log/log-main.js', import.meta.url));

/** The log program: it does so little that a fault in these loops is the harness's own. */
export class LogSubject implements Subject {
  readonly name = 'log';
  readonly tally = new Tally();
  readonly #acknowledged = new Set<number>();
  #next = 1;

  start(folder: string, env?: Readonly<Record<string, string>>): Promise<Running> {
    const path = join(folder, 'log');
    let child: ChildProcess | undefined;
    let ended = Promise.resolve();
    return Promise.resolve({
      get pid() {
        return child?.pid;
      },
      check: () => {
        this.#check(path);
        return Promise.resolve();
      },
      load: async () => {
        const started = this.#spawn(path, env);
        child = started.child;
        ended = started.ended;
        await Promise.race([started.acknowledged, ended]);
      },
      ended: () => ended,
      kill: () => {
        child?.kill('SIGKILL');
        return ended;
      },
    });
  }

  #spawn(path: string, env?: Readonly<Record<string, string>>): { readonly child: ChildProcess; readonly acknowledged: Promise<void>; readonly ended: Promise<void> } {
    const child = spawn(process.execPath, [PROGRAM, path, String(this.#next)], { env: cleanEnvironment(env), stdio: ['ignore', 'pipe', 'ignore'] });
    const forget = undoAtExit(() => child.kill('SIGKILL'));
    const ended = once(child, 'close').then(forget);
    const lines = createInterface(child.stdout);
    lines.on('line', (line) => {
      this.#acknowledged.add(Number(line));
      this.tally.acknowledged++;
    });
    return { child, acknowledged: once(lines, 'line').then(() => undefined), ended };
  }

  #check(path: string): void {
    const { numbers } = readLog(path);
    const found = new Set(numbers);
    for (const number of this.#acknowledged) {
      if (found.has(number)) continue;
      this.tally.count('lost', `record ${number}`);
      // It is counted once.
      this.#acknowledged.delete(number);
    }
    if (found.size < numbers.length) this.tally.count('duplicated', `${numbers.length - found.size} records`);
    this.#next = Math.max(this.#next, ...numbers, ...this.#acknowledged) + 1;
  }
}
