import { chmod, mkdtemp, readdir, readFile, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import t from 'tap';

import type { Denial } from '../src/denial.ts';
import { Grant } from '../src/grant.ts';
import { STORE_POLL_MS } from '../src/limits.ts';
import { attenuateCapability } from '../src/mint.ts';
import type { RevocationEvent } from '../src/revocations.ts';
import { CapabilityStore } from '../src/store.ts';
import type { StoreOptions } from '../src/store.ts';
import { readToken } from '../src/token.ts';
import { NOW, TENANT } from './samples.ts';

const base = await mkdtemp(join(tmpdir(), 'omnigate-store-'));
t.after(() => rm(base, { recursive: true }));
let folders = 0;

async function newStore(): Promise<string> {
  const folder = join(base, String(folders++), 'capability');
  await CapabilityStore.create(folder, { nowMs: NOW });
  return folder;
}

const open = (folder: string, auditLog = 'node', more: Partial<StoreOptions> = {}) =>
  CapabilityStore.open({ folder, auditLog, now: () => NOW, ...more });
const reasonOf = (verdict: Grant | Denial) => (verdict instanceof Grant ? 'granted' : verdict.reason);

async function until(holds: () => boolean, waitMs = 5_000): Promise<boolean> {
  const deadline = performance.now() + waitMs;
  while (!holds()) {
    if (performance.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return true;
}

await t.test('a new store is private, complete, and made once', async (t) => {
  const folder = await newStore();
  t.same((await readdir(folder)).sort(), ['audit', 'audit.key', 'keyring.json', 'revocations.json']);
  t.equal((await stat(folder)).mode & 0o777, 0o700);
  for (const name of ['audit.key', 'keyring.json', 'revocations.json']) t.equal((await stat(join(folder, name))).mode & 0o777, 0o600, name);
  await t.rejects(CapabilityStore.create(folder, { nowMs: NOW }), { code: 'file_exists' });
  // A crash in the middle of creating leaves a store without a keyring, which can be completed.
  await unlink(join(folder, 'keyring.json'));
  await CapabilityStore.create(folder, { nowMs: NOW });
  const store = await open(folder);
  await store.close();
  await t.rejects(open(join(base, 'absent')), { code: 'file_missing' });
});

await t.test('of two that make a store at one time, one does', async (t) => {
  const folder = join(base, String(folders++), 'capability');
  const made = await Promise.allSettled([0, 1].map(() => CapabilityStore.create(folder, { nowMs: NOW })));
  t.same(made.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  t.match(made.find(({ status }) => status === 'rejected'), { reason: { code: 'file_exists', message: /has a keyring/ } });
});

await t.test('a look at keys and revocations opens no log', async (t) => {
  const folder = await newStore();
  const store = await open(folder);
  const minted = await store.mint({ tenant: TENANT });
  const before = await readdir(CapabilityStore.auditFolder(folder));
  const verifier = await CapabilityStore.readVerifier(folder);
  t.type(verifier.verify(minted.bytes, NOW), Grant);
  await store.revokeToken(minted.nonce);
  t.equal(reasonOf((await CapabilityStore.readVerifier(folder)).verify(minted.bytes, NOW)), 'cap_revoked');
  t.same(await readdir(CapabilityStore.auditFolder(folder)), before);
  await store.close();
  await t.rejects(CapabilityStore.readVerifier(join(base, 'absent')), { code: 'file_missing' });
});

await t.test('mint, verify, revoke: at once in this process, and with everything attenuated', async (t) => {
  const store = await open(await newStore());
  const events: RevocationEvent[] = [];
  const stop = store.onRevocation((event) => events.push(event));
  const minted = await store.mint({ tenant: TENANT, apps: [16] });
  const child = attenuateCapability(minted.bytes, { verbs: ['send'] });
  const grant = store.verifier.verify(child, NOW);
  t.type(grant, Grant);
  t.equal(store.revocations.sequence, 0);
  await store.revokeToken(minted.nonce);
  t.equal(reasonOf(store.verifier.verify(child, NOW)), 'cap_revoked');
  t.equal(store.verifier.recheck(grant as Grant, NOW), 'cap_revoked');
  t.match(events, [{ sequence: 1, added: [{ nonce: minted.nonce, sequence: 1 }] }]);
  t.strictSame(structuredClone(events[0]), events[0], 'an event is plain data');

  const second = await store.mint({ tenant: TENANT });
  await store.revokeTenant(TENANT);
  t.equal(reasonOf(store.verifier.verify(second.bytes, NOW)), 'cap_revoked');
  t.equal(reasonOf(store.verifier.verify((await store.mint({ tenant: 'a'.repeat(32) })).bytes, NOW)), 'granted');
  stop();
  await store.revokeToken('f'.repeat(32));
  t.equal(events.length, 2, 'nobody listens any more');
  await t.rejects(store.revokeToken('x'), { code: 'caveat_invalid' });
  await t.rejects(store.revokeTenant('x'), { code: 'caveat_invalid' });
  await t.rejects(store.revokeTenant(TENANT, NOW + 60_001), { code: 'caveat_invalid' });
  await store.close();
});

await t.test('what another process does is seen, and told to open streams', async (t) => {
  const folder = await newStore();
  const node = await open(folder);
  const tool = await open(folder, 'ronctl');
  const events: RevocationEvent[] = [];
  node.onRevocation((event) => events.push(event));
  node.watch();
  node.watch();
  const minted = await tool.mint({ tenant: TENANT });
  const grant = node.verifier.verify(minted.bytes, NOW) as Grant;
  t.type(grant, Grant);

  const began = performance.now();
  await tool.revokeToken('e'.repeat(32));
  await tool.revokeToken(minted.nonce);
  t.ok(await until(() => node.verifier.recheck(grant, NOW) === 'cap_revoked'), 'the revocation arrived');
  t.comment(`after ${Math.round(performance.now() - began)} ms; the poll is every ${STORE_POLL_MS} ms`);
  t.equal(node.revocations.sequence, 2);
  t.same(events.flatMap(({ added }) => added.map(({ sequence }) => sequence)), [1, 2], 'each once, in order');

  const { active } = await tool.rotate();
  t.ok(await until(() => node.keyring.active.kid === active.kid), 'so did the rotation');
  t.equal(reasonOf(node.verifier.verify((await tool.mint({ tenant: TENANT })).bytes, NOW)), 'granted');
  await tool.retire(minted.kid, true);
  await node.refresh();
  t.equal(node.verifier.recheck(grant, NOW), 'cap_kid');
  await Promise.all([node.close(), tool.close()]);
  await node.close();
});

await t.test('changes of both processes add up', async (t) => {
  const folder = await newStore();
  const stores = [await open(folder), await open(folder, 'ronctl')] as const;
  const nonce = (n: number) => n.toString(16).padStart(32, '0');
  await Promise.all(Array.from({ length: 40 }, (_, n) => (n % 2 === 0 ? stores[0] : stores[1]).revokeToken(nonce(n))));
  await Promise.all(stores.map((store) => store.refresh()));
  for (const store of stores) {
    t.equal(store.revocations.sequence, 40);
    t.equal(store.revocations.entries.length, 40);
    await store.close();
  }
  const verdicts = await CapabilityStore.verifyAudit(folder);
  t.same([...verdicts].map(([log, { ok, lines }]) => [log, ok, lines]), [['node', true, 20], ['ronctl', true, 20]]);
});

await t.test('files that go bad leave what is known in force, and are told once', async (t) => {
  const folder = await newStore();
  const errors: { code?: string; message?: string }[] = [];
  const store = await open(folder, 'node', { onError: (error) => errors.push(error as Error) });
  const path = join(folder, 'revocations.json');
  const backup = await readFile(path, 'utf8');
  const minted = await store.mint({ tenant: TENANT });
  await store.revokeToken(minted.nonce);
  store.watch();

  await writeFile(path, backup);
  t.ok(await until(() => errors.length > 0));
  t.match(errors[0], { code: 'file_damaged', message: /sequence went back from 1 to 0/ });
  t.equal(reasonOf(store.verifier.verify(minted.bytes, NOW)), 'cap_revoked', 'an old backup revokes nothing back');
  await new Promise((resolve) => setTimeout(resolve, 3 * STORE_POLL_MS));
  t.equal(errors.length, 1);

  for (const [name, damage, code] of [
    ['mode', () => chmod(path, 0o644), 'file_mode'],
    ['text', async () => {
      await chmod(path, 0o600);
      await writeFile(path, '{"format":"omnigate-revocations-1","sequence":7,"entries":[{}]}');
    }, 'file_damaged'],
    ['absence', () => unlink(path), 'file_missing'],
  ] as const) {
    const before = errors.length;
    await damage();
    t.ok(await until(() => errors.length > before), name);
    t.equal(errors.at(-1)?.code, code, name);
    t.equal(reasonOf(store.verifier.verify(minted.bytes, NOW)), 'cap_revoked', name);
  }
  await t.rejects(store.refresh(), { code: 'file_missing' });
  await store.close();
});

await t.test('a revocation is kept until the last token it concerns has expired', async (t) => {
  const folder = await newStore();
  let nowMs = NOW;
  const store = await open(folder, 'node', { now: () => nowMs });
  await store.rotate({ ttlMaxMs: 7_200_000 });
  const minted = await store.mint({ tenant: TENANT, ttlMs: 3_600_000 });
  await store.revokeToken(minted.nonce);
  nowMs = minted.expiresAtMs + 59_999;
  await store.revokeToken('a'.repeat(32));
  t.equal(reasonOf(store.verifier.verify(minted.bytes, nowMs)), 'cap_revoked', 'to its last moment');
  nowMs = NOW + 7_200_000 + 120_000;
  await store.revokeToken('b'.repeat(32));
  t.same(store.revocations.entries.map(({ sequence }) => sequence), [2, 3], 'the first is forgotten');
  t.not(reasonOf(store.verifier.verify(minted.bytes, nowMs)), 'granted');
  await store.close();
});

await t.test('damage of the revocations file is told', async (t) => {
  const folder = await newStore();
  const path = join(folder, 'revocations.json');
  const entry = (more: object) => ({ sequence: 1, forget_at_ms: 1, nonce: '0'.repeat(32), ...more });
  const file = (more: object) => JSON.stringify({ format: 'omnigate-revocations-1', sequence: 3, entries: [], ...more });
  for (const [name, text] of [
    ['empty', ''],
    ['format', file({ format: 'omnigate-revocations-2' })],
    ['sequence', file({ sequence: -1 })],
    ['entries', file({ entries: {} })],
    ['entry', file({ entries: [1] })],
    ['beyond the sequence', file({ entries: [entry({ sequence: 4 })] })],
    ['order', file({ entries: [entry({ sequence: 2 }), entry({ sequence: 1 })] })],
    ['twice', file({ entries: [entry({}), entry({})] })],
    ['nonce', file({ entries: [entry({ nonce: 'x' })] })],
    ['neither', file({ entries: [{ sequence: 1, forget_at_ms: 1 }] })],
    ['tenant', file({ entries: [{ sequence: 1, forget_at_ms: 1, tenant: TENANT }] })],
    ['too many', file({ sequence: 20_000, entries: Array.from({ length: 16_385 }, (_, index) => entry({ sequence: index + 1 })) })],
    ['too long', `${file({})}${' '.repeat(4_194_304)}`],
  ] as const) {
    await writeFile(path, text);
    await t.rejects(open(folder), { code: 'file_damaged' }, name);
  }
  await writeFile(path, file({ entries: [entry({}), { sequence: 3, forget_at_ms: 9e15, tenant: TENANT, issued_until_ms: NOW }] }));
  const store = await open(folder);
  t.ok(store.revocations.isRevoked({ nonce: 'f'.repeat(32), tenant: TENANT, issuedAtMs: NOW }));
  await store.close();
  await writeFile(join(folder, 'audit.key'), 'short\n');
  await t.rejects(open(folder), { code: 'file_damaged' });
});

await t.test('no token, signature or key is in the audit log, and everything else is', async (t) => {
  const folder = await newStore();
  const store = await open(folder);
  const minted = await store.mint({ tenant: TENANT, apps: [16], prefixes: ['orders/'], ttlMs: 60_000 });
  await store.rotate();
  await store.retire(minted.kid, true);
  await store.revokeToken(minted.nonce);
  await store.revokeTenant(TENANT);
  store.audit.denied({ reason: 'cap_revoked', tenant: TENANT, app: 16, op: 1, peer: '192.0.2.7', kid: minted.kid, nonce: minted.nonce });
  await store.close();
  const [name = ''] = (await readdir(join(folder, 'audit'))).filter((file) => file.endsWith('.jsonl'));
  const text = await readFile(join(folder, 'audit', name), 'utf8');
  t.match(text.trimEnd().split('\n').map((line) => JSON.parse(line) as object), [
    { n: 1, at_ms: NOW, event: 'mint', kid: minted.kid, nonce: minted.nonce, tenant: TENANT, expires_at_ms: NOW + 60_000, caveats: [`tenant=${TENANT}`, `exp=${NOW + 60_000}`, 'app=16', 'prefix=orders/'] },
    { n: 2, event: 'rotate' },
    { n: 3, event: 'retire', kid: minted.kid, force: true },
    { n: 4, event: 'revoke', sequence: 1, nonce: minted.nonce },
    { n: 5, event: 'revoke', sequence: 2, tenant: TENANT, issued_until_ms: NOW },
    { n: 6, event: 'denial', reason: 'cap_revoked', tenant: TENANT, app: 16, op: 1, peer: '192.0.2.7', kid: minted.kid, nonce: minted.nonce },
  ]);
  const keyFile = await readFile(join(folder, 'keyring.json'), 'utf8');
  const secrets = [...keyFile.matchAll(/"secret": "([^"]+)"/g)].map(([, secret = '']) => Buffer.from(secret, 'base64url'));
  secrets.push(Buffer.from(readToken(minted.bytes).macaroon.signature), Buffer.from((await readFile(join(folder, 'audit.key'), 'utf8')).trim(), 'base64url'));
  t.equal(secrets.length, 4);
  for (const places of [text, inspect(store, { depth: Infinity, showHidden: true })]) {
    t.notOk(places.includes(minted.text));
    for (const secret of secrets) {
      for (const encoding of ['hex', 'base64', 'base64url', 'latin1'] as const) t.notOk(places.includes(secret.toString(encoding)), encoding);
    }
  }
});

await t.test('an audit log that cannot be written keeps a token from being given out', async (t) => {
  const store = await open(await newStore());
  await store.audit.close();
  await t.rejects(store.mint({ tenant: TENANT }), { code: 'audit_unavailable' });
  await t.rejects(store.revokeToken('a'.repeat(32)), { code: 'audit_unavailable' });
  t.ok(store.revocations.isRevoked({ nonce: 'a'.repeat(32), tenant: TENANT, issuedAtMs: NOW }), 'and no token from being revoked');
  await store.close();
});
