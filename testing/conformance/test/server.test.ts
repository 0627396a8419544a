import { readFileSync } from 'node:fs';
import { CertificateAuthority, startNodeProcess, TemporaryFolder } from '@omnigate/harness';
import t from 'tap';
import type { Outcome } from '../src/case.ts';
import { oapspec } from './oapspec.ts';

using folder = new TemporaryFolder();
using authority = new CertificateAuthority();
const pair = authority.issue('node');
await using node = await startNodeProcess({ args: ['--oaps', '127.0.0.1:0', '--tls-cert', pair.cert, '--tls-key', pair.key] });

for (const [name, url, args] of [
  ['plain', node.url, []],
  ['TLS', node.tlsUrl, ['--ca', authority.ca]],
] as const) {
  await t.test(`a node passes every case over ${name}`, async (t) => {
    const file = folder.file(`${name}.json`);
    const { code, stdout, stderr } = await oapspec(url, ...args, '--json', file);
    const { outcomes } = JSON.parse(readFileSync(file, 'utf8')) as { outcomes: Outcome[] };
    t.same(outcomes.filter(({ verdict }) => verdict === 'failed'), []);
    t.equal(code, 0, stderr);
    t.ok(outcomes.filter(({ verdict }) => verdict === 'passed').length > 350, 'the cases were played');
    const skipped = outcomes.filter(({ verdict }) => verdict === 'skipped').map(({ message }) => message);
    t.same(new Set(skipped), new Set(['takes long: add --slow', `only for ${name === 'TLS' ? 'oap' : 'oaps'}:// URLs`]), 'nothing else is left out');
    t.match(stdout, /\d+ cases, \d+ passed, \d+ skipped, 0 failed in [\d.]+ s\n$/);
  });
}
