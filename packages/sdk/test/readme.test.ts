import { readFileSync } from 'node:fs';
import t from 'tap';
import * as sdk from '../src/index.ts';
import { ScriptedMailbox } from './fixtures/scripted-mailbox.ts';
import { ScriptedNode } from './fixtures/scripted-node.ts';
import { ScriptedStorage } from './fixtures/scripted-storage.ts';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
/** Code blocks, without what only a compiler or a module can do. */
const snippets = [...readme.matchAll(/^```js\n(.*?)^```/gms)].map(([, code = '']) =>
  code.replace(/^import .*$/m, '').replace('await using', 'const'),
);

await t.test('the snippets of the README do what they say', async (t) => {
  const services = [new ScriptedMailbox().script, new ScriptedStorage().script];
  await using node = await ScriptedNode.start({
    onFrame: (peer, frame) => services.map(({ onFrame }) => onFrame?.(peer, frame)).includes(true),
  });
  const written: string[] = [];
  const console = { log: (text: string) => written.push(text) };
  const process = { stdout: { write: (chunk: Uint8Array) => written.push(Buffer.from(chunk).toString()) } };
  const connect = (options: sdk.ConnectOptions = {}): Promise<sdk.Client> => sdk.connect({ url: node.url, ...options });
  const mint = (): Uint8Array => Buffer.from('a capability');
  t.equal(snippets.length, 5);
  const packed: string[] = [];
  const pack = (text: string, signal: AbortSignal): number => packed.push(`${text} ${String(signal.aborted)}`);
  const asyncFunction: object = async () => Promise.resolve();
  const AsyncFunction = Reflect.get(asyncFunction, 'constructor') as new (
    ...args: string[]
  ) => (...values: unknown[]) => Promise<sdk.Client[]>;
  const run = new AsyncFunction('connect', 'mint', 'pack', 'console', 'process', 'Buffer', `${snippets.join('\n')}\nreturn [client, renewing];`);
  const clients = await run(connect, mint, pack, console, process, Buffer);
  t.same(written, ['hello', 'still here', 'one ', 'by one', 'two apples', 'map']);
  for (const client of clients) await client.close();
});

await t.test('the README names every option', (t) => {
  const source = readFileSync(new URL('../src/options.ts', import.meta.url), 'utf8');
  const options = [...source.slice(0, source.indexOf('export interface CallTerms')).matchAll(/^ {2}readonly (\w+)\?:/gm)];
  t.ok(options.length > 10);
  for (const [, name = ''] of options) t.ok(readme.includes(`\`${name}`), name);
  t.end();
});
