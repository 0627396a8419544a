import t from 'tap';
import ts from 'typescript';

import { files, read } from './repository.ts';

interface Reason {
  readonly reason: string;
  readonly status: number;
  readonly retryable: boolean;
  readonly reaction: string;
  readonly meaning: string;
  readonly fix: string;
}

interface App {
  readonly id: number;
  readonly name: string;
  readonly status: string;
  readonly access: string;
  readonly operations: readonly { readonly code: number; readonly name: string }[];
}

interface Range {
  readonly from: number;
  readonly to: number;
  readonly use: string;
  readonly policy: string;
}

const spec = read('specs/oap-1.md');
const { reasons } = JSON.parse(read('registry/reject_reasons.json')) as { reasons: Reason[] };
const { apps, ranges } = JSON.parse(read('registry/app_proto_ids.json')) as { apps: App[]; ranges: Range[] };

/** Cells of the rows of the one Markdown table whose first heading cell is `heading`. */
function tableOf(markdown: string, heading: string): string[][] {
  const lines = markdown.split('\n');
  const first = lines.findIndex((line) => line.startsWith(`| ${heading} |`));
  const rows: string[][] = [];
  for (let at = first + 2; first >= 0 && (lines[at] ?? '').startsWith('|'); at++) {
    const cells = (lines[at] ?? '').split('|').slice(1, -1);
    rows.push(cells.map((cell) => cell.trim().replaceAll('`', '')));
  }
  return rows;
}

/** Literal arguments of every `defineReject(...)` with five literals: the table of the code. */
function rejectsOf(source: string): unknown[][] {
  const rows: unknown[][] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && node.expression.getText() === 'defineReject') {
      const row = node.arguments.map((argument) => literalOf(argument));
      if (!row.includes(undefined)) rows.push(row);
    }
    node.forEachChild(visit);
  };
  visit(ts.createSourceFile('rejects.ts', source, ts.ScriptTarget.Latest, true));
  return rows;
}

function literalOf(node: ts.Node): unknown {
  if (ts.isStringLiteral(node)) return node.text;
  if (ts.isNumericLiteral(node)) return Number(node.text);
  if (node.kind === ts.SyntaxKind.TrueKeyword) return true;
  return node.kind === ts.SyntaxKind.FalseKeyword ? false : undefined;
}

/** Number members of `export const <name> = {...}`. */
function membersOf(source: string, name: string): Record<string, number> {
  const body = new RegExp(`export const ${name} = \\{([^}]*)\\}`).exec(source)?.[1] ?? '';
  return Object.fromEntries([...body.matchAll(/(\w+): (\d+)/g)].map(([, key = '', value]) => [key, Number(value)]));
}

/** Registry rows that a table, keyed by its first column, lacks or has otherwise, and rows it has alone. */
function differences(where: string, registered: readonly unknown[][], found: readonly unknown[][]): string[] {
  const text = (row: readonly unknown[]) => row.map(String).join(' | ');
  const expected = new Set(registered.map(text));
  const actual = new Set(found.map(text));
  return [
    ...[...expected].filter((row) => !actual.has(row)).map((row) => `${where} lacks: ${row}`),
    ...[...actual].filter((row) => !expected.has(row)).map((row) => `${where} alone has: ${row}`),
    ...(found.length === actual.size ? [] : [`${where} has a row twice`]),
  ];
}

function codeDifferences(source: string): string[] {
  const rows = reasons.map((row) => [row.reason, row.status, row.retryable, row.reaction, row.fix]);
  return differences('the code', rows, rejectsOf(source));
}

function specDifferences(markdown: string): string[] {
  const rows = reasons.map((row) => [row.reason, row.status, row.retryable ? 'yes' : 'no', row.reaction, row.meaning]);
  return differences('oap-1.md', rows, tableOf(markdown, 'Reason'));
}

function appDifferences(markdown: string): string[] {
  const operations = (app: App) => app.operations.map(({ code, name }) => `${String(code)} ${name}`).join(', ') || 'to come';
  const appRows = apps.map((app) => [app.id, app.name, app.status, app.access, operations(app)]);
  const rangeRows = ranges.map(({ from, to, use, policy }) => [`${String(from)}-${String(to)}`, use, policy]);
  return [
    ...differences('applications', appRows, tableOf(markdown, 'app_proto_id')),
    ...differences('ranges', rangeRows, tableOf(markdown, 'Range')),
  ];
}

