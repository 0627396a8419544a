import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';

/**
 * Waits for a pid, ends that process and shuts the filesystem down, by
 * EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH: nothing reaches the disk
 * from then on. The process ends first, because a flush that is under way
 * during the shutdown may return success although its bytes are lost; when
 * the power is gone nobody is there to hear that. Never does it touch the
 * filesystem below the mount, which is the machine's own.
 */
const PROGRAM = `
import fcntl, os, signal, struct, sys
pid = int(sys.stdin.readline())
disk = os.open(sys.argv[1], os.O_RDONLY)
if os.fstat(disk).st_dev == os.stat(os.path.dirname(sys.argv[1])).st_dev:
    sys.exit("nothing is mounted there")
try:
    if pid > 0:
        os.kill(pid, signal.SIGKILL)
except ProcessLookupError:
    pass
fcntl.ioctl(disk, 0x8004587d, struct.pack("I", 2))
`;

/** Cuts the power of one mounted filesystem, once. It is started beforehand, so that nothing comes between kill and shutdown. */
export class PowerSwitch implements Disposable {
  readonly #child: ChildProcessByStdio<Writable, null, Readable>;

  constructor(path: string) {
    // The system's own Python: one that is managed for a user starts slowly.
    this.#child = spawn('/usr/bin/python3', ['-c', PROGRAM, path], { stdio: ['pipe', 'ignore', 'pipe'] });
    this.#child.on('error', () => undefined);
    this.#child.stdin.on('error', () => undefined);
  }

  /**
   * @param pid the process that uses the filesystem, if there is one; it may be gone
   * @throws Error when this machine cannot
   */
  async off(pid?: number): Promise<void> {
    if (this.#child.pid === undefined) throw new Error('/usr/bin/python3 is not installed');
    const said = text(this.#child.stderr);
    const closed = once(this.#child, 'close');
    this.#child.stdin.end(`${pid ?? 0}\n`);
    const [code] = (await closed) as [number | null];
    if (code !== 0) throw new Error(`the filesystem cannot be shut down: ${(await said).trim().split('\n').at(-1) ?? ''}`);
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}
