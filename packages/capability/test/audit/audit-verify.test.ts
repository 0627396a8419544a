import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import t from 'tap';

import { auditHeadPath, listAuditFiles, splitLines, writeAuditHead } from '../../src/audit/audit-files.ts';
import { auditStart, formatAuditLine, readAuditLine } from '../../src/audit/audit-line.ts';
import type { AuditPosition } from '../../src/audit/audit-line.ts';
import { AuditLog } from '../../src/audit/audit-log.ts';
import { verifyAudit, verifyAuditLog } from '../../src/audit/audit-verify.ts';
import type { AuditFaultKind } from '../../src/audit/audit-verify.ts';
import { NOW } from '../samples.ts';

const key = randomBytes(32);
const LOG = 'node';

/** A log in memory: ten lines and where it ends. */
function sampleLog(count = 10, log = LOG, chainKey: Uint8Array = key): { lines: string[]; head: AuditPosition } {
  const lines: string[] = [];
  let position = auditStart(chainKey, log);
  for (let n = 1; n <= count; n++) {
    const next = formatAuditLine(chainKey, position, NOW + n, { event: 'mint', nonce: String(n).padStart(32, '0'), caveats: ['tenant=ä', 'a\u2028b'] });
    lines.push(next.line);
    ({ position } = next);
  }
  return { lines, head: position };
}

async function judge(text: string | Uint8Array, head: AuditPosition | undefined, chunkBytes = 64) {
  const data = Buffer.from(text);
  const chunks = Array.from({ length: Math.ceil(data.length / chunkBytes) }, (_, index) => data.subarray(index * chunkBytes, (index + 1) * chunkBytes));
  return verifyAudit(splitLines('log', Readable.from(chunks)), { key, log: LOG, head });
}

const textOf = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('');

await t.test('a log that nobody touched is right, however it arrives', async (t) => {
  const { lines, head } = sampleLog();
  for (const chunkBytes of [1, 7, 100, 1_000_000]) {
    const verdict = await judge(textOf(lines), head, chunkBytes);
    t.match(verdict, { ok: true, fault: undefined, lines: 10, position: head, torn: undefined });
  }
  t.match(await judge('', auditStart(key, LOG)), { ok: true, lines: 0 });
  t.match(lines.join(''), /^[\x20-\x7e]*$/, 'lines are ASCII');
  t.strictSame(JSON.parse(lines[4] ?? ''), { ...JSON.parse(lines[4] ?? ''), n: 5, at_ms: NOW + 5, event: 'mint', caveats: ['tenant=ä', 'a\u2028b'] });
});

/** A line with another first character of a MAC, whatever that is. */
function otherMac(line: string, field: 'prev' | 'mac'): string {
  return line.replace(new RegExp(`(?<="${field}":")(.)`), (first) => (first === '_' ? 'A' : '_'));
}

