import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFile, chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, truncate, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';

import { auditHeadPath, listAuditFiles, listAuditLogs, readAuditTail } from '../../src/audit/audit-files.ts';
import { AuditLog } from '../../src/audit/audit-log.ts';
import type { AuditLogOptions, DeniedRequest } from '../../src/audit/audit-log.ts';
import { AuditSegment } from '../../src/audit/audit-segment.ts';
import { verifyAuditLog } from '../../src/audit/audit-verify.ts';
import { DenialSampler } from '../../src/audit/denial-sampler.ts';
import { Keyring } from '../../src/keyring.ts';
import { AUDIT_DENIALS_PER_SECOND_MAX, AUDIT_QUEUE_RECORDS_MAX, AUDIT_TEXT_CHARS_MAX } from '../../src/limits.ts';
import { mintCapability } from '../../src/mint.ts';
import { NOW, TENANT } from '../samples.ts';

const key = randomBytes(32);
const LOG = 'node';
const base = await mkdtemp(join(tmpdir(), 'omnigate-audit-'));
t.after(() => rm(base, { recursive: true }));
let folders = 0;

async function newFolder(): Promise<string> {
  const folder = join(base, String(folders++));
  await mkdir(folder, { mode: 0o700 });
  return folder;
}

const open = (folder: string, more: Partial<AuditLogOptions> = {}) => AuditLog.open({ folder, log: LOG, key, now: () => NOW, ...more });
const verify = (folder: string) => verifyAuditLog(folder, LOG, key);
const DENIED: DeniedRequest = { reason: 'cap_scope', tenant: TENANT, app: 16, op: 1, peer: '192.0.2.7' };

interface SeenRecord {
  readonly n: number;
  readonly event: string;
  readonly reason?: string;
  readonly omitted?: number;
  readonly torn_bytes?: number;
  readonly through?: number;
  readonly peer?: string;
}

async function recordsIn(folder: string): Promise<SeenRecord[]> {
  const files = await listAuditFiles(folder, LOG);
  const texts = await Promise.all(files.map(({ path }) => readFile(path, 'utf8')));
  return texts.join('').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as SeenRecord);
}

const newest = async (folder: string) => (await listAuditFiles(folder, LOG)).at(-1)?.path ?? '';

await t.test('records are on disk and sealed when they are answered, and the log goes on when it is opened again', async (t) => {
  const folder = await newFolder();
  const audit = await open(folder);
  await audit.append({ event: 'rotate', kid: 'a' });
  t.match(await verify(folder), { ok: true, lines: 1, position: { count: 1 } });
  await Promise.all([1, 2, 3].map((n) => audit.append({ event: 'rotate', kid: String(n) })));
  t.equal(audit.count, 4);
  await audit.close();
  await audit.close();
  await t.rejects(audit.append({ event: 'rotate', kid: 'late' }), { code: 'audit_unavailable' });
  audit.denied(DENIED);

  const again = await open(folder);
  await again.append({ event: 'rotate', kid: 'b' });
  await again.close();
  t.same((await recordsIn(folder)).map(({ n }) => n), [1, 2, 3, 4, 5]);
  t.match(await verify(folder), { ok: true, lines: 5 });
  t.same(await listAuditLogs(folder), [LOG]);
  t.same((await readAuditTail(folder, LOG, 2)).map((line) => (JSON.parse(line) as SeenRecord).n), [4, 5]);
  for (const name of await readdir(folder)) t.equal((await stat(join(folder, name))).mode & 0o777, 0o600, name);
});

