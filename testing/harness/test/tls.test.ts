import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { CAPABILITY_FOLDER, CapabilityStore, certificateFingerprint, CHANNEL_BINDING, channelBindingOf, readAuditTail } from '@omnigate/capability';
import { defineService } from '@omnigate/kernel';
import { APP_CONTROL, decodeErrorBody, encodeFrame, Flag, FrameDecoder } from '@omnigate/kernel/wire';
import { connect } from '@omnigate/sdk';
import type { Client } from '@omnigate/sdk';
import t from 'tap';
import { askAdmin, CertificateAuthority, RawPeer, readKeyPair, readMetrics, startNode } from '../src/index.ts';
import type { TestNode } from '../src/index.ts';

const authority = new CertificateAuthority();
const foreign = new CertificateAuthority();
t.teardown(() => {
  authority[Symbol.dispose]();
  foreign[Symbol.dispose]();
});

const server = authority.issue('server');
const bytes = new TextEncoder().encode('hello');
const client = readKeyPair(authority.issue('client'));

const startTlsNode = (options: { tlsClientCa?: string } = {}): Promise<TestNode> =>
  startNode({ oaps: '127.0.0.1:0', tlsCert: server.cert, tlsKey: server.key, ...options });

const connectTo = ({ oaps }: TestNode, tls: object = {}): Promise<Client> =>
  connect({ url: oaps.url, tls: { ca: authority.caPem, ...tls }, retry: false, connectTimeoutMs: 2_000 });

/** Opens TLS as told and says how it ended: `open`, or the code of the error. */
async function handshake({ oaps }: TestNode, options: ConnectionOptions): Promise<{ outcome: string; socket: TLSSocket }> {
  const socket = connectTls({ host: oaps.host, port: oaps.port, ca: authority.caPem, ...options });
  const outcome = await Promise.race([
    once(socket, 'secureConnect').then(
      () => 'open',
      (error: unknown) => (error as NodeJS.ErrnoException).code ?? String(error),
    ),
    once(socket, 'close').then(() => 'closed'),
  ]);
  socket.on('error', () => undefined);
  return { outcome, socket };
}

/** Waits until a refusal is counted; some alerts reach the peer before the node has booked them. */
async function rejected(node: TestNode, reason: string, count = 1): Promise<boolean> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if ((node.node.metrics.rejected.get(reason) ?? 0) >= count) break;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return node.node.metrics.rejected.get(reason) === count;
}

await t.test('the same service over TCP and TLS', async (t) => {
  await using node = await startTlsNode();
  await using client = await connectTo(node);
  t.same(Buffer.from(await client.echo(bytes)).toString(), 'hello');
  t.same(client.hello.transports, ['tcp', 'tls']);
  await using plain = await connect({ url: node.oap.url });
  t.same(Buffer.from(await plain.echo(bytes)).toString(), 'hello');
  const big = Buffer.alloc(5_000_000, 'omnigate');
  t.ok(big.equals(await client.echo(big)), 'more than a window');
  t.equal((await readMetrics(node.adminUrl)).get('requests_total{app="echo"}'), 3);
});

await t.test('a client that does not trust the node, or means another one', async (t) => {
  await using node = await startTlsNode();
  await t.rejects(connectTo(node, { ca: foreign.caPem }), { name: 'OapError', reason: 'connect_failed', detail: { kind: 'tls_ca' } });
  await t.rejects(connectTo(node, { servername: 'elsewhere.example' }), { name: 'OapError', reason: 'connect_failed', detail: { kind: 'tls_name' } });
  await t.rejects(connect({ url: node.oaps.url.replace('oaps', 'oap'), connectTimeoutMs: 2_000 }), { name: 'OapError', reason: 'connect_failed' });
  t.equal((await askAdmin(node.adminUrl, '/livez')).status, 200);
});

await t.test('ALPN is not optional', async (t) => {
  await using node = await startTlsNode();
  const other = await handshake(node, { ALPNProtocols: ['h2', 'http/1.1'] });
  t.match(other.outcome, /NO_APPLICATION_PROTOCOL/);
  t.ok(await rejected(node, 'tls_alpn'));
  const none = await handshake(node, {});
  if (none.outcome === 'open') await once(none.socket, 'close');
  t.ok(await rejected(node, 'tls_alpn', 2), 'a client without ALPN is closed');
  const right = await handshake(node, { ALPNProtocols: ['h2', 'oap/1'] });
  t.equal(right.outcome, 'open');
  t.equal(right.socket.alpnProtocol, 'oap/1');
  right.socket.destroy();
});

await t.test('TLS 1.3 or nothing', async (t) => {
  await using node = await startTlsNode();
  const old = await handshake(node, { ALPNProtocols: ['oap/1'], maxVersion: 'TLSv1.2' });
  t.match(old.outcome, /PROTOCOL_VERSION/);
  t.ok(await rejected(node, 'tls_client'));
  const current = await handshake(node, { ALPNProtocols: ['oap/1'] });
  t.equal(current.socket.getProtocol(), 'TLSv1.3');
  current.socket.destroy();
  const garbage = connectTcp(node.oaps.port, node.oaps.host);
  garbage.on('error', () => undefined);
  garbage.write('GET / HTTP/1.1\r\n\r\n');
  await once(garbage.resume(), 'close');
  t.ok(await rejected(node, 'tls_client', 2), 'HTTP on the TLS port');
});

