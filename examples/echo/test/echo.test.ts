import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CertificateAuthority, cleanEnvironment, readMetrics, startNodeProcess } from '@omnigate/harness';
import t from 'tap';

const run = promisify(execFile);
const built = (name: string): string => fileURLToPath(new URL(`../dist/${name}.js`, import.meta.url));

/** Runs the client as a user would and returns what it printed. */
async function client(env: Record<string, string>): Promise<string> {
  const { stdout, stderr } = await run(process.execPath, [built('client')], { env: cleanEnvironment(env), timeout: 20_000 });
  return stdout + stderr;
}

await t.test('a service of one\'s own, whole, streamed and end to end, over TCP and TLS', async (t) => {
  using authority = new CertificateAuthority();
  const { cert, key } = authority.issue('server');
  const tls = ['--oaps', '127.0.0.1:0', '--tls-cert', cert, '--tls-key', key];
  await using node = await startNodeProcess({ args: ['--service', built('service'), ...tls] });
  const expected = 'whole: hello\nstreamed: one by one\nend to end: secret\n';
  t.equal(await client({ RON_NODE_URL: node.url }), expected, 'over TCP');
  t.equal(await client({ RON_NODE_URL: node.tlsUrl, RON_CA_FILE: authority.ca }), expected, 'over TLS');
  t.equal((await readMetrics(node.adminUrl)).get('requests_total{app="my-echo"}'), 6);
  t.same(await node.stop(), { code: 0, signal: null });
});