await t.test('one process writes at a time', async (t) => {
  const folder = await newFolder();
  const script = join(folder, 'holder.mts');
  await writeFile(script, `
    import { AuditLog } from ${JSON.stringify(new URL('../../src/audit/audit-log.ts', import.meta.url).href)};
    const audit = await AuditLog.open({ folder: ${JSON.stringify(folder)}, log: 'node', key: Buffer.alloc(32) });
    process.send('open');
    setInterval(() => undefined, 1_000);
  `);
  const child = fork(script, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  await new Promise((resolve) => child.once('message', resolve));
  await t.rejects(AuditLog.open({ folder, log: LOG, key: Buffer.alloc(32) }), { code: 'file_locked', message: new RegExp(`Process ${child.pid ?? 0} holds`) });
  const other = await AuditLog.open({ folder, log: 'ronctl', key: Buffer.alloc(32) });
  await other.close();
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
  const audit = await AuditLog.open({ folder, log: LOG, key: Buffer.alloc(32) });
  await audit.close();
  t.pass('what a killed process held is free');
});

await t.test('denials are sampled, and none is lost without a trace', async (t) => {
  const folder = await newFolder();
  let nowMs = NOW;
  const audit = await open(folder, { now: () => nowMs });
  let denials = 0;
  for (const pause of [0, 0, 1_000, 5_000]) {
    nowMs += pause;
    for (let n = 0; n < 500; n++) {
      audit.denied(DENIED);
      audit.denied({ ...DENIED, reason: 'cap_binding', kid: 'k'.repeat(16), nonce: 'n'.repeat(32) });
      denials += 2;
    }
  }
  await audit.close();
  const records = await recordsIn(folder);
  const recorded = records.filter(({ event }) => event === 'denial');
  const omitted = records.filter(({ event }) => event === 'denials_omitted');
  t.equal(recorded.length, 2 * 3 * AUDIT_DENIALS_PER_SECOND_MAX, 'ten of each reason in each of three seconds');
  t.equal(recorded.length + omitted.reduce((sum, { omitted: count = 0 }) => sum + count, 0), denials);
  t.same(omitted.map(({ reason }) => reason).sort(), ['cap_binding', 'cap_scope']);
  t.match(await verify(folder), { ok: true });
});

await t.test('a capability that was refused is named and not kept', async (t) => {
  const folder = await newFolder();
  const audit = await open(folder);
  const keyring = Keyring.create({ nowMs: NOW });
  const { bytes, kid, nonce } = mintCapability(keyring, { tenant: TENANT, nowMs: NOW });
  audit.denied({ ...DENIED, reason: 'cap_revoked', capability: bytes });
  audit.denied({ ...DENIED, reason: 'cap_malformed', capability: bytes.subarray(1) });
  await audit.close();
  t.match(await recordsIn(folder), [{ reason: 'cap_revoked', kid, nonce }, { reason: 'cap_malformed', kid: undefined }]);
  const text = await readFile(await newest(folder), 'utf8');
  t.notOk(text.includes(bytes.subarray(-20).toString('base64url')) || text.includes('capability'), 'none of its bytes');
});

await t.test('denials are sealed within a second, without anybody waiting', async (t) => {
  const folder = await newFolder();
  const audit = await open(folder);
  for (let n = 0; n < 15; n++) audit.denied(DENIED);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const early = JSON.parse(await readFile(auditHeadPath(folder, LOG), 'utf8')) as { count: number };
  t.equal(early.count, 0, 'not at once');
  t.equal((await recordsIn(folder)).length, 10, 'but written');
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const head = JSON.parse(await readFile(auditHeadPath(folder, LOG), 'utf8')) as { count: number };
  t.equal(head.count, 11, 'ten, and the count of the others');
  await audit.close();
});

await t.test('text of a peer is cut, and a record that cannot be a line is refused', async (t) => {
  const folder = await newFolder();
  const audit = await open(folder);
  audit.denied({ ...DENIED, peer: 'p'.repeat(100_000), kid: 'k'.repeat(1_000), nonce: '"\n\u0000', tenant: '\ud800' });
  await t.rejects(audit.append({ event: 'mint', caveats: ['x'.repeat(40_000)] }), RangeError);
  for (const field of ['n', 'prev', 'mac', 'at_ms']) await t.rejects(audit.append({ event: 'mint', [field]: 'x' }), RangeError, field);
  await audit.append({ event: 'mint', caveats: ['\u0001'.repeat(5_000)] });
  await audit.close();
  t.equal((await recordsIn(folder))[0]?.peer?.length, AUDIT_TEXT_CHARS_MAX);
  t.match(await verify(folder), { ok: true, lines: 2 });
});

await t.test('a torn last line is removed, and said', async (t) => {
  const folder = await newFolder();
  const audit = await open(folder);
  for (const kid of ['a', 'b', 'c']) await audit.append({ event: 'rotate', kid });
  await audit.close();
  const path = await newest(folder);
  const whole = await readFile(path, 'utf8');
  // Longer than what is written after it.
  const next = `{"n":4,"at_ms":1,"event":"mint","caveats":["${'x'.repeat(2_000)}`;
  for (const torn of [1, 10, next.length]) {
    await writeFile(path, whole + next.slice(0, torn));
    t.match(await verify(folder), { ok: true, torn: { lineNumber: 4, bytes: torn } }, `${torn} bytes`);
  }
  const again = await open(folder);
  await again.close();
  t.match((await recordsIn(folder)).at(-1), { n: 4, event: 'recovered', torn_bytes: next.length });
  t.match(await verify(folder), { ok: true, lines: 4, torn: undefined });
});

await t.test('a log killed at any moment opens again and is right', async (t) => {
  const folder = await newFolder();
  const script = join(folder, 'writer.mts');
  await writeFile(script, `
    import { AuditLog } from ${JSON.stringify(new URL('../../src/audit/audit-log.ts', import.meta.url).href)};
    const audit = await AuditLog.open({ folder: ${JSON.stringify(folder)}, log: 'node', key: Buffer.alloc(32, 1), fileBytesMax: 3_000, filesMax: 4 });
    process.send(audit.count);
    for (let n = 0; ; n++) {
      audit.denied({ reason: 'cap_scope', tenant: '', app: n, op: n, peer: '' });
      await audit.append({ event: 'rotate', kid: String(n) });
      process.send(audit.count);
    }
  `);
  let answered = 0;
  for (let round = 0; round < 4; round++) {
    const child = fork(script, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    let last = 0;
    child.on('message', (count: number) => {
      last = count;
      if (last > answered + 3 + round * 7) child.kill('SIGKILL');
    });
    await new Promise((resolve) => child.once('exit', resolve));
    answered = last;
    const verdict = await verifyAuditLog(folder, LOG, Buffer.alloc(32, 1));
    t.match(verdict, { ok: true }, verdict.fault?.message ?? 'right');
    t.ok(verdict.position.count >= answered, `${verdict.position.count} records, ${answered} were answered`);
  }
});

await t.test('files follow each other, the oldest goes, and that is said', async (t) => {
  const folder = await newFolder();
  const audit = await open(folder, { fileBytesMax: 1_000, filesMax: 3 });
  for (let n = 0; n < 60; n++) await audit.append({ event: 'rotate', kid: String(n) });
  await audit.close();
  const files = await listAuditFiles(folder, LOG);
  t.equal(files.length, 3);
  for (const { path } of files) t.ok((await stat(path)).size <= 1_000, 'no file is larger');
  const records = await recordsIn(folder);
  const pruned = records.filter(({ event }) => event === 'prune').at(-1);
  t.equal(pruned?.through, (records[0]?.n ?? 0) - 1);
  t.match(await verify(folder), { ok: true, position: { count: records.at(-1)?.n } });
  await unlink(files[0]?.path ?? '');
  t.match(await verify(folder), { ok: false, fault: { kind: 'dropped', lineNumber: 1 } }, 'one more is one too many');
});

await t.test('what is no longer what was written is not written on', async (t) => {
  const folder = await newFolder();
  const audit = await open(folder);
  for (const kid of ['a', 'b', 'c']) await audit.append({ event: 'rotate', kid });
  await audit.close();
  const path = await newest(folder);
  const whole = await readFile(path, 'utf8');

  await truncate(path, whole.lastIndexOf('\n', whole.length - 2) + 1);
  await t.rejects(open(folder), { code: 'audit_damaged', message: /shorter than its head/ });
  await writeFile(path, whole.replace('"kid":"c"', '"kid":"x"'));
  await t.rejects(open(folder), { code: 'file_damaged' });
  await writeFile(path, `${whole}${'x'.repeat(200_000)}`);
  await t.rejects(open(folder), { code: 'file_damaged' });
  await writeFile(path, whole);
  await chmod(path, 0o644);
  await t.rejects(open(folder), { code: 'file_mode' });
  await chmod(path, 0o600);
  await rename(path, `${path}.aside`);
  await t.rejects(open(folder), { code: 'audit_damaged' });
  await rename(`${path}.aside`, path);
  await appendFile(auditHeadPath(folder, LOG), ' ');
  const again = await open(folder);
  await again.close();
  t.equal(await readFile(path, 'utf8'), whole, 'nothing was changed on the way');
  t.same((await readdir(folder)).filter((name) => name.endsWith('.lock')), [], 'no lock is left');
});

await t.test('a file begun just before a crash is no damage', async (t) => {
  const folder = await newFolder();
  const audit = await open(folder);
  await audit.append({ event: 'rotate', kid: 'a' });
  await audit.close();
  await writeFile(join(folder, `${LOG}.0000000000000002.jsonl`), '{"n":2', { mode: 0o600 });
  const again = await open(folder);
  await again.close();
  t.match(await verify(folder), { ok: true, lines: 2 });
  const fresh = await newFolder();
  await writeFile(join(fresh, `${LOG}.0000000000000001.jsonl`), '', { mode: 0o600 });
  await (await open(fresh)).close();
  t.match(await verify(fresh), { ok: true, lines: 0 });
});

await t.test('a disk that fails costs records and is told; what follows is right again', async (t) => {
  const folder = await newFolder();
  const errors: unknown[] = [];
  const audit = await open(folder, { onError: (error) => errors.push(error) });
  await audit.append({ event: 'rotate', kid: 'a' });
  const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
  const whole = Object.getOwnPropertyDescriptor(AuditSegment.prototype, 'append') ?? {};
  Object.defineProperty(AuditSegment.prototype, 'append', { ...whole, value: () => Promise.reject(full) });
  try {
    await t.rejects(audit.append({ event: 'rotate', kid: 'b' }), { code: 'audit_unavailable', cause: full, fix: /Make room/ });
    for (let n = 0; n < 3; n++) audit.denied(DENIED);
    await new Promise((resolve) => setTimeout(resolve, 20));
    t.ok(errors.length >= 2);
    const waiting = Array.from({ length: AUDIT_QUEUE_RECORDS_MAX + 5 }, () => audit.append({ event: 'rotate', kid: 'c' }).catch((error: unknown) => error));
    t.match((await Promise.all(waiting)).at(-1), { code: 'audit_unavailable', message: /too many records wait/ });
  } finally {
    Object.defineProperty(AuditSegment.prototype, 'append', whole);
  }
  await audit.append({ event: 'rotate', kid: 'd' });
  await audit.close();
  t.match(await verify(folder), { ok: true, lines: 3 });
  t.match((await recordsIn(folder)).map(({ event, omitted }) => [event, omitted]), [['rotate', undefined], ['rotate', undefined], ['denials_omitted', 3]]);
});

await t.test('a line that was written in part is taken back', async (t) => {
  const folder = await newFolder();
  const script = join(folder, 'limited.mts');
  // From then on no file of this process grows beyond 100 KB: the write that would is cut there.
  await writeFile(script, `
    import { execFileSync } from 'node:child_process';
    import { AuditLog } from ${JSON.stringify(new URL('../../src/audit/audit-log.ts', import.meta.url).href)};
    const limit = (bytes) => execFileSync('prlimit', ['--pid', String(process.pid), '--fsize=' + bytes + ':']);
    process.on('SIGXFSZ', () => undefined);
    const audit = await AuditLog.open({ folder: ${JSON.stringify(folder)}, log: 'node', key: Buffer.alloc(32, 2) });
    limit(100_000);
    let written = 0;
    let failed;
    while (failed === undefined) {
      await audit.append({ event: 'mint', caveats: ['x'.repeat(15_000)] }).then(() => { written += 1; }, (error) => { failed = error.cause.code; });
    }
    limit('unlimited');
    await audit.append({ event: 'rotate', kid: 'small' });
    await audit.close();
    process.send([failed, written]);
  `);
  const child = fork(script, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  let failed = '';
  let written = 0;
  child.once('message', (message) => {
    [failed, written] = message as [string, number];
  });
  await new Promise((resolve) => child.once('exit', resolve));
  t.equal(failed, 'EFBIG');
  t.ok(written > 2, `${written} records went in`);
  t.match(await verifyAuditLog(folder, LOG, Buffer.alloc(32, 2)), { ok: true, lines: written + 1, torn: undefined });
});

await t.test('the sampler counts by reason and second', (t) => {
  const sampler = new DenialSampler();
  const taken = (count: number, nowMs: number) => Array.from({ length: count }, () => sampler.take('cap_scope', nowMs)).filter(Boolean).length;
  t.equal(taken(25, NOW), 10);
  t.equal(taken(5, NOW + 999), 0);
  t.equal(taken(5, NOW + 1_000), 5);
  t.ok(sampler.take('cap_kid', NOW), 'another reason');
  sampler.omit('cap_kid');
  t.strictSame(sampler.drain(), [{ reason: 'cap_scope', omitted: 20 }, { reason: 'cap_kid', omitted: 1 }]);
  t.strictSame(sampler.drain(), []);
  t.end();
});
