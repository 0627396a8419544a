import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { WORKER_ANSWER_TIMEOUT_MS, WORKER_EXIT_TIMEOUT_MS } from '../bounds.ts';
import { OP_USAGE } from './worker-protocol.ts';
import type { Address, Answer, Ask, Usage } from './worker-protocol.ts';

interface Waiting {
  resolve(value: never): void;
  reject(error: Error): void;
}

/**
 * A server or client in a process of its own, so that its CPU time and memory
 * are its own. It ends with its owner, however that one ends: the worker exits
 * when the IPC channel closes.
 */
export class WorkerProcess implements AsyncDisposable {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  /**
   * @param module path below `dist` without extension, such as `servers/bare-main`
   * @param args command line of the module
   * @param nodeArgs options of node itself, such as `--cpu-prof`
   */
  constructor(module: string, args: readonly string[] = [], nodeArgs: readonly string[] = []) {
    this.#name = module;
    // Always what was built, in tests as well: a loader of TypeScript would be measured with it.
    this.#child = fork(new URL(`../../dist/${module}.js`, import.meta.url), [...args], {
      execArgv: [...nodeArgs],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#child.on('message', (message) => {
      this.#settle(message as Answer);
    });
    this.#child.on('exit', (code, signal) => {
      this.#failAll(new Error(`${module} ended early (${signal ?? `exit code ${String(code)}`})`));
    });
    this.#child.on('error', (error) => {
      this.#failAll(error);
    });
  }

  /** Asks for an operation; rejects when it fails there, or the process ends, or it takes too long. */
  async ask<T>(op: string, body: unknown = null): Promise<T> {
    const id = ++this.#lastId;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<T>((resolve, reject) => {
        timer = setTimeout(() => {
          reject(new Error(`${this.#name} did not answer '${op}' in ${WORKER_ANSWER_TIMEOUT_MS} ms`));
        }, WORKER_ANSWER_TIMEOUT_MS);
        this.#waiting.set(id, { resolve, reject });
        this.#child.send({ id, op, body } satisfies Ask, (error) => {
          if (error !== null) reject(error);
        });
      });
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  /** Process id. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Where a server listens. */
  async address(): Promise<Address> {
    return this.ask<Address>('address');
  }

  /** CPU time and memory so far. */
  async usage(): Promise<Usage> {
    return this.ask<Usage>(OP_USAGE);
  }

  /** Ends the process, by force if it does not go by itself. */
  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    if (child.connected) child.disconnect();
    const timer = setTimeout(() => child.kill('SIGKILL'), WORKER_EXIT_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
  }

  #settle(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    if (answer.ok) waiting?.resolve(answer.value as never);
    else waiting?.reject(new Error(`${this.#name}: ${answer.error}`));
  }

  #failAll(error: Error): void {
    for (const waiting of this.#waiting.values()) waiting.reject(error);
  }
}
