import t from 'tap';
import ts from 'typescript';

import { files, read } from './repository.ts';

const page = 'docs/LIMITS.md';
const modules = files.filter((path) => /(^|\/)src\/limits\.ts$/.test(path));

/** The names a limits module exports, and those without a sentence of reason before them. */
function limitsOf(path: string, source: string) {
  const file = ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true);
  const names: string[] = [];
  const unexplained: string[] = [];
  for (const statement of file.statements) {
    if (!ts.isVariableStatement(statement)) continue;
    if (!statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) continue;
    const comment = ts.getLeadingCommentRanges(source, statement.getFullStart())?.at(-1);
    // A heading of a group, with an empty line after it, is nobody's reason.
    const explained =
      comment !== undefined && !/\n\s*\n/.test(source.slice(comment.end, statement.getStart()));
    for (const { name } of statement.declarationList.declarations) {
      names.push(name.getText());
      if (!explained) unexplained.push(`${path}: ${name.getText()}`);
    }
  }
  return { names, unexplained };
}

await t.test('limits are found, and those that give no reason', (t) => {
  const source =
    '/** Why. */\nexport const A_MAX = 1;\n\n// Group\n\nexport const B_MAX = 2;\nconst C = 3;\n';
  t.same(limitsOf('limits.ts', source), {
    names: ['A_MAX', 'B_MAX'],
    unexplained: ['limits.ts: B_MAX'],
  });
  t.end();
});

await t.test('every limit gives its reason where it is defined', (t) => {
  t.ok(modules.length > 0, 'there are limits');
  t.same(modules.flatMap((path) => limitsOf(path, read(path)).unexplained), []);
  t.end();
});

await t.test(`every limit is listed in ${page}`, (t) => {
  if (!files.includes(page)) {
    t.fail(`${page} is missing: it lists each name that a limits.ts exports`);
    t.end();
    return;
  }
  const text = read(page);
  const missing = modules.flatMap((path) =>
    limitsOf(path, read(path))
      .names.filter((name) => !text.includes(`\`${name}\``))
      .map((name) => `${page} does not mention \`${name}\` of ${path}`),
  );
  t.same(missing, []);
  t.end();
});

await t.test(`${page} lists no limit that is gone`, (t) => {
  const names = new Set(modules.flatMap((path) => limitsOf(path, read(path)).names));
  // A limit is a name in capitals with at least one underscore, in code, opening a table row.
  const rows = files.includes(page) ? read(page).matchAll(/^\|\s*`([A-Z0-9]+_[A-Z0-9_]+)`/gm) : [];
  const gone = [...rows].map(([, name = '']) => name).filter((name) => !names.has(name));
  t.same(gone, []);
  t.end();
});