/** What ronctl says of the applications that need a capability, so that names may be typed for numbers. */
function ronctlDifferences(source: string): string[] {
  const operations = (pairs: readonly (readonly [string, number])[]) => pairs.map(([name, code]) => `${String(code)} ${name}`).join(', ');
  const registered = apps.slice(1).map((app) => [app.id, app.name, operations(app.operations.map(({ name, code }) => [name.toLowerCase(), code]))]);
  const entries = source.matchAll(/\{\s*id: (\d+),\s*name: '([^']*)',\s*operations: \{([^}]*)\},?\s*\}/g);
  const found = [...entries].map(([, id, name, body = '']) => {
    const pairs = [...body.matchAll(/(\w+): (\d+)/g)].map(([, key = '', code]) => [key, Number(code)] as const);
    return [id, name, operations(pairs)];
  });
  return differences('tools/ronctl/src/registered-apps.ts', registered, found);
}

/** Each package that refuses has a table of its own, `reject.ts` or `rejects.ts`. */
const rejectSource = files
  .filter((path) => /^packages\/\w+\/src\/(\w+\/)*rejects?\.ts$/.test(path))
  .map(read)
  .join('\n');

await t.test('a reason is one word, one status and two sentences', (t) => {
  t.equal(new Set(reasons.map(({ reason }) => reason)).size, reasons.length, 'no reason twice');
  for (const row of reasons) {
    t.same(Object.keys(row), ['reason', 'status', 'retryable', 'reaction', 'meaning', 'fix'], row.reason);
    t.match(row.reason, /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/);
    t.match(row.reaction, /^[KCXDL]$/);
    for (const sentence of [row.meaning, row.fix]) t.match(sentence, /^[A-Z][^\n]{9,198}\.$/, `${row.reason}: ${sentence}`);
    t.notMatch(row.fix, /\. [A-Z]/, `${row.reason}: the fix is one sentence`);
  }
  t.end();
});

await t.test('registry, code and specification have the same reasons', (t) => {
  t.same(codeDifferences(rejectSource), []);
  t.same(specDifferences(spec), []);
  t.end();
});

await t.test('a changed status, retry, reaction or text is noticed', (t) => {
  for (const [from, to] of [
    ["'flood', 429, false", "'flood', 503, false"],
    ["'draining', 503, true", "'draining', 503, false"],
    ["false, 'X', 'Write whole", "false, 'C', 'Write whole"],
    ["'overload', 503", "'overload', 429"],
    ['Use a capability of at most 4096', 'Use a capability of at most 4095'],
    ["defineReject('queue_full'", "defineReject('queue_empty'"],
  ] as const) {
    t.ok(rejectSource.includes(from), `the code has ${from}`);
    t.equal(codeDifferences(rejectSource.replace(from, to)).length, 2, to);
  }
  for (const [from, to] of [
    ['| `inflight` | 429 | yes |', '| `inflight` | 429 | no |'],
    ['| `comp_ratio` | 413 | no | K |', '| `comp_ratio` | 413 | no | C |'],
    ['| `bad_url` | 400 |', '| `bad_uri` | 400 |'],
    ['| 16 | mailbox |', '| 15 | mailbox |'],
    ['5 REVOKED', '6 REVOKED'],
    ['| 18-95 |', '| 18-96 |'],
  ] as const) {
    t.ok(spec.includes(from), `the specification has ${from}`);
    const changed = spec.replace(from, to);
    t.equal([...specDifferences(changed), ...appDifferences(changed)].length, 2, to);
  }
  t.end();
});

