import { existsSync, readFileSync } from 'node:fs';
import { TemporaryFolder } from '@omnigate/harness';
import t from 'tap';
import { ronctl, run, RONCTL, textOf } from './run-ronctl.ts';

const page = readFileSync(new URL('../../../docs/CAPABILITIES.md', import.meta.url), 'utf8');

await t.test('the commands of docs/CAPABILITIES.md, from the first to the last, in one shell', async (t) => {
  using folder = new TemporaryFolder();
  const blocks = [...page.matchAll(/^```sh\n([^]*?)^```/gm)].map(([, block = '']) => block);
  t.ok(blocks.length > 8, 'there are some');
  // The command of this tree, also where it is not installed.
  const script = `npx() { shift; ${process.execPath} ${RONCTL} "$@"; }\nset -e\n${blocks.join('')}`;
  const result = await run('sh', ['-c', script], { cwd: folder.path });
  t.match(result, { code: 0, stderr: '' });
  t.match(textOf(result), /^valid +yes, and it allows this request$[^]*^Revoked the capability [^]*^Revoked all that tenant [^]*^ronctl: \d+ records, all right[^]* revoke sequence=2 /m);
  t.ok(existsSync(folder.file('.omnigate/capability/keyring.json')), 'where a node keeps its data');
});

await t.test('the page names every option of mint and verify, and every exit code', async (t) => {
  for (const command of ['mint', 'verify']) {
    const help = textOf(await ronctl(['cap', command, '--help']));
    const options = [...help.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map(([, option = '']) => option);
    t.ok(options.length > 10);
    t.same(options.filter((option) => !page.includes(option)), []);
  }
  const source = readFileSync(new URL('../src/exit-code.ts', import.meta.url), 'utf8');
  const codes = [...source.matchAll(/^ {2}[A-Z_]+: (\d),/gm)].map(([, code = '']) => code);
  t.same([...page.matchAll(/^\| (\d) \|/gm)].map(([, code]) => code), codes);
});
