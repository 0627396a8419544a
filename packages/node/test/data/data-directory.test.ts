import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { isValid } from 'ulid';
import { createAtomically } from '../../src/data/atomic-file.ts';
import { DataDirectory } from '../../src/data/data-directory.ts';
import { processExists, processIdentity } from '../../src/data/process-identity.ts';

const root = mkdtempSync(join(tmpdir(), 'omnigate-data-'));
t.teardown(() => {
  rmSync(root, { recursive: true });
});

let folders = 0;
const newPath = (): string => join(root, `data-${++folders}`, 'nested');

/** A process that does nothing until it is killed. */
async function bystander() {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  await once(child, 'spawn');
  return {
    pid: child.pid ?? 0,
    async end() {
      if (!child.kill('SIGKILL')) return;
      await once(child, 'exit');
    },
  };
}

await t.test('a node keeps its id', (t) => {
  const path = newPath();
  const first = new DataDirectory(path);
  t.ok(isValid(first.nodeId));
  t.equal(statSync(path).mode & 0o777, 0o700);
  t.equal(first.readableByOthers, false);
  t.equal(statSync(join(path, 'node.json')).mode & 0o777, 0o600);
  t.same(readdirSync(path).sort(), ['node.json', 'node.lock'], 'nothing else is left behind');
  const content = JSON.parse(readFileSync(join(path, 'node.json'), 'utf8')) as Record<string, string>;
  t.same(Object.keys(content), ['id', 'created_at']);
  t.equal(new Date(content['created_at'] ?? '').toISOString(), content['created_at']);
  first[Symbol.dispose]();
  t.same(readdirSync(path), ['node.json']);

  const second = new DataDirectory(path);
  t.equal(second.nodeId, first.nodeId);
  second[Symbol.dispose]();
  second[Symbol.dispose]();
  const other = new DataDirectory(newPath());
  t.not(other.nodeId, first.nodeId);
  other[Symbol.dispose]();
  t.end();
});

await t.test('an identity that cannot be read', (t) => {
  for (const content of ['', '{', 'null', '{}', '{"id":"x"}', '{"id":5}']) {
    const path = newPath();
    mkdirSync(path, { recursive: true, mode: 0o700 });
    writeFileSync(join(path, 'node.json'), content);
    t.throws(() => new DataDirectory(path), { name: 'ConfigError', message: /node\.json does not hold the id of a node; restore/ });
    t.notOk(existsSync(join(path, 'node.lock')), 'the lock is given back');
    t.equal(readFileSync(join(path, 'node.json'), 'utf8'), content, 'and nothing is overwritten');
  }
  t.end();
});

await t.test('a folder that others can read, and one that is none', (t) => {
  const path = newPath();
  mkdirSync(path, { recursive: true });
  chmodSync(path, 0o755);
  const directory = new DataDirectory(path);
  t.equal(directory.readableByOthers, true);
  t.equal(statSync(path).mode & 0o777, 0o755, 'the permissions are the operator\'s');
  directory[Symbol.dispose]();
  const file = join(root, 'file');
  writeFileSync(file, '');
  t.throws(() => new DataDirectory(file), { name: 'ConfigError', message: /cannot use the data directory .*; name another one with --data/ });
  t.throws(() => new DataDirectory(join(file, 'below')), { name: 'ConfigError' });
  t.end();
});

await t.test('one node at a time', (t) => {
  const path = newPath();
  const directory = new DataDirectory(path);
  t.throws(() => new DataDirectory(path), { message: new RegExp(`in use by the node with pid ${process.pid}; stop that node, or .* --data`) });
  t.ok(existsSync(join(path, 'node.lock')), 'the lock of the first is not harmed');
  directory[Symbol.dispose]();
  new DataDirectory(path)[Symbol.dispose]();
  t.end();
});

await t.test('locks of other processes', async (t) => {
  const other = await bystander();
  t.teardown(() => other.end());
  const path = newPath();
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const lock = join(path, 'node.lock');
  const lockWith = (owner: unknown): void => {
    writeFileSync(lock, typeof owner === 'string' ? owner : JSON.stringify(owner));
  };
  const held = (message: string): void => {
    t.throws(() => new DataDirectory(path), { message: new RegExp(`pid ${other.pid};`) }, message);
  };
  const stale = (message: string): void => {
    const directory = new DataDirectory(path);
    t.match(JSON.parse(readFileSync(lock, 'utf8')), { pid: process.pid }, message);
    directory[Symbol.dispose]();
  };
  const identity = processIdentity(other.pid);
  t.ok(processExists(other.pid));
  lockWith({ pid: other.pid, process: identity });
  held('of a process that runs');
  lockWith({ pid: other.pid });
  held('where the system does not say when it started');
  lockWith({ pid: other.pid, process: `${String(identity)}0` });
  stale('of an earlier process with the same pid');
  lockWith({ pid: process.pid, process: 'another boot/1' });
  stale('of an earlier process with our own pid, as in a container');
  lockWith({ pid: process.pid });
  stale('of our own pid, which we know not to hold it');
  for (const nonsense of ['', '{', 'null', '{"pid":-1}', '{"pid":"1"}']) {
    lockWith(nonsense);
    stale(`that says ${nonsense}`);
  }
  await other.end();
  t.notOk(processExists(other.pid));
  lockWith({ pid: other.pid, process: identity });
  stale('of a process that is gone');
  t.same(readdirSync(path), ['node.json'], 'nothing is left behind');
});

await t.test('a file appears whole, once', (t) => {
  const path = join(root, 'atomic');
  createAtomically(path, 'first');
  t.throws(() => { createAtomically(path, 'second'); }, { code: 'EEXIST' });
  t.equal(readFileSync(path, 'utf8'), 'first');
  t.notOk(readdirSync(root).some((name) => name.endsWith('.tmp')));
  t.end();
});
