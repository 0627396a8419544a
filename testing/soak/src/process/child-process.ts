import { fork } from 'node:child_process';
import type { ChildProcess as Forked } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { WORKER_ANSWER_MS_MAX, WORKER_EXIT_MS_MAX } from '../bounds.ts';
import type { Command, Report } from './child.ts';

/** A load in a process of its own, which ends with this one. */
export class ChildProcess<Progress> implements AsyncDisposable {
  /** What it told last. */
  progress: Progress | undefined;
  readonly #name: string;
  readonly #child: Forked;
  #settle: ((error?: Error) => void) | undefined;
  #gone: Error | undefined;

  /** @param module path below `dist` without extension, such as `load/load-main` */
  constructor(module: string) {
    this.#name = module;
    this.#child = fork(new URL(`../../dist/${module}.js`, import.meta.url), { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.#child.on('message', (message) => {
      this.#take(message as Report);
    });
    this.#child.on('exit', (code, signal) => {
      this.#gone = new Error(`${module} ended early (${signal ?? `exit code ${String(code)}`})`);
      this.#settle?.(this.#gone);
    });
  }

  /** Resolves when it has done what it was asked, one thing at a time; rejects when it failed, ended, or took too long. */
  async ask(command: string, body: unknown = null): Promise<void> {
    if (this.#gone !== undefined) throw this.#gone;
    const timer = setTimeout(() => this.#settle?.(new Error(`${this.#name} did not ${command} within ${WORKER_ANSWER_MS_MAX} ms`)), WORKER_ANSWER_MS_MAX);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#settle = (error) => {
          if (error === undefined) resolve();
          else reject(error);
        };
        this.#child.send({ command, body } satisfies Command);
      });
    } finally {
      clearTimeout(timer);
      this.#settle = undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#gone !== undefined) return;
    const exited = once(this.#child, 'exit');
    if (this.#child.connected) this.#child.disconnect();
    await Promise.race([exited, sleep(WORKER_EXIT_MS_MAX, undefined, { ref: false })]);
    this.#child.kill('SIGKILL');
    await exited;
  }

  #take(report: Report): void {
    if (report.report === 'progress') this.progress = report.value as Progress;
    else this.#settle?.(report.report === 'failed' ? new Error(`${this.#name}: ${report.error}`) : undefined);
  }
}
