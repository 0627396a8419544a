import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import fc from 'fast-check';
import t from 'tap';

import { Grant } from '../src/grant.ts';
import { Keyring, recordsOf } from '../src/keyring.ts';
import type { KeyState } from '../src/keyring.ts';
import { changeKeyringFile, createKeyringFile, readKeyring } from '../src/keyring-file.ts';
import { CLOCK_SKEW_MS, KEYS_MAX, RETIRED_KEYS_MAX, TTL_MS_CEILING, TTL_MS_MAX_DEFAULT } from '../src/limits.ts';
import { mintCapability } from '../src/mint.ts';
import { verifyCapability } from '../src/verify.ts';
import { NOW, TENANT } from './samples.ts';

const folder = await mkdtemp(join(tmpdir(), 'omnigate-keyring-'));
t.after(() => rm(folder, { recursive: true }));

const OVERLAP = TTL_MS_MAX_DEFAULT + 2 * CLOCK_SKEW_MS;
const states = (keyring: Keyring) => keyring.keys.map(({ state }) => state);
const kidOf = (keyring: Keyring, state: KeyState) => keyring.keys.find((key) => key.state === state)?.kid ?? '';
const secretsOf = (keyring: Keyring) => recordsOf(keyring).flatMap(({ secret }) => secret ?? []);

await t.test('rotating: next mints, active is believed until its last token has expired', (t) => {
  const first = Keyring.create({ nowMs: NOW });
  t.same(states(first), ['next', 'active']);
  const second = first.rotate({ nowMs: NOW + 1_000 });
  t.same(states(second), ['next', 'active', 'verify-only']);
  t.equal(second.active.kid, kidOf(first, 'next'));
  t.equal(second.find(first.active.kid)?.retireAtMs, NOW + 1_000 + OVERLAP);

  // A token minted at the last moment with the longest life is granted until it expires by itself.
  const last = mintCapability(first, { tenant: TENANT, nowMs: NOW + 1_000, ttlMs: TTL_MS_MAX_DEFAULT });
  const end = last.expiresAtMs + CLOCK_SKEW_MS;
  t.type(verifyCapability(last.bytes, second, end - 1), Grant);
  t.match(verifyCapability(last.bytes, second, end), { reason: 'cap_expired' });
  t.match(verifyCapability(last.bytes, second, NOW + 1_000 + OVERLAP), { reason: 'cap_kid' });
  // A node that has not heard of the rotation believes what the new key mints.
  t.type(verifyCapability(mintCapability(second, { tenant: TENANT, nowMs: NOW + 1_000 }).bytes, first, NOW + 1_000), Grant);

  const third = second.rotate({ nowMs: NOW + 1_000 + OVERLAP });
  t.same(states(third), ['next', 'active', 'verify-only', 'retired']);
  t.equal(kidOf(third, 'retired'), first.active.kid);
  t.equal(secretsOf(third).length, 3, 'the secret of a retired key is gone');
  t.end();
});

await t.test('whatever is rotated and when, every token lives out its life', (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 2 * OVERLAP }), { minLength: 1, maxLength: 12 }), fc.integer({ min: 1, max: TTL_MS_MAX_DEFAULT }), (pauses, ttlMs) => {
      let keyring = Keyring.create({ nowMs: NOW });
      let nowMs = NOW;
      const tokens: { readonly bytes: Buffer; readonly expiresAtMs: number }[] = [];
      for (const pause of pauses) {
        tokens.push(mintCapability(keyring, { tenant: TENANT, nowMs, ttlMs }));
        nowMs += pause;
        keyring = keyring.rotate({ nowMs });
        for (const { bytes, expiresAtMs } of tokens) {
          const isAlive = nowMs < expiresAtMs + CLOCK_SKEW_MS;
          if (verifyCapability(bytes, keyring, nowMs) instanceof Grant !== isAlive) return false;
        }
      }
      return true;
    }),
    { numRuns: 50 },
  );
  t.pass('every token was granted exactly as long as it lives');
  t.end();
});

