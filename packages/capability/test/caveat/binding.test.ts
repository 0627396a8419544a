import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import t from 'tap';

import { certificateFingerprint, CHANNEL_BINDING, channelBindingOf } from '../../src/caveat/binding.ts';
import { Grant } from '../../src/grant.ts';
import { attenuateCapability, mintCapability } from '../../src/mint.ts';
import { verifyCapability } from '../../src/verify.ts';
import { contextOf, fixedKeyring, NOW, TENANT } from '../samples.ts';

const folder = mkdtempSync(join(tmpdir(), 'omnigate-binding-'));
t.after(() => {
  rmSync(folder, { recursive: true });
});
const files = { key: join(folder, 'key.pem'), cert: join(folder, 'cert.pem') };
execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=localhost', '-keyout', files.key, '-out', files.cert], { stdio: 'ignore' });
const tls = { key: readFileSync(files.key), cert: readFileSync(files.cert) };

/** Both ends of a new TLS 1.3 connection on which the client shows a certificate. */
async function connection(): Promise<{ client: TLSSocket; node: TLSSocket; close(): void }> {
  const server = createServer({ ...tls, minVersion: 'TLSv1.3', requestCert: true, rejectUnauthorized: false });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>;
  const client = connect({ host: '127.0.0.1', port, ...tls, rejectUnauthorized: false });
  const [[node]] = await Promise.all([accepted, once(client, 'secureConnect')]);
  return {
    client,
    node,
    close() {
      client.destroy();
      node.destroy();
      server.close();
    },
  };
}

const bindingOf = (socket: TLSSocket) => channelBindingOf(socket.exportKeyingMaterial(CHANNEL_BINDING.bytes, CHANNEL_BINDING.label, Buffer.alloc(0)));

await t.test('a client binds a token to its connection and certificate, and the token is of no use on another', async (t) => {
  const [own, other] = [await connection(), await connection()];
  t.teardown(() => {
    own.close();
    other.close();
  });
  t.equal(bindingOf(own.client), bindingOf(own.node), 'both ends see the same value');
  t.not(bindingOf(own.node), bindingOf(other.node), 'and another one on another connection');
  const certificate = certificateFingerprint(own.node.getPeerCertificate().raw);
  t.equal(certificate, new X509Certificate(tls.cert).fingerprint256.replaceAll(':', '').toLowerCase(), 'as openssl prints it');

  const keyring = fixedKeyring();
  const { bytes } = mintCapability(keyring, { tenant: TENANT, nowMs: NOW });
  const bound = attenuateCapability(bytes, { channelBinding: bindingOf(own.client), certificate });
  const grant = verifyCapability(bound, keyring, NOW);
  if (!(grant instanceof Grant)) throw new Error(grant.detail);
  const on = (socket: TLSSocket, shown: string | undefined) =>
    grant.check(1, 1, '', undefined, contextOf({ connection: { ...contextOf().connection, channelBinding: bindingOf(socket), certificate: shown } }));
  t.equal(on(own.node, certificate), undefined);
  t.equal(on(other.node, certificate), 'cap_binding');
  t.equal(on(own.node, undefined), 'cap_binding');
  t.equal(on(own.node, 'f'.repeat(64)), 'cap_binding');
  t.equal(grant.check(1, 1, '', undefined, contextOf()), 'cap_binding', 'without TLS');
});

await t.test('keying material of another length is a mistake', (t) => {
  t.throws(() => channelBindingOf(Buffer.alloc(31)), RangeError);
  t.end();
});
