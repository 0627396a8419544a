import { fork } from 'node:child_process';
import { chmod, chown, link, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';

import { FileLock, withFileLock } from '../../src/files/file-lock.ts';
import { checkPrivateFolder, makePrivateFolder, privateFileVersion, readPrivateFile, writePrivateFile } from '../../src/files/private-file.ts';

const folder = await mkdtemp(join(tmpdir(), 'omnigate-files-'));
t.after(() => rm(folder, { recursive: true }));
const isRoot = process.getuid?.() === 0;

await t.test('a file is replaced in one step and keeps its owner', async (t) => {
  const path = join(folder, 'plain');
  await writePrivateFile(path, 'one');
  const before = await stat(path);
  if (isRoot) await chown(path, 4_242, 4_243);
  // Somebody who opened the old file goes on reading it: it was not written over.
  await link(path, `${path}.old`);
  await writePrivateFile(path, 'two');
  const after = await stat(path);
  t.not(after.ino, before.ino);
  t.equal(after.mode & 0o777, 0o600);
  if (isRoot) t.same([after.uid, after.gid], [4_242, 4_243]);
  else t.comment('not root: ownership was not tried');
  t.equal(await readFile(path, 'utf8'), 'two');
  t.equal(await readFile(`${path}.old`, 'utf8'), 'one');
  t.equal((await readPrivateFile(path, 3)).text, 'two');
  await t.rejects(readPrivateFile(path, 2), { code: 'file_damaged' });
});

await t.test('what a crash left beside the file does no harm', async (t) => {
  const path = join(folder, 'leftover');
  await writeFile(`${path}.tmp`, 'half of something that was longer', { mode: 0o666 });
  await chmod(`${path}.tmp`, 0o666);
  await writePrivateFile(path, 'whole');
  t.equal((await readPrivateFile(path, 100)).text, 'whole');
  t.equal((await stat(path)).mode & 0o777, 0o600);
});

await t.test('a write that fails leaves the old file', async (t) => {
  const path = join(folder, 'failing');
  await writePrivateFile(path, 'old');
  await mkdir(`${path}.tmp`);
  await t.rejects(writePrivateFile(path, 'new'));
  t.equal((await readPrivateFile(path, 100)).text, 'old');
});

await t.test('every version of a file is told from the others', async (t) => {
  const path = join(folder, 'versions');
  const versions = new Set<string>();
  for (let n = 0; n < 50; n++) {
    await writePrivateFile(path, String(n % 10));
    versions.add(await privateFileVersion(path));
  }
  t.equal(versions.size, 50);
  t.equal((await readPrivateFile(path, 10)).version, await privateFileVersion(path));
  await t.rejects(privateFileVersion(join(folder, 'absent')), { code: 'file_missing' });
});

await t.test('a folder that others can change is refused', async (t) => {
  const path = join(folder, 'deep', 'er');
  await makePrivateFolder(path);
  t.equal((await stat(path)).mode & 0o777, 0o700);
  for (const mode of [0o777, 0o720, 0o702]) {
    await chmod(path, mode);
    await t.rejects(checkPrivateFolder(path), { code: 'file_mode', message: /chmod 700/ }, mode.toString(8));
  }
  for (const mode of [0o700, 0o755, 0o500]) {
    await chmod(path, mode);
    await t.resolves(checkPrivateFolder(path), mode.toString(8));
  }
  await t.rejects(checkPrivateFolder(join(path, 'absent')), { code: 'file_missing' });
});

await t.test('a file of another user is refused to everyone but root', { skip: isRoot ? false : 'needs root' }, async (t) => {
  const path = join(folder, 'foreign');
  await writePrivateFile(path, 'x');
  await t.resolves(readPrivateFile(path, 10));
  await chown(path, 4_242, 4_242);
  await t.resolves(readPrivateFile(path, 10), 'root may read anything');
  process.seteuid?.(4_243);
  try {
    await t.rejects(readPrivateFile(path, 10), { code: 'file_missing', message: /cannot be opened/ });
  } finally {
    process.seteuid?.(0);
  }
});

await t.test('changes take turns, also between processes', async (t) => {
  const path = join(folder, 'counter');
  await writePrivateFile(path, '0');
  const source = `
    import { withFileLock } from ${JSON.stringify(new URL('../../src/files/file-lock.ts', import.meta.url).href)};
    import { readPrivateFile, writePrivateFile } from ${JSON.stringify(new URL('../../src/files/private-file.ts', import.meta.url).href)};
    const path = ${JSON.stringify(path)};
    for (let n = 0; n < 20; n++) {
      await withFileLock(path, async () => {
        await writePrivateFile(path, String(Number((await readPrivateFile(path, 10)).text) + 1));
      });
    }
  `;
  const script = join(folder, 'count.mts');
  await writeFile(script, source);
  const workers = Array.from({ length: 3 }, () => fork(script, { stdio: 'inherit' }));
  const codes = await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve))));
  t.same(codes, [0, 0, 0]);
  t.equal((await readPrivateFile(path, 10)).text, '60', 'no change was lost');
  t.same((await readdir(folder)).filter((name) => name.startsWith('counter')), ['counter']);
});

await t.test('a lock is held by one, and named when it is not given', async (t) => {
  const path = join(folder, 'held');
  const lock = await FileLock.acquire(path);
  await t.rejects(FileLock.acquire(path, 50), { code: 'file_locked', message: new RegExp(`Process ${process.pid} holds`), fix: /delete .*held\.lock/ });
  const waiting = withFileLock(path, () => Promise.resolve('mine'));
  await lock.release();
  await lock.release();
  t.equal(await waiting, 'mine');
  await t.rejects(withFileLock(path, () => Promise.reject(new Error('inside'))), { message: 'inside' });
  await t.resolves(withFileLock(path, () => Promise.resolve()), 'given back after an error');
});

await t.test('the lock of a process that is gone is taken over', async (t) => {
  const path = join(folder, 'dead');
  const child = fork(join(folder, 'nothing.mjs'), { stdio: 'ignore' });
  const pid = child.pid ?? 0;
  await new Promise((resolve) => child.once('exit', resolve));
  const mine = await FileLock.acquire(path);
  const holder = await readFile(`${path}.lock`, 'utf8');
  await mine.release();
  for (const [name, text] of [
    ['a dead process', `${pid} `],
    ['a dead process with its start', holder.replace(/^\d+/, String(pid))],
    ['an earlier process with our number', holder.replace(/\d+$/, '1')],
    ['our number before the machine started again', holder.replace(/ .*\//, ' 00000000-0000-0000-0000-000000000000/')],
  ] as const) {
    await writeFile(`${path}.lock`, text);
    const lock = await FileLock.acquire(path, 200);
    await lock.release();
    t.pass(name);
  }
  // A crash can leave a lock without a name; its maker gets a second to write it.
  await writeFile(`${path}.lock`, '');
  await utimes(`${path}.lock`, 0, 0);
  const began = performance.now();
  const lock = await FileLock.acquire(path);
  t.ok(performance.now() - began >= 900, 'after a second');
  await lock.release();
  t.same((await readdir(folder)).filter((name) => name.startsWith('dead')), []);
});