await t.test('retiring', (t) => {
  const keyring = Keyring.create({ nowMs: NOW });
  const rotated = keyring.rotate({ nowMs: NOW });
  const old = keyring.active.kid;
  t.throws(() => keyring.retire(old, NOW), { code: 'key_unavailable', fix: /Rotate first/ });
  t.throws(() => rotated.retire(old, NOW + OVERLAP - 1), { code: 'key_unavailable', fix: /Wait until then, or force/ });
  t.throws(() => rotated.retire('f'.repeat(16), NOW), { code: 'key_unavailable' });
  t.same(states(rotated.retire(old, NOW + OVERLAP)), ['next', 'active', 'retired'], 'at its end');
  const forced = rotated.retire(old, NOW, true);
  t.same(states(forced), ['next', 'active', 'retired'], 'by force');
  t.throws(() => forced.retire(old, NOW, true), { code: 'key_unavailable' });
  const { bytes } = mintCapability(keyring, { tenant: TENANT, nowMs: NOW });
  t.match(verifyCapability(bytes, forced, NOW), { reason: 'cap_kid', detail: /retired/ });
  // Without a next key, rotating makes a new active one.
  const alone = keyring.retire(kidOf(keyring, 'next'), NOW);
  t.same(states(alone.rotate({ nowMs: NOW })), ['next', 'active', 'verify-only', 'retired']);
  t.end();
});

await t.test('a keyring is bounded', (t) => {
  let keyring = Keyring.create({ nowMs: NOW });
  for (let count = 2; count < KEYS_MAX; count++) keyring = keyring.rotate({ nowMs: NOW });
  t.equal(keyring.keys.length, KEYS_MAX);
  t.throws(() => keyring.rotate({ nowMs: NOW }), { code: 'list_full', fix: /Wait until verify-only keys have ended/ });
  for (let round = 1; round < RETIRED_KEYS_MAX + 20; round++) keyring = keyring.rotate({ nowMs: NOW + round * OVERLAP });
  t.equal(states(keyring).filter((state) => state === 'retired').length, RETIRED_KEYS_MAX);
  t.throws(() => Keyring.create({ nowMs: NOW, ttlMaxMs: TTL_MS_CEILING + 1 }), { code: 'ttl_too_long' });
  t.throws(() => Keyring.create({ nowMs: NOW, ttlMaxMs: 0 }), { code: 'ttl_too_long' });
  t.throws(() => Keyring.create({ nowMs: Number.NaN }), RangeError);
  t.equal(Keyring.create({ nowMs: NOW, ttlMaxMs: TTL_MS_CEILING }).active.ttlMaxMs, TTL_MS_CEILING);
  t.end();
});

await t.test('nothing that prints a keyring prints a secret', (t) => {
  const keyring = Keyring.create({ nowMs: NOW });
  const texts = [
    inspect(keyring, { depth: Infinity, showHidden: true, getters: true }),
    inspect(keyring.active, { depth: Infinity, showHidden: true }),
    JSON.stringify(keyring),
    JSON.stringify(keyring.keys),
    inspect(structuredClone(keyring.keys)),
  ].join('\n');
  t.match(texts, keyring.active.kid, 'they do print the key');
  for (const secret of secretsOf(keyring)) {
    for (const encoding of ['hex', 'base64url', 'base64', 'latin1'] as const) t.notOk(texts.includes(secret.toString(encoding)), encoding);
    t.notOk(texts.includes(inspect(secret).slice(8, 50)), 'as a buffer');
  }
  t.end();
});

await t.test('the file: comes back as it went, mode 0600, and nothing else is left', async (t) => {
  const path = join(folder, 'round.json');
  const keyring = Keyring.create({ nowMs: NOW, ttlMaxMs: 1_234 }).rotate({ nowMs: NOW }).rotate({ nowMs: NOW + 1_000_000 });
  await createKeyringFile(path, keyring);
  t.equal((await stat(path)).mode & 0o777, 0o600);
  const { keyring: read } = await readKeyring(path);
  t.strictSame(read.keys, keyring.keys);
  t.same(secretsOf(read), secretsOf(keyring));
  await t.rejects(createKeyringFile(path, keyring), { code: 'file_exists' });
  const before = await readKeyring(path);
  const changed = await changeKeyringFile(path, (ring) => ring.rotate({ nowMs: NOW + 2_000_000 }));
  t.strictSame((await readKeyring(path)).keyring.keys, changed.keys);
  t.not((await readKeyring(path)).version, before.version);
  await t.rejects(changeKeyringFile(path, (ring) => ring.retire('0'.repeat(16), NOW)), { code: 'key_unavailable' });
  t.strictSame((await readKeyring(path)).keyring.keys, changed.keys, 'a change that fails changes nothing');
  t.same((await readdir(folder)).filter((name) => name.startsWith('round')), ['round.json']);
});

