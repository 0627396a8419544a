import { readdir, readlink, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { Descriptors, FolderBytes } from './sample.ts';

/** What the descriptors of a process lead to, such as `socket:[123]` or the path of a file. */
export async function descriptorTargets(pid: number): Promise<readonly string[]> {
  const folder = `/proc/${pid}/fd`;
  const targets: string[] = [];
  for (const name of await readdir(folder)) {
    // One that was closed meanwhile is none.
    const target = await readlink(join(folder, name)).catch(() => undefined);
    if (target !== undefined) targets.push(target);
  }
  return targets;
}

export function countDescriptors(targets: readonly string[]): Descriptors {
  const sockets = targets.filter((target) => target.startsWith('socket:')).length;
  const files = targets.filter((target) => target.startsWith('/') && !target.startsWith('/dev/')).length;
  return { sockets, files, others: targets.length - sockets - files };
}

/** What there is more of than before, with how many more where that is not one. */
export function targetsBeyond(before: readonly string[], after: readonly string[]): readonly string[] {
  const more = new Map<string, number>();
  for (const target of after) more.set(target, (more.get(target) ?? 0) + 1);
  for (const target of before) more.set(target, (more.get(target) ?? 0) - 1);
  return [...more].flatMap(([target, times]) => (times <= 0 ? [] : [times === 1 ? target : `${target}, ${times} times`]));
}

/** What a data folder takes on the disk, in blocks, so that holes count as nothing. */
export async function folderBytes(data: string): Promise<FolderBytes> {
  const bytes = { mailbox: 0, storage: 0, audit: 0, rest: 0 };
  for (const entry of await readdir(data, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const within = path.slice(data.length + 1).split(sep);
    // A file may be renamed or removed while it is looked at.
    const blocks = await stat(path).then((found) => found.blocks, () => 0);
    bytes[partOf(within)] += blocks * 512;
  }
  return bytes;
}

function partOf([first, second]: readonly string[]): keyof FolderBytes {
  if (first === 'mailbox' || first === 'storage') return first;
  return first === 'capability' && second === 'audit' ? 'audit' : 'rest';
}
