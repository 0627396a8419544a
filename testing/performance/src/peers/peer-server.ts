import { spawn } from 'node:child_process';
import type { ChildProcess, SpawnOptionsWithoutStdio } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { PEER_START_MS, PEER_STOP_MS } from '../bounds.ts';
import type { Address } from '../process/worker-protocol.ts';

/** Ticks of the kernel's CPU accounts in a second, on every Linux there is. */
const TICKS_PER_SECOND = 100;
/** Places of the parent, and of user and system time, behind the name in `/proc/PID/stat`. */
const PARENT_AT = 1;
const USER_AT = 11;
const SYSTEM_AT = 12;

/** A server that is not ours, in a folder of its own, which goes with it. */
export class PeerServer implements AsyncDisposable {
  readonly address: Address;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(address: Address, child: ChildProcess, folder: string) {
    this.address = address;
    this.#child = child;
    this.#folder = folder;
  }

  /**
   * Starts a server and waits until it takes connections.
   *
   * @param args its command line, given the port to listen on
   * @throws Error with what it wrote when it ends before that
   */
  static async start(command: string, args: (port: number) => readonly string[], folder: string, options: SpawnOptionsWithoutStdio = {}): Promise<PeerServer> {
    const port = await freePort();
    const child = spawn(command, args(port), options);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-2_000)));
    const server = new PeerServer({ host: '127.0.0.1', port }, child, folder);
    const deadline = performance.now() + PEER_START_MS;
    while (!(await answers(server.address))) {
      if (child.exitCode === null && performance.now() < deadline) continue;
      await server[Symbol.asyncDispose]();
      throw new Error(`${command} did not start: ${output}`);
    }
    return server;
  }

  /** CPU time of the server and of its processes so far, seconds. */
  cpuSeconds(): number {
    const own = String(this.#child.pid);
    let ticks = 0;
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      const fields = statOf(pid);
      if (pid === own || fields[PARENT_AT] === own) ticks += Number(fields[USER_AT]) + Number(fields[SYSTEM_AT]);
    }
    return ticks / TICKS_PER_SECOND;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    if (child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit');
      child.kill('SIGINT');
      const timer = setTimeout(() => child.kill('SIGKILL'), PEER_STOP_MS);
      await exited;
      clearTimeout(timer);
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A new folder for a server of this kind, which is removed when it ends. */
export function makeFolder(kind: string): string {
  return mkdtempSync(join(tmpdir(), `omnigate-${kind}-`));
}

/** Full name of a command in the search path or in one of the folders; undefined when it is not there. */
export function findCommand(name: string, folders: readonly string[] = []): string | undefined {
  const path = process.env.PATH?.split(delimiter) ?? [];
  return [...folders, ...path].map((folder) => join(folder, name)).find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** What follows the name of a process in its account; empty when it is gone. */
function statOf(pid: string): string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

/** A port that was free a moment ago: these servers do not choose one themselves. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function answers({ host, port }: Address): Promise<boolean> {
  const socket = connect({ host, port });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    await new Promise((resolve) => setTimeout(resolve, 50));
    return false;
  } finally {
    socket.destroy();
  }
}