await t.test('the file: refused when others could read it, with the command that helps', async (t) => {
  const path = join(folder, 'modes.json');
  await createKeyringFile(path, Keyring.create({ nowMs: NOW }));
  for (const mode of [0o640, 0o604, 0o660, 0o644, 0o777, 0o610, 0o601, 0o620, 0o602]) {
    await chmod(path, mode);
    await t.rejects(readKeyring(path), { code: 'file_mode', message: /chmod 600/ }, mode.toString(8));
  }
  for (const mode of [0o600, 0o400, 0o700]) {
    await chmod(path, mode);
    await t.resolves(readKeyring(path), mode.toString(8));
  }
  const link = join(folder, 'link.json');
  await symlink(path, link);
  await t.resolves(readKeyring(link), 'a link is judged by its target');
  await chmod(path, 0o644);
  await t.rejects(readKeyring(link), { code: 'file_mode' });
  await t.rejects(readKeyring(join(folder, 'absent.json')), { code: 'file_missing', message: /absent\.json does not exist/ });
});

await t.test('the file: damage is told without quoting a secret', async (t) => {
  const path = join(folder, 'damage.json');
  await createKeyringFile(path, Keyring.create({ nowMs: NOW }).rotate({ nowMs: NOW }));
  const text = await readFile(path, 'utf8');
  const secrets = [...text.matchAll(/"secret": "([^"]+)"/g)].map(([, secret = '']) => secret);
  t.equal(secrets.length, 3);
  const damages: readonly (readonly [string, string])[] = [
    ['empty', ''],
    ['cut', text.slice(0, -20)],
    ['no JSON', text.replace(':', '')],
    ['a list', '[]'],
    ['null', 'null'],
    ['format', text.replace('keyring-1', 'keyring-2')],
    ['kid', text.replace(/"kid": "./, '"kid": "x')],
    ['state', text.replace('"active"', '"actve"')],
    ['no active', text.replace('"active"', '"next"')],
    ['two active', text.replace('"next"', '"active"')],
    ['same kid', text.replaceAll(/"kid": "\w+"/g, '"kid": "0123456789abcdef"')],
    ['secret cut', text.replace(secrets[0] ?? '', (secrets[0] ?? '').slice(1))],
    ['secret with stray bits', text.replace(secrets[1] ?? '', `${(secrets[1] ?? '').slice(0, 42)}_`)],
    ['secret without its quotes', text.replace(`"${secrets[2] ?? ''}"`, `Z${secrets[2] ?? ''}`)],
    ['secret missing', text.replace(/,\s*"secret": "[^"]+"/, '')],
    ['ttl', text.replace('"ttl_max_ms": 3600000', '"ttl_max_ms": -1')],
    ['ttl too long', text.replace('"ttl_max_ms": 3600000', '"ttl_max_ms": 99999999999')],
    ['time', text.replace(/"created_at_ms": \d+/, '"created_at_ms": 1.5')],
    ['no end', text.replace(/"retire_at_ms": \d+,\s*/, '')],
    ['retired with a secret', text.replace('"verify-only"', '"retired"')],
    ['too many keys', JSON.stringify({ format: 'omnigate-keyring-1', keys: new Array(200).fill({}) })],
    ['too long', `${text}${' '.repeat(70_000)}`],
  ];
  for (const [name, damaged] of damages) {
    await writeFile(path, damaged);
    try {
      await readKeyring(path);
      t.fail(`${name} was accepted`);
    } catch (error) {
      t.match(error, { code: 'file_damaged', message: /damage\.json is not what was written: .*\. Restore/ }, name);
      const shown = inspect(error, { depth: Infinity });
      for (const secret of secrets) t.notOk(shown.includes(secret.slice(0, 6)), `${name}: no part of a secret`);
    }
  }
});
