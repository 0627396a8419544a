import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { PROCESS_START_TIMEOUT_MS } from './bounds.ts';
import { LogRecorder } from './log-recorder.ts';
import type { LogEntry } from './log-recorder.ts';
import { TemporaryFolder } from './temporary-folder.ts';

const OMNIGATE = fileURLToPath(new URL('../bin/omnigate.js', import.meta.resolve('@omnigate/node')));
/** Kernel ticks per second in /proc; the same on every Linux that runs Node. */
const TICKS_PER_SECOND = 100;

/** How to start a node as a process. */
export interface NodeProcessOptions {
  /** Further arguments of `omnigate start`. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Data directory; a temporary one when absent. */
  readonly data?: string;
  /** Not in the process group of this process: a Ctrl-C in the terminal is not for the node. */
  readonly detached?: boolean;
}

/** How a process ended. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What a process has used so far. */
export interface ProcessUsage {
  readonly cpuSeconds: number;
  readonly rssBytes: number;
}

/** Children that must not outlive this process. */
const children = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

/** The environment without what would make a child behave like this test. */
export function cleanEnvironment(env: Readonly<Record<string, string>> = {}): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name]) => !/^(OMNIGATE_|RON_|TAP|NODE_)/.test(name));
  return { ...(Object.fromEntries(kept) as Record<string, string>), ...env };
}

/** A real `omnigate start`, from `dist/`: build before you use it. */
export class NodeProcess implements AsyncDisposable {
  readonly log: LogRecorder;
  readonly exited: Promise<ProcessEnd>;
  readonly #child: ChildProcess;
  readonly #folder: TemporaryFolder;
  readonly #stderr: string[] = [];
  #started: LogEntry = { level: 0 };

  private constructor(options: NodeProcessOptions) {
    this.#folder = new TemporaryFolder();
    const data = options.data ?? this.#folder.file('data');
    const base = ['--data', data, '--oap', '127.0.0.1:0', '--admin', '127.0.0.1:0'];
    const args = [OMNIGATE, 'start', ...base, ...(options.args ?? [])];
    this.#child = spawn(process.execPath, args, {
      cwd: this.#folder.path,
      // The machine of a test may be so busy that a node would refuse to serve.
      env: cleanEnvironment({ OMNIGATE_LOAD_SHEDDING: 'off', ...options.env }),
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: options.detached ?? false,
    });
    children.add(this.#child);
    this.log = new LogRecorder();
    // Not 'exit': by 'close' all it wrote has been read.
    this.exited = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => {
        children.delete(this.#child);
        this.log.end();
        resolve({ code, signal });
      });
    });
    const { stdout, stderr } = this.#child;
    if (stdout !== null) {
      createInterface(stdout).on('line', (line) => {
        this.log.write(line);
      });
    }
    stderr?.on('data', (chunk: Buffer) => this.#stderr.push(chunk.toString()));
  }

  /** See `startNodeProcess`. */
  static async start(options: NodeProcessOptions = {}): Promise<NodeProcess> {
    const started = new NodeProcess(options);
    try {
      started.#started = await started.log.event('NodeStarted', PROCESS_START_TIMEOUT_MS);
      return started;
    } catch (error) {
      await started[Symbol.asyncDispose]();
      const { code, signal } = await started.exited;
      throw new Error(`omnigate start ended with ${signal ?? String(code)}: ${started.stderr}`, { cause: error });
    }
  }

  /** Such as `oap://127.0.0.1:4711`. */
  get url(): string {
    return this.#url('oap');
  }

  /** Such as `oaps://127.0.0.1:4711`; throws unless `--oaps` was given. */
  get tlsUrl(): string {
    return this.#url('oaps');
  }

  /** Such as `http://127.0.0.1:4711`. */
  get adminUrl(): string {
    return this.#url('admin');
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** What it wrote to standard error. */
  get stderr(): string {
    return this.#stderr.join('');
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** SIGTERM, and how it ended. */
  async stop(): Promise<ProcessEnd> {
    this.kill('SIGTERM');
    return this.exited;
  }

  /** CPU time and memory so far; Linux only. */
  usage(): ProcessUsage {
    const stat = readFileSync(`/proc/${this.pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8');
    return {
      // utime and stime are fields 14 and 15 of the line; two precede the slice.
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
      rssBytes: Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024,
    };
  }

  /** Ends it at once, if it still runs, and removes its data. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.kill('SIGKILL');
    await this.exited;
    this.#folder[Symbol.dispose]();
  }

  #url(listener: 'oap' | 'oaps' | 'admin'): string {
    const url = this.#started[listener];
    if (typeof url !== 'string') throw new Error(`the node has no ${listener} listener`);
    return url;
  }
}

/** Starts a node and waits until it takes requests. */
export async function startNodeProcess(options: NodeProcessOptions = {}): Promise<NodeProcess> {
  return NodeProcess.start(options);
}
