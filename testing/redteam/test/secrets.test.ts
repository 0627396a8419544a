import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { CertificateAuthority, startNodeProcess, TemporaryFolder } from '@omnigate/harness';
import { connect } from '@omnigate/sdk';
import type { Client } from '@omnigate/sdk';
import t from 'tap';
import { ALICE, BOB, hello, part, request, start } from '../src/frames.ts';
import { until } from '../src/patience.ts';
import { Peer } from '../src/peer.ts';
import { Target } from '../src/target.ts';
import { filesBelow, findings, secretOf } from './secrets.ts';
import type { Place } from './secrets.ts';

const MAILBOX = 16;
const STORAGE = 17;
const FAULTY = 40_003;
/** What an application sends, and nobody else should read or write down. */
const body = randomBytes(24);
const ciphertext = randomBytes(24);
const payloads = [secretOf('payload', body), secretOf('ciphertext', ciphertext)];

/** A refusal is what is wanted: it is where secrets slip into words. */
async function refused(asked: Promise<unknown>): Promise<string> {
  try {
    await asked;
    return 'it was taken';
  } catch (error) {
    return String((error as Error).stack);
  }
}

/** Sends the payloads through every service, and into every kind of refusal; gives what was said about it. */
async function useEverything(client: Client): Promise<string[]> {
  await client.echo(body);
  await client.request(1, 0, ciphertext, { appE2e: true });
  const stream = client.stream(1, 0);
  await stream.write(body);
  stream.cancel();
  const topic = client.mailbox('secrets');
  await topic.send(body, { key: body.toString('hex'), headers: { secret: body.toString('base64') } });
  await topic.send(ciphertext, { e2e: true });
  for (const message of await topic.receive({ max: 2 })) await message.nack({ delayMs: 0 });
  const stored: Uint8Array[] = [];
  const put = client.stream(STORAGE, 3);
  await put.write(Buffer.of(0x80));
  await put.write(body);
  await put.end();
  for await (const chunk of put) stored.push(chunk);
  return [
    await refused(topic.send(ciphertext, { key: body.toString('hex') })),
    await refused(client.request(MAILBOX, 1, body)),
    await refused(client.request(STORAGE, 1, body)),
    await refused(client.request(FAULTY, 0, body)),
    await refused(client.request(FAULTY, 99, body)),
    await refused(client.request(39_999, 0, body)),
  ];
}

/** Sends a capability to where it has no business to be, whole and damaged. */
async function misplace(target: Target, capability: Uint8Array, expired: Uint8Array): Promise<void> {
  const damaged = Uint8Array.from(capability);
  damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1;
  const greeted = await Peer.greeted(target.oap);
  for (const [corr, cap] of [capability.subarray(0, 60), damaged, expired, capability].entries()) {
    greeted.send(request(corr + 1, body, { app: MAILBOX, code: 9, tenant: BOB, capability: cap }));
    await greeted.take(corr + 1);
  }
  greeted.send(start(10), part(10, capability, { tenant: BOB }));
  await greeted.take(10);
  greeted.destroy();
  const text = Buffer.from(capability).toString('base64url');
  for (const first of [capability, Buffer.from(`GET /?cap=${text} HTTP/1.1\r\n\r\n`), request(1, capability), hello({}, { capability: damaged, tenant: ALICE })]) {
    const peer = await Peer.connect(target.oap);
    peer.send(first);
    await peer.takeOrEnd(() => true);
    peer.destroy();
  }
  for (const path of [`/metrics?cap=${text}`, `/${text}`]) await fetch(target.node.adminUrl + path, { headers: { connection: 'close' } });
}

