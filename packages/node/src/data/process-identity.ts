import { readFileSync } from 'node:fs';

/** A field of /proc/<pid>/stat, counted behind the command name, which may hold spaces and brackets. */
const START_TIME_FIELD = 19;

/**
 * What tells a process from another one that got the same pid later, in another
 * boot or another container: the boot of the kernel and the tick the process
 * started in. `undefined` where the system does not say, or nobody has the pid.
 */
export function processIdentity(pid: number): string | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[START_TIME_FIELD];
    return startTime === undefined ? undefined : `${boot}/${startTime}`;
  } catch {
    return undefined;
  }
}

/** Whether a process has this pid, whoever owns it. */
export function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
