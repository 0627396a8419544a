import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNode } from '@omnigate/node';
import { answerParent } from '../process/worker-loop.ts';
import type { Address } from '../process/worker-protocol.ts';

/**
 * The node as `omnigate start` runs it, with every setting at its default but
 * the ports. `tls` on the command line makes it listen for TLS instead of TCP.
 */
const tls = process.argv[2] === 'tls';
const folder = mkdtempSync(join(tmpdir(), 'omnigate-performance-'));
process.on('exit', () => {
  rmSync(folder, { recursive: true, force: true });
});

const node = await createNode({
  data: join(folder, 'data'),
  admin: '127.0.0.1:0',
  ...(tls ? { oap: 'off', oaps: '127.0.0.1:0', ...selfSigned(folder) } : { oap: '127.0.0.1:0' }),
});

answerParent({
  address: (): Address => {
    const address = tls ? node.addresses.oaps : node.addresses.oap;
    if (address === undefined) throw new Error('the node does not listen');
    return address;
  },
});

/** A certificate for this run: Node.js can read certificates and not make them. */
function selfSigned(into: string): { tlsCert: string; tlsKey: string } {
  const files = { tlsCert: join(into, 'cert.pem'), tlsKey: join(into, 'key.pem') };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', files.tlsKey];
  execFileSync('openssl', ['req', '-x509', ...key, '-out', files.tlsCert, '-days', '2', '-subj', '/CN=localhost'], {
    stdio: 'ignore',
  });
  return files;
}