await t.test('no secret in logs, metrics, audit, errors, crash output and data', async (t) => {
  using authority = new CertificateAuthority();
  const { cert, key } = authority.issue('server');
  const tls = ['--oaps', '127.0.0.1:0', '--tls-cert', cert, '--tls-key', key];
  await using target = await Target.start({ services: ['faulty'], args: ['--log-level', 'trace', ...tls] });
  const capability = await target.desk.mint({ apps: [MAILBOX, STORAGE, FAULTY], ttlMs: 600_000 });
  const expired = target.desk.mintedAt(Date.now() - 7_200_000);
  const clientLog: string[] = [];
  const write = (...line: readonly unknown[]): void => {
    clientLog.push(JSON.stringify(line));
  };
  const logger = { debug: write, info: write, warn: write, error: write };
  const said: string[] = [];
  for (const [url, options] of [[target.node.url, {}], [target.node.tlsUrl.replace('127.0.0.1', 'localhost'), { tls: { ca: readFileSync(authority.ca) } }]] as const) {
    await using client = await connect({ url, cap: capability, logger, ...options });
    said.push(...(await useEverything(client)));
  }
  t.same(said.filter((text) => text === 'it was taken'), [], 'every refusal was provoked');
  await misplace(target, capability, expired);
  await target.desk.store.rotate();
  const revoked = await connect({ url: target.node.url, cap: capability, logger });
  await target.desk.store.revokeTenant(ALICE);
  await until('the node refuses what was revoked', async () => (await refused(revoked.mailbox('secrets').stats())).includes('cap_revoked'));
  await revoked.close();
  const served = await Promise.all(['/metrics', '/readyz', '/livez'].map(async (path) => (await fetch(target.node.adminUrl + path)).text()));
  const node = target.node;
  await node.stop();
  await target.desk.close();

  const files = filesBelow(dirname(target.capabilityFolder));
  const keys = keysIn(files);
  const words: Place[] = [
    { name: 'log', bytes: Buffer.from(JSON.stringify(node.log.entries)) },
    { name: 'standard error', bytes: Buffer.from(node.stderr) },
    { name: 'log of the client', bytes: Buffer.from(clientLog.join('\n')) },
    { name: 'errors', bytes: Buffer.from(said.join('\n')) },
    { name: 'metrics', bytes: Buffer.from(served.join('\n')) },
  ];
  t.ok(node.log.entries.length > 10 && clientLog.length > 0 && keys.length >= 3, 'there is something to search');
  // Whoever has the signature has the token; its other parts are not secret.
  const tokens = [capability, expired].map((token, n) => secretOf(`token ${n}`, token.subarray(-32)));
  t.same(findings([...tokens, ...keys, secretOf('TLS key', pemBytes(key)), ...payloads], words), [], 'nothing was written down or told');
  const elsewhere = files.filter(({ name }) => !/^capability\/(keyring\.json|audit\.key)$/.test(name));
  t.same(findings([...tokens, ...keys], elsewhere), [], 'tokens and keys are in no file but those of the keys');
  const unkept = files.filter(({ name }) => !/^(mailbox|storage)\//.test(name));
  t.same(findings(payloads, unkept), [], 'payloads are where they are kept, and nowhere else');

  // The search itself: what must be there is found.
  t.match(findings(payloads, files).join(), /payload in mailbox[^]*ciphertext in mailbox/, 'the mailbox has them');
  t.match(findings(keys, files), [/in capability\//], 'the keys are in their files');
});

await t.test('a node that cannot start does not repeat its keys', async (t) => {
  using folder = new TemporaryFolder();
  using authority = new CertificateAuthority();
  const { cert } = authority.issue('server');
  const damaged = folder.file('key.pem');
  const secret = randomBytes(48);
  writeFileSync(damaged, `-----BEGIN PRIVATE KEY-----\n${secret.toString('base64')}\n-----END PRIVATE KEY-----\n`);
  for (const key of [damaged, readFileSync(damaged, 'utf8')]) {
    const said = await refused(startNodeProcess({ args: ['--oaps', '127.0.0.1:0', '--tls-cert', cert, '--tls-key', key] }));
    t.match(said, /ended with 2: omnigate: .*(TLS|key)/i, 'it says what is wrong');
    t.same(findings([secretOf('TLS key', secret)], [{ name: 'its words', bytes: Buffer.from(said) }]), []);
  }
});

/** The secrets in the files of keys, which are written in Base64. */
function keysIn(files: readonly Place[]) {
  const text = (name: string): string => files.find((file) => file.name === name)?.bytes.toString() ?? '';
  const { keys } = JSON.parse(text('capability/keyring.json')) as { keys: { secret?: string }[] };
  const secrets = [...keys.flatMap(({ secret }) => secret ?? []), text('capability/audit.key').trim()];
  return secrets.map((secret, n) => secretOf(`key ${n}`, Buffer.from(secret, 'base64url')));
}

function pemBytes(path: string): Uint8Array {
  return Buffer.from(readFileSync(path, 'utf8').replace(/-----[^-]+-----|\s/g, ''), 'base64');
}
