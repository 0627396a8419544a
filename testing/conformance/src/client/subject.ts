import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { CLIENT_OUTPUT_BYTES_MAX } from '../bounds.ts';
import type { Trace } from '../trace.ts';

/** A client under test that was told what to do. */
export interface Subject extends Disposable {
  /** What it says of each request, once it is done. */
  readonly lines: Promise<readonly string[]>;
}

/** Starts a client with the URL of its server and the sizes of the echo requests that it is to make. */
export type StartSubject = (url: string, requests: string, trace: Trace) => Subject;

/** Clients in processes of their own, which are told by their environment what to do. */
export function processesOf(command: readonly string[]): StartSubject {
  return (url, requests, trace) => new SubjectProcess(command, url, requests, trace);
}

class SubjectProcess implements Subject {
  readonly lines: Promise<readonly string[]>;
  readonly #child: ChildProcess;

  constructor([command = '', ...args]: readonly string[], url: string, requests: string, trace: Trace) {
    const env = { ...process.env, RON_NODE_URL: url, OAPSPEC_REQUESTS: requests };
    this.#child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(0, CLIENT_OUTPUT_BYTES_MAX);
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      trace.note(`the client says: ${text.trimEnd()}`);
    });
    this.lines = new Promise((resolve, reject) => {
      this.#child.once('error', (error) => {
        reject(new Error(`the client cannot be started: ${error.message}`));
      });
      this.#child.once('close', (code, signal) => {
        if (signal !== null || code !== 0) trace.note(`the client ended with ${signal ?? String(code)}`);
        resolve(output.split('\n').filter((line) => line !== ''));
      });
    });
    // Whoever waits for the lines hears of it; nobody has to.
    this.lines.catch(() => undefined);
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}
