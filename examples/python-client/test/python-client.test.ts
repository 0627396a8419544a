import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CAPABILITY_FOLDER, CapabilityStore } from '@omnigate/capability';
import { CertificateAuthority, cleanEnvironment, startNodeProcess, TemporaryFolder } from '@omnigate/harness';
import t from 'tap';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../', import.meta.url));

/** Runs Python as a user would, in the folder of the example, and returns what it printed. */
async function python(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const { stdout, stderr } = await run('python3', args, {
    cwd: root,
    env: cleanEnvironment({ PYTHONPATH: root, PYTHONDONTWRITEBYTECODE: '1', ...env }),
    timeout: 100_000,
  });
  return stdout + stderr;
}

await t.test('it agrees with the vectors', async (t) => {
  t.match(await python(['test/test_vectors.py']), /^Ran \d{2} tests[^]*^OK$/m);
});

await t.test('it talks with a node, over TCP and TLS', async (t) => {
  using folder = new TemporaryFolder();
  using authority = new CertificateAuthority();
  const { cert, key } = authority.issue('server');
  const data = folder.file('data');
  const tls = ['--oaps', '127.0.0.1:0', '--tls-cert', cert, '--tls-key', key];
  await using node = await startNodeProcess({ data, args: tls });
  await using desk = await CapabilityStore.open({ folder: join(data, CAPABILITY_FOLDER), auditLog: 'desk' });
  const { text } = await desk.mint({ tenant: '000102030405060708090a0b0c0d0e0f', apps: [16, 17], ttlMs: 600_000 });
  const env = { RON_NODE_URL: node.url, RON_CAP: text };
  const overTls = { ...env, RON_NODE_URL: node.tlsUrl.replace('127.0.0.1', 'localhost'), RON_CA_FILE: authority.ca };

  await t.test('every operation', async (t) => {
    t.match(await python(['test/test_node.py'], env), /^Ran \d{2} tests[^]*^OK$/m);
    t.match(await python(['test/test_node.py', 'Node.test_echo_of_every_size', 'Node.test_blobs_of_every_size'], overTls), /^OK$/m);
  });

  await t.test('the commands of its page', async (t) => {
    const client = (...args: string[]): Promise<string> => python(['-m', 'omnigate_client', ...args], env);
    t.match(await client('hello'), /^version: 1$/m);
    t.equal(await client('echo', 'hello'), 'hello\n');
    t.match(await client('send', 'orders/eu', 'one order'), /^\w{26}\n$/);
    t.equal(await client('receive', 'orders/eu', '--wait-ms', '10'), 'one order\n');
    const file = folder.file('map.bin');
    writeFileSync(file, 'a map');
    const id = (await client('put', file)).trim();
    t.equal(await client('get', id), 'a map');
  });

  await t.test('a refusal names the way out and ends with 1', async (t) => {
    const refused = python(['-m', 'omnigate_client', 'receive', 'orders/eu'], { RON_NODE_URL: node.url });
    await t.rejects(refused, { code: 1, stderr: /cap_missing[^]*Set RON_CAP/ });
    const malformed = python(['-m', 'omnigate_client', 'hello'], { ...env, RON_CAP: `${text}x` });
    await t.rejects(malformed, { code: 1, stderr: /cap_malformed|cap_invalid/ });
  });
});
