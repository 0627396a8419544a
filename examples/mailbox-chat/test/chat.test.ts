import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment, startNodeProcess, TemporaryFolder } from '@omnigate/harness';
import t from 'tap';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const repository = fileURLToPath(new URL('../../..', import.meta.url));
/** What the README says to type into each terminal, which has the commands of this tree. */
const [, commands = ''] = /^```sh\n(export [^]*?)```/m.exec(readme) ?? [];
const PRELUDE = `npx() { shift; ${process.execPath} ${repository}tools/ronctl/bin/ronctl.js "$@"; }\nset -e\n`;
const LINES = 30;

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(10);
}

/** A terminal, and somebody at it who types on after every crash. */
class Terminal {
  /** What the screen showed, for each time it was started. */
  readonly screens: string[][] = [];
  said = 0;
  readonly #me: string;
  readonly #script: string;
  readonly #folder: string;
  readonly #url: string;
  #child: ChildProcess | undefined;
  #up: Promise<void> = Promise.resolve();

  constructor(me: string, peer: string, folder: string, url: string) {
    this.#me = me;
    this.#folder = folder;
    this.#url = url;
    this.#script = PRELUDE + commands.replace(/^node (\S+) alice bob$/m, `exec ${process.execPath} $1 ${me} ${peer}`);
  }

  /** Kills it, if it runs, and starts it; resolves when it takes lines. */
  restart(): Promise<void> {
    this.#up = this.#restart();
    return this.#up;
  }

  async #restart(): Promise<void> {
    await this.kill();
    const env = cleanEnvironment({ RON_NODE_URL: this.#url, OMNIGATE_DATA: join(this.#folder, 'data') });
    const child = spawn('sh', ['-c', this.#script], { cwd: this.#folder, env, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    child.stdin.on('error', () => undefined);
    let complaints = '';
    child.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()));
    const screen: string[] = [];
    this.screens.push(screen);
    createInterface(child.stdout).on('line', (line) => screen.push(line));
    await until(() => screen.some((line) => line.startsWith('---')) || child.exitCode !== null);
    if (child.exitCode !== null) throw new Error(`${this.#me} ended with ${child.exitCode}: ${complaints}`);
  }

  async kill(): Promise<void> {
    if (this.#child === undefined || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'close');
  }

  /** Types lines, each until it stands on the screen: what was typed into a terminal that died before is typed again. */
  async type(lines: readonly string[]): Promise<void> {
    for (const line of lines) {
      const stands = (): boolean => this.screens.some((screen) => screen.includes(`${this.#me}: ${line}`));
      while (!stands()) {
        await this.#up;
        const child = this.#child;
        if (stands() || child === undefined) break;
        child.stdin?.write(`${line}\n`);
        await until(() => stands() || child.signalCode !== null);
        // Its end is seen before the start of the next one is.
        await sleep(10);
      }
      this.said++;
    }
  }

  /** Lines of the other one in the order in which they came up, those that only a restart showed included. */
  heard(from: string): string[] {
    return [...new Set(this.screens.flat().filter((line) => line.startsWith(`${from}: `)))];
  }

  /** Lines that came up twice, without what a restart shows of earlier. */
  heardTwice(from: string): string[] {
    const live = this.screens.flatMap((screen) => screen.slice(screen.findIndex((line) => line.startsWith('---'))));
    const lines = live.filter((line) => line.startsWith(`${from}: `));
    return lines.filter((line, index) => lines.indexOf(line) !== index);
  }
}

await t.test('two terminals talk as the README says, and nothing is lost or shown twice, whoever is killed', async (t) => {
  using folder = new TemporaryFolder();
  symlinkSync(join(repository, 'examples'), folder.file('examples'));
  let node = await startNodeProcess({ data: folder.file('data') });
  const { url } = node;
  const restartNode = async (): Promise<void> => {
    await node[Symbol.asyncDispose]();
    node = await startNodeProcess({ data: folder.file('data'), args: ['--oap', url.replace('oap://', '')] });
  };
  const alice = new Terminal('alice', 'bob', folder.path, url);
  const bob = new Terminal('bob', 'alice', folder.path, url);
  t.teardown(async () => {
    await Promise.all([alice.kill(), bob.kill(), node[Symbol.asyncDispose]()]);
  });
  await alice.restart();
  await bob.restart();

  const lines = Array.from({ length: LINES }, (_, i) => `line ${i + 1}`);
  const killing = async (): Promise<void> => {
    await until(() => alice.said > 5);
    await alice.restart();
    await until(() => bob.said > 10);
    await restartNode();
    await until(() => alice.said > 15);
    await bob.restart();
    await until(() => alice.said > 20);
    await Promise.all([alice.kill(), bob.kill(), restartNode()]);
    await alice.restart();
    await bob.restart();
  };
  await Promise.all([alice.type(lines), bob.type(lines), killing()]);
  await until(() => alice.heard('bob').length >= LINES && bob.heard('alice').length >= LINES);

  for (const [side, from] of [[alice, 'bob'], [bob, 'alice']] as const) {
    t.same(side.heard(from), lines.map((line) => `${from}: ${line}`), `all lines of ${from}, in order`);
    t.same(side.heardTwice(from), [], `no line of ${from} twice`);
    t.equal(side.screens.length, 3);
  }
});