await t.test('client certificates', async (t) => {
  await using node = await startTlsNode({ tlsClientCa: authority.ca });
  await using known = await connectTo(node, client);
  t.same(Buffer.from(await known.echo(bytes)).toString(), 'hello');
  await known.close();
  const refused: [string, object][] = [
    ['none', {}],
    ['expired', readKeyPair(authority.issue('expired', -1))],
    ['foreign', readKeyPair(foreign.issue('foreign'))],
  ];
  for (const [index, [what, tls]] of refused.entries()) {
    await t.rejects(connectTo(node, tls), { name: 'OapError' }, `${what} is refused`);
    t.ok(await rejected(node, 'tls_client', index + 1), `${what} is counted`);
  }
  t.equal(node.node.metrics.connections, 0);
});

await t.test('a renewed certificate is for new connections; old ones go on', async (t) => {
  const files = authority.issue('renewed');
  await using node = await startNode({ oaps: '127.0.0.1:0', tlsCert: files.cert, tlsKey: files.key });
  const fingerprint = async (): Promise<string> => {
    const { socket } = await handshake(node, { ALPNProtocols: ['oap/1'] });
    const { fingerprint256 } = socket.getPeerCertificate();
    socket.destroy();
    return fingerprint256;
  };
  await using old = await connectTo(node);
  const stream = old.stream(1, 0);
  await stream.write(bytes);
  const before = await fingerprint();
  authority.issue('renewed');
  t.equal(await fingerprint(), before, 'nothing changes by itself');
  t.ok(node.node.reload());
  const after = await fingerprint();
  t.not(after, before, 'new connections get the new certificate');
  await node.log.event('CertificateReloaded');
  t.same(Buffer.from(await old.echo(bytes)).toString(), 'hello', 'the old connection still works');
  await stream.end();
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  t.equal(Buffer.concat(parts).toString(), 'hello', 'and so does its open stream');

  writeFileSync(files.key, 'no key');
  t.notOk(node.node.reload(), 'files that do not work are refused');
  t.match(await node.log.event('CertificateRefused'), { level: 50 });
  t.equal(await fingerprint(), after, 'and the last good ones stay in use');
});

await t.test('row 33: a capability for another TLS channel or client certificate', async (t) => {
  await using node = await startNode({
    oaps: '127.0.0.1:0',
    tlsCert: server.cert,
    tlsKey: server.key,
    tlsClientCa: authority.ca,
    services: [defineService({ appProtoId: 40_000, name: 'safe', operations: { 0: () => 'open' } })],
  });
  const folder = join(node.data, CAPABILITY_FOLDER);
  const desk = await CapabilityStore.open({ folder, auditLog: 'ronctl' });
  const tenant = 'ab'.repeat(16);
  const channel = async (): Promise<{ binding: string; ask: (cap: Uint8Array) => Promise<string> }> => {
    const { socket } = await handshake(node, { ALPNProtocols: ['oap/1'], ...client });
    t.teardown(() => socket.destroy());
    const frames = new FrameDecoder();
    const next = async (): Promise<string> => {
      while (!frames.next()) {
        const [chunk] = (await once(socket, 'data')) as [Buffer];
        frames.feed(chunk, chunk.length);
      }
      const { header, buffer, payloadStart, payloadEnd } = frames;
      return header.code === 200 ? 'yes' : decodeErrorBody(header.code, buffer.subarray(payloadStart, payloadEnd), '').reason;
    };
    socket.write(encodeFrame({ app: APP_CONTROL, flags: Flag.REQ }));
    await next();
    return {
      binding: channelBindingOf(socket.exportKeyingMaterial(CHANNEL_BINDING.bytes, CHANNEL_BINDING.label, Buffer.alloc(0))),
      ask: (capability) => {
        socket.write(encodeFrame({ app: 40_000, flags: Flag.REQ | Flag.START | Flag.END, tenant, capability }));
        return next();
      },
    };
  };
  const [one, other] = [await channel(), await channel()];
  const { bytes: bound } = await desk.mint({ tenant, channelBinding: one.binding });
  t.equal(await one.ask(bound), 'yes');
  t.equal(await other.ask(bound), 'cap_binding', 'stolen');
  const certificate = (of: { cert: string }): string => certificateFingerprint(new X509Certificate(of.cert).raw);
  t.equal(await one.ask((await desk.mint({ tenant, certificate: certificate(client) })).bytes), 'yes');
  const another = certificate(readKeyPair(authority.issue('another')));
  t.equal(await one.ask((await desk.mint({ tenant, certificate: another })).bytes), 'cap_binding');
  const samples = await readMetrics(node.adminUrl);
  t.equal(samples.get('rejected_total{reason="cap_binding"}'), 2);
  const daysLeft = ((samples.get('tls_certificate_expiry_timestamp_seconds') ?? 0) * 1_000 - Date.now()) / 86_400_000;
  t.ok(daysLeft > 1.9 && daysLeft < 2.1, 'the certificate is good for two days');
  t.match(await node.log.event('CertificateExpires'), { level: 40 });
  await desk.close();
  const audited = async (): Promise<number> => (await readAuditTail(CapabilityStore.auditFolder(folder), 'node', 10)).filter((line) => line.includes('"cap_binding"')).length;
  for (let attempt = 0; attempt < 200 && (await audited()) < 2; attempt++) await new Promise((resolve) => setTimeout(resolve, 10));
  t.equal(await audited(), 2, 'and both are on record');
});

await t.test('a raw peer speaks TLS too', async (t) => {
  await using node = await startTlsNode();
  await using peer = await RawPeer.greeted(node.oaps, { ca: authority.caPem });
  peer.send({ flags: 1 | 8 | 16, app: 1, corrId: 2n ** 64n - 1n, payload: bytes });
  const reply = await peer.frame({ code: 200, corrId: 2n ** 64n - 1n });
  t.equal(Buffer.from(reply.payload).toString(), 'hello');
});
