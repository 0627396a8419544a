import { existsSync, readFileSync } from 'node:fs';
import { startNodeProcess, TemporaryFolder } from '@omnigate/harness';
import t from 'tap';
import { ronctl, run, RONCTL, textOf } from './run-ronctl.ts';

const pageOf = (name: string): string => readFileSync(new URL(`../../../docs/${name}`, import.meta.url), 'utf8');
const page = pageOf('CAPABILITIES.md');

/** The commands of a page, from the first to the last, for one shell that has the command of this tree, also where it is not installed. */
function scriptOf(text: string): string {
  const blocks = [...text.matchAll(/^```sh\n([^]*?)^```/gm)].map(([, block = '']) => block);
  return `npx() { shift; ${process.execPath} ${RONCTL} "$@"; }\nset -e\n${blocks.join('')}`;
}

await t.test('the commands of docs/CAPABILITIES.md, from the first to the last, in one shell', async (t) => {
  using folder = new TemporaryFolder();
  const result = await run('sh', ['-c', scriptOf(page)], { cwd: folder.path });
  t.match(result, { code: 0, stderr: '' });
  t.match(textOf(result), /^valid +yes, and it allows this request$[^]*^Revoked the capability [^]*^Revoked all that tenant [^]*^ronctl: \d+ records, all right[^]* revoke sequence=2 /m);
  t.ok(existsSync(folder.file('.omnigate/capability/keyring.json')), 'where a node keeps its data');
});

await t.test('the commands of docs/MAILBOX.md, beside a node', async (t) => {
  using folder = new TemporaryFolder();
  await using node = await startNodeProcess({ data: folder.file('.omnigate') });
  const result = await run('sh', ['-c', scriptOf(pageOf('MAILBOX.md'))], { cwd: folder.path, env: { RON_NODE_URL: node.url } });
  t.match(result, { code: 0, stderr: '' });
  t.match(textOf(result), /^There is no topic yet[^]*(\S+ \(sent before\)\n){3}two apples\n(\{.*\}\n){3}TOPIC [^]*"pears": 3[^]*^Moved 0 from [^]*^Purged 1 from orders\.\n$/m);
});

await t.test('the commands of docs/STORAGE.md, beside a node', async (t) => {
  using folder = new TemporaryFolder();
  await using node = await startNodeProcess({ data: folder.file('.omnigate') });
  const result = await run('sh', ['-c', scriptOf(pageOf('STORAGE.md'))], { cwd: folder.path, env: { RON_NODE_URL: node.url } });
  t.match(result, { code: 0, stderr: '' });
  t.match(textOf(result), /^There is no blob yet[^]*^1\n2\n3\n4\n5\n0000\nb3m:\S+ yes\nid +b3m:[^]*^pinned_bytes [^]* pinned until [^]* unpinned\nRemoved 0 blobs, 0 B\.\nChecked 2 blobs, [^]*; 0 damaged\.\n$/m);
});

const PAGES = { 'MAILBOX.md': ['mailbox', 'send'], 'STORAGE.md': ['storage', 'put'] };

for (const [name, command] of Object.entries(PAGES)) {
  await t.test(`docs/${name} names every option of ${command.join(' ')}`, async (t) => {
    const help = textOf(await ronctl([...command, '--help']));
    const options = [...help.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, option = '']) => option);
    const ofConnections = ['--token-file', '--ca', '--cert', '--key', '--servername', '--timeout', '--json'];
    t.same(options.filter((option) => !ofConnections.includes(option) && !pageOf(name).includes(option)), []);
  });
}

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