await t.test('every reason on the wire is named in a test', (t) => {
  const paths = files.filter((path) => /^(packages|testing|examples)\/.*\.test\.ts$/.test(path));
  const tests = paths.map(read).join('\n');
  // Vectors that a test replays are part of that test.
  const replayed = files.filter((path) => /^specs\/vectors\/\w+\.json$/.test(path) && tests.includes(path.replace(/.*\//, '')));
  // In quotes or as a member of the table: an English word in a sentence names nothing.
  const names = [...tests.matchAll(/(?:'|\bReject\.)([a-z0-9_]+)\b/g), ...replayed.map(read).join('\n').matchAll(/"reason": "(\w+)"/g)];
  const named = new Set(names.map(([, name]) => name));
  const untested = reasons.filter(({ reason, reaction }) => reaction !== 'L' && !named.has(reason));
  t.same(untested.map(({ reason }) => reason), []);
  t.end();
});

await t.test('app_proto_ids: the ranges cover all numbers once, and each application has one', (t) => {
  t.equal(ranges[0]?.from, 0);
  t.equal(ranges.at(-1)?.to, 65_535);
  ranges.slice(1).forEach(({ from }, index) => t.equal(from, (ranges[index]?.to ?? 0) + 1, `range from ${String(from)}`));
  const ids = apps.map(({ id }) => id);
  t.same(ids, [...new Set(ids)].sort((a, b) => a - b), 'ascending, none twice');
  for (const { id, name } of apps) {
    t.match(ranges.find(({ from, to }) => from <= id && id <= to)?.use, /^(core|registered)$/, name);
  }
  t.end();
});

await t.test('registry, specification and code have the same applications and operations', (t) => {
  t.same(appDifferences(spec), []);
  t.same(appDifferences(read('REGISTRY.md')), []);
  t.end();
});

await t.test('services and the client library have the numbers of the registry, each in a table of its own', (t) => {
  const sources = files.filter((path) => /^packages\/\w+\/src\/.*\.ts$/.test(path)).map((path) => ({ path, source: read(path) }));
  const tables = sources.flatMap(({ path, source }) => [...source.matchAll(/^export const (\w+)Op = \{/gm)].map(([, name = '']) => ({ path, source, name })));
  t.same(tables.map(({ name }) => name).sort(), ['Control', 'Mailbox', 'Mailbox', 'Storage', 'Storage']);
  const registered = (name: string): App | undefined => apps.find((app) => app.name === name.toLowerCase());
  for (const { path, source, name } of tables) {
    const operations = registered(name)?.operations.map((operation) => [operation.name, operation.code]) ?? [];
    t.same(membersOf(source, `${name}Op`), Object.fromEntries(operations), path);
    const [first = ''] = /\w+: \d+/.exec(source.slice(source.indexOf(`${name}Op = {`))) ?? [];
    t.notSame(membersOf(source.replace(first, `${first}1`), `${name}Op`), Object.fromEntries(operations), `${path}: a changed code is noticed`);
  }
  const ids = sources.flatMap(({ path, source }) => [...source.matchAll(/^(?:export )?const (?:APP_([A-Z]+)|([A-Z]+)_APP) = (\d+);/gm)].map(([, a, b, id]) => ({ path, name: a ?? b ?? '', id: Number(id) })));
  t.ok(ids.length > 4, 'there are some');
  for (const { path, name, id } of ids) t.equal(id, registered(name)?.id, `${path}: ${name}`);
  t.end();
});

await t.test('ronctl knows the applications and operations of the registry', (t) => {
  const source = read('tools/ronctl/src/registered-apps.ts');
  t.same(ronctlDifferences(source), []);
  for (const [from, to] of [['id: 16', 'id: 18'], ["'storage'", "'store'"], ['echo: 0', 'echo: 1']] as const) {
    t.equal(ronctlDifferences(source.replace(from, to)).length, 2, to);
  }
  t.end();
});

await t.test('specification and code have the same flags and status codes', (t) => {
  const flags = tableOf(spec, 'bit').map(([bit, name = '']) => [name, Number(bit)]);
  t.same(membersOf(read('packages/kernel/src/wire/header.ts'), 'Flag'), Object.fromEntries(flags));
  const statuses = /^Status codes of OAP\/1: ([^.]*)\./m.exec(spec)?.[1]?.match(/\d{3}/g)?.map(Number);
  t.same(Object.values(membersOf(read('packages/kernel/src/wire/control.ts'), 'Status')), statuses);
  t.end();
});