await t.test('what was done to a log is found, by its kind and its line', async (t) => {
  const { lines, head } = sampleLog();
  const at = (index: number) => lines[index] ?? '';
  const swapped = (a: number, b: number) => lines.map((line, index) => (index === a ? at(b) : index === b ? at(a) : line));
  const without = (...indexes: number[]) => lines.filter((_, index) => !indexes.includes(index));
  const edited = (index: number, change: (line: string) => string) => lines.map((line, n) => (n === index ? change(line) : line));
  const forged = formatAuditLine(randomBytes(32), { count: 4, mac: 'A'.repeat(43) }, NOW, { event: 'mint' }).line;
  const elsewhere = sampleLog(10, 'ronctl').lines;
  const fork = formatAuditLine(key, { count: 4, mac: 'A'.repeat(43) }, NOW, { event: 'mint' }).line;
  const cases: readonly (readonly [string, readonly string[], AuditFaultKind, number | undefined])[] = [
    ['a value', edited(4, (line) => line.replace('"nonce":"0', '"nonce":"1')), 'changed', 5],
    ['the number', edited(4, (line) => line.replace('"n":5', '"n":6')), 'changed', 5],
    ['the time', edited(0, (line) => line.replace(/"at_ms":\d/, '"at_ms":9')), 'changed', 1],
    ['the MAC of the one before', edited(4, (line) => otherMac(line, 'prev')), 'changed', 5],
    ['its own MAC', edited(4, (line) => otherMac(line, 'mac')), 'changed', 5],
    ['a space', edited(4, (line) => line.replace(',', ', ')), 'changed', 5],
    ['a carriage return', edited(4, (line) => `${line}\r`), 'changed', 5],
    ['an empty line', [...lines.slice(0, 4), '', ...lines.slice(4)], 'changed', 5],
    ['a forged line', edited(4, () => forged), 'changed', 5],
    ['a line of another history', edited(4, () => fork), 'changed', 5],
    ['a line of another log', edited(4, () => elsewhere[4] ?? ''), 'changed', 5],
    ['another log', elsewhere, 'changed', 1],
    ['the last line changed', edited(9, (line) => line.replace('mint', 'tnim')), 'changed', 10],
    ['the first dropped', without(0), 'dropped', 1],
    ['one dropped', without(4), 'dropped', 5],
    ['three dropped', without(4, 5, 6), 'dropped', 5],
    ['two places dropped', without(2, 7), 'dropped', 3],
    ['neighbours swapped', swapped(3, 4), 'reordered', 4],
    ['the first two swapped', swapped(0, 1), 'reordered', 1],
    ['the last two swapped', swapped(8, 9), 'reordered', 9],
    ['far ones swapped', swapped(1, 8), 'reordered', 2],
    ['the whole reversed', lines.toReversed(), 'reordered', 1],
    ['one repeated', [...lines.slice(0, 5), at(4), ...lines.slice(5)], 'repeated', 6],
    ['one repeated later', [...lines, at(2)], 'repeated', 11],
    ['the last dropped', without(9), 'truncated', undefined],
    ['the last five dropped', lines.slice(0, 5), 'truncated', undefined],
    ['all dropped', [], 'truncated', undefined],
  ];
  for (const [name, changed, kind, lineNumber] of cases) {
    const { ok, fault } = await judge(textOf(changed), head);
    t.notOk(ok, name);
    t.match({ kind: fault?.kind, lineNumber: fault?.lineNumber }, { kind, lineNumber }, `${name}: ${fault?.message ?? ''}`);
  }
  t.match(await judge(textOf(lines), { count: 10, mac: 'A'.repeat(43) }), { fault: { kind: 'changed' } }, 'a head of another history');
  t.match(await judge(textOf(lines.slice(0, 7)), undefined), { ok: true, lines: 7 }, 'without a head a missing end cannot be seen');
});

await t.test('every changed bit of a log is found, on its line or the next', async (t) => {
  const { lines, head } = sampleLog(3);
  const whole = Buffer.from(textOf(lines));
  const startOf = [0, 1, 2].map((index) => textOf(lines.slice(0, index)).length);
  let missed = 0;
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const bytes = Buffer.from(whole);
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const { fault, torn } = await judge(bytes, head, 100_000);
    const expected = startOf.filter((start) => start <= bit >> 3).length;
    // The last line feed is the one bit pattern that looks like a crash, and the head tells it from one.
    const isFound = fault !== undefined && (fault.lineNumber === expected || (torn?.lineNumber === expected && fault.kind === 'truncated'));
    if (!isFound) missed += 1;
  }
  t.equal(missed, 0);
});

await t.test('every cut is found when the head has more lines, and told when it has not', async (t) => {
  const { lines, head } = sampleLog(4);
  const whole = textOf(lines);
  const sealed = sampleLog(3).head;
  const third = textOf(lines.slice(0, 3)).length;
  for (let length = 0; length < whole.length; length++) {
    const verdict = await judge(whole.slice(0, length), head);
    t.equal(verdict.fault?.kind, 'truncated', `${length} bytes`);
    if (length >= third) {
      const torn = await judge(whole.slice(0, length), readPosition(lines[2] ?? ''));
      t.ok(torn.ok, 'the head counts three lines, and they are there');
      t.equal(torn.torn?.bytes, length === third ? undefined : length - third);
    }
  }
  t.equal(sealed.count, 3);
});

function readPosition(line: string): AuditPosition {
  const read = readAuditLine(key, line);
  if (read === undefined) throw new Error('not a line');
  return { count: read.number, mac: read.mac };
}

