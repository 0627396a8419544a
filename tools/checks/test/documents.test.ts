import t from 'tap';
import ts from 'typescript';

import { files, read } from './repository.ts';

const limitModules = files.filter((path) => /(^|\/)src\/limits\.ts$/.test(path));

/** `NAME | value` of every exported constant of a limits module, as the page writes values. */
function limitRows(source: string): string[] {
  const file = ts.createSourceFile('limits.ts', source, ts.ScriptTarget.Latest, true);
  return file.statements.flatMap((statement) => {
    if (!ts.isVariableStatement(statement)) return [];
    if (!statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) return [];
    return statement.declarationList.declarations.map((declaration) => {
      const value = declaration.initializer?.getText() ?? '';
      const plain = /^[\d_]+$/.test(value) ? Number(value.replaceAll('_', '')).toLocaleString('en') : value;
      return `${declaration.name.getText()} | ${plain}`;
    });
  });
}

await t.test('docs/LIMITS.md has the values of the code', (t) => {
  const rows = [...read('docs/LIMITS.md').matchAll(/^\| `([A-Z0-9_]+)` \| ([^|]*) \|/gm)];
  const listed = new Set(rows.map(([, name = '', value = '']) => `${name} | ${value.trim()}`));
  const expected = limitModules.flatMap((path) => limitRows(read(path)));
  t.ok(expected.includes('FRAME_BYTES_MAX | 1,048,576'), 'values are read');
  t.same(expected.filter((row) => !listed.has(row)), []);
  t.end();
});

await t.test('docs/METRICS.md lists the metrics of the code, and no other', (t) => {
  const listed = [...read('docs/METRICS.md').matchAll(/^\| `([a-z_]+)` \|/gm)].map(([, name = '']) => name);
  const names = ['packages/kernel/src/metrics.ts', 'packages/gateway/src/metric-name.ts', 'packages/mailbox/src/metric-name.ts', 'packages/storage/src/metric-name.ts'].flatMap((path) => {
    const body = /export const (?:Gateway|Mailbox|Storage)?MetricName = \{([^}]*)\}/.exec(read(path))?.[1] ?? '';
    const found = [...body.matchAll(/: '([a-z_]+)'/g)].map(([, name = '']) => name);
    t.ok(found.length > 0, `names of ${path} are read`);
    return found;
  });
  t.same(listed.sort(), names.sort());
  t.end();
});

await t.test('files that docs/ARCHITECTURE.md names exist', (t) => {
  const named = [...read('docs/ARCHITECTURE.md').matchAll(/`([a-z][\w./-]*\.ts)`/g)].map(([, path = '']) => path);
  t.ok(named.length > 10, 'files are named');
  t.same(named.filter((path) => !files.includes(path) && !files.includes(`packages/kernel/src/${path}`)), []);
  t.end();
});

await t.test('ronctl looks where a node keeps its data', (t) => {
  const folderOf = (path: string) => /const DATA_FOLDER = '([^']+)';/.exec(read(path))?.[1];
  t.ok(folderOf('packages/node/src/config/settings.ts'));
  t.equal(folderOf('tools/ronctl/src/data-folder.ts'), folderOf('packages/node/src/config/settings.ts'));
  t.end();
});
