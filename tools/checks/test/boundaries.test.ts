import { ESLint } from 'eslint';
import t from 'tap';

import { manifestOf, packages, read, root } from './repository.ts';

const boundary = '@nx/enforce-module-boundaries';
const relative = 'import-x/no-relative-packages';
const unlisted = 'import-x/no-extraneous-dependencies';
const subpath = 'no-restricted-imports';
const rules = [boundary, relative, unlisted, subpath];

const eslint = new ESLint({ cwd: root });

/**
 * The rules of this page that a statement breaks when it stands in a file of the repository. The
 * file's text is given to ESLint in memory, under the real configuration: nothing is written, so
 * nothing can be left behind.
 */
async function broken(file: string, statement: string): Promise<string[]> {
  const [result] = await eslint.lintText(`${statement}\n`, { filePath: root + file });
  // A statement that cannot be parsed has no rule; it must not pass for one that breaks none.
  const reported = result?.messages.map(({ ruleId }) => ruleId ?? 'parse error') ?? ['not linted'];
  return [...rules, 'parse error', 'not linted'].filter((rule) => reported.includes(rule));
}

const kernel = 'packages/kernel/src/index.ts';
const gateway = 'packages/gateway/src/index.ts';
const sdk = 'packages/sdk/src/index.ts';
const node = 'packages/node/src/index.ts';
const ronctl = 'tools/ronctl/src/main.ts';
const example = 'examples/echo/src/client.ts';

await t.test('an import against the direction of the layers fails', async (t) => {
  for (const [file, target] of [
    [kernel, '@omnigate/gateway'],
    [kernel, '@omnigate/sdk'],
    [kernel, '@omnigate/node'],
    [gateway, '@omnigate/sdk'],
    [gateway, '@omnigate/node'],
    [sdk, '@omnigate/gateway'],
    [sdk, '@omnigate/node'],
    [node, '@omnigate/harness'],
    [ronctl, '@omnigate/kernel'],
    [ronctl, '@omnigate/node'],
    [example, '@omnigate/gateway'],
  ] as const) {
    for (const statement of [
      `import * as wrong from '${target}';`,
      `import type * as wrong from '${target}';`,
      `export { wrong } from '${target}';`,
      `await import('${target}');`,
    ]) {
      t.ok((await broken(file, statement)).includes(boundary), `${file}: ${statement}`);
    }
  }
});

await t.test('an import along the direction of the layers passes', async (t) => {
  for (const [file, target] of [
    [gateway, '@omnigate/kernel'],
    [sdk, '@omnigate/kernel/wire'],
    [node, '@omnigate/gateway'],
    [node, '@omnigate/kernel'],
    [ronctl, '@omnigate/sdk'],
    [example, '@omnigate/sdk'],
  ] as const) {
    t.same(await broken(file, `import * as right from '${target}';`), [], `${file}: ${target}`);
  }
});

await t.test('the client library sees of the kernel its codec alone', async (t) => {
  t.same(await broken(sdk, `import * as wrong from '@omnigate/kernel';`), [subpath]);
});

await t.test('a relative import into another package fails', async (t) => {
  for (const [file, target] of [
    [gateway, '../../kernel/src/index.ts'],
    [node, '../../gateway/src/index.ts'],
    [example, '../../../packages/sdk/src/index.ts'],
  ] as const) {
    const found = await broken(file, `import * as wrong from '${target}';`);
    t.ok(found.includes(boundary), `${file}: ${target} (${boundary})`);
    t.ok(found.includes(relative), `${file}: ${target} (${relative})`);
  }
  t.same(await broken(kernel, `import * as right from './wire/index.ts';`), []);
});

await t.test('a dependency that is only hoisted fails', async (t) => {
  for (const [file, target] of [
    [kernel, 'zod'],
    [gateway, 'commander'],
    [sdk, 'prom-client'],
    [node, 'picocolors'],
    [ronctl, 'zod'],
  ] as const) {
    for (const statement of [
      `import * as wrong from '${target}';`,
      `import type * as wrong from '${target}';`,
    ]) {
      t.same(await broken(file, statement), [unlisted], `${file}: ${statement}`);
    }
  }
  t.same(await broken(kernel, `import * as wrong from 'fast-check';`), [unlisted], 'a tool of the tests');
  t.same(await broken(kernel, `import * as wrong from 'tap';`), [unlisted], 'a tool of the root');
  t.same(await broken(kernel, `import * as right from 'pino';`), [], 'listed');
  t.same(await broken(kernel, `import * as right from 'node:net';`), [], 'built in');
});

await t.test('every package is of a layer whose directions are known', (t) => {
  const directions = read('eslint.config.js').matchAll(/^ {2}(\w+): \[/gm);
  const layers = new Set([...directions].map(([, name]) => name));
  for (const folder of packages) {
    const layer = manifestOf(folder).nx?.tags?.[0]?.replace('layer:', '');
    t.ok(layers.has(layer), `${folder}: ${String(layer)}`);
  }
  t.end();
});