await t.test('random damage of several lines is always found', async (t) => {
  const { lines, head } = sampleLog(8);
  const step = fc.tuple(fc.constantFrom('drop', 'swap', 'repeat', 'edit'), fc.nat(7), fc.nat(7));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 4 }), async (steps) => {
      const changed = [...lines];
      for (const [what, a, b] of steps) {
        const [from, to] = [a % Math.max(1, changed.length), b % Math.max(1, changed.length)];
        const [lineA = '', lineB = ''] = [changed[from], changed[to]];
        if (what === 'drop') changed.splice(from, 1);
        else if (what === 'swap') [changed[from], changed[to]] = [lineB, lineA];
        else if (what === 'repeat') changed.splice(to, 0, lineA);
        else changed[from] = lineA.replace(/.$/, '');
      }
      const { ok } = await judge(textOf(changed), head);
      return ok === (textOf(changed) === textOf(lines));
    }),
    { numRuns: 300 },
  );
  t.pass('ok exactly when nothing is changed');
});

await t.test('a line of any length is refused in bounded memory', async (t) => {
  async function* endless() {
    for (let chunk = 0; chunk < 2_000; chunk++) yield await Promise.resolve(Buffer.alloc(65_536, 0x61));
    yield Buffer.from('\n');
  }
  const before = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;
  const verdict = await verifyAudit(splitLines('log', endless()), { key, log: LOG, head: undefined });
  t.match(verdict.fault, { kind: 'changed', lineNumber: 1 });
  t.ok(process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed - before < 64 * 1_048_576, '128 MB in one line');
});

await t.test('a log on disk: its files, its head, and what is missing of them', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'omnigate-audit-verify-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const options = { folder, log: LOG, key, now: () => NOW, fileBytesMax: 1_000, filesMax: 100 };
  const audit = await AuditLog.open(options);
  for (let n = 0; n < 20; n++) await audit.append({ event: 'retire', kid: String(n), force: false });
  await audit.close();
  const files = await listAuditFiles(folder, LOG);
  t.ok(files.length > 3);
  t.match(await verifyAuditLog(folder, LOG, key), { ok: true, lines: 20 });
  t.match(await verifyAuditLog(folder, LOG, randomBytes(32)), { ok: false, fault: { lineNumber: 1 } }, 'another key');

  const path = (index: number) => files.at(index)?.path ?? '';
  const aside = join(folder, 'aside');
  const expectWithout = async (index: number, kind: AuditFaultKind) => {
    await rename(path(index), aside);
    t.match(await verifyAuditLog(folder, LOG, key), { ok: false, fault: { kind } }, `without file ${index}`);
    await rename(aside, path(index));
  };
  await expectWithout(0, 'dropped');
  await expectWithout(2, 'dropped');
  await expectWithout(-1, 'truncated');

  const cut = await readFile(path(1), 'utf8');
  await writeFile(path(1), cut.slice(0, -10));
  t.match(await verifyAuditLog(folder, LOG, key), { fault: { kind: 'changed', path: path(1) } }, 'a cut in the middle is no crash');
  await writeFile(path(1), cut);

  const head = await readFile(auditHeadPath(folder, LOG), 'utf8');
  await writeFile(auditHeadPath(folder, LOG), head.replace('"count":20', '"count":19'));
  t.match(await verifyAuditLog(folder, LOG, key), { ok: false, fault: { kind: 'head_changed' } });
  await unlink(auditHeadPath(folder, LOG));
  t.match(await verifyAuditLog(folder, LOG, key), { ok: false, fault: { kind: 'head_missing' } });
  await writeFile(auditHeadPath(folder, LOG), head, { mode: 0o600 });
  t.match(await verifyAuditLog(folder, LOG, key), { ok: true });

  // Whoever deletes the end and the head can have no new head without the key.
  await unlink(path(-1));
  await writeAuditHead(folder, LOG, randomBytes(32), { count: 3, mac: 'A'.repeat(43) });
  t.match(await verifyAuditLog(folder, LOG, key), { ok: false, fault: { kind: 'head_changed' } });
  t.ok((await readdir(folder)).length > 0);
});
