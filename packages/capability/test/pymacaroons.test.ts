import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import t from 'tap';

import { Grant } from '../src/grant.ts';
import { deriveKey, signChain } from '../src/macaroon/chain.ts';
import { encodeMacaroon } from '../src/macaroon/codec.ts';
import { recordsOf } from '../src/keyring.ts';
import { attenuateCapability, mintCapability } from '../src/mint.ts';
import { readToken, tokenFromText, tokenToText } from '../src/token.ts';
import { verifyCapability } from '../src/verify.ts';
import { contextOf, fixedKeyring, NOW, TENANT } from './samples.ts';

/*
 * Debian's python3-pymacaroons is an implementation by other people. Its Python is
 * the system's, which need not be the first one on the path.
 */
const python = ['/usr/bin/python3', 'python3'].find((command) => spawnSync(command, ['-c', 'import pymacaroons']).status === 0);

const SCRIPT = `
import json, sys
from pymacaroons import Macaroon, MACAROON_V2, Verifier
job = json.load(sys.stdin)
key = bytes.fromhex(job["key"])
out = {}
if "mint" in job:
    macaroon = Macaroon(location=job["location"], identifier=bytes.fromhex(job["identifier"]), key=key, version=MACAROON_V2)
    for caveat in job["mint"]:
        macaroon.add_first_party_caveat(caveat)
    out["minted"] = macaroon.serialize()
if "token" in job:
    macaroon = Macaroon.deserialize(job["token"])
    verifier = Verifier()
    for caveat in job["caveats"]:
        verifier.satisfy_exact(caveat)
    try:
        out["verified"] = verifier.verify(macaroon, key)
    except Exception as error:
        out["verified"] = False
        out["error"] = type(error).__name__
    for caveat in job.get("attenuate", []):
        macaroon.add_first_party_caveat(caveat)
    out["attenuated"] = macaroon.serialize()
print(json.dumps(out))
`;

interface Answer {
  readonly minted?: string;
  readonly verified?: boolean;
  readonly attenuated?: string;
}

function ask(job: object): Answer {
  const run = spawnSync(python ?? '', ['-W', 'ignore', '-c', SCRIPT], { input: JSON.stringify(job), encoding: 'utf8' });
  if (run.status !== 0) throw new Error(run.stderr);
  return JSON.parse(run.stdout) as Answer;
}

const keyring = fixedKeyring();
const key = recordsOf(keyring)[0]?.secret?.toString('hex') ?? '';
const minted = mintCapability(keyring, { tenant: TENANT, nowMs: NOW, apps: [16], verbs: ['send'], prefixes: ['orders/ä/'] });
const options = python === undefined ? { skip: 'PYMACAROONS IS NOT HERE: nothing was compared with it; apt-get install python3-pymacaroons' } : {};
if (python === undefined) t.comment(options.skip);

await t.test('what is minted and attenuated here is verified there', options, (t) => {
  const child = attenuateCapability(minted.bytes, { maxBytes: 100 });
  for (const [token, caveats] of [[minted.bytes, minted.caveats], [child, [...minted.caveats, 'max_bytes=100']]] as const) {
    t.match(ask({ key, token: tokenToText(token), caveats }), { verified: true });
    t.match(ask({ key, token: tokenToText(token), caveats: caveats.slice(1) }), { verified: false }, 'not without a caveat met');
    t.match(ask({ key: '00'.repeat(32), token: tokenToText(token), caveats }), { verified: false }, 'not with another key');
  }
  t.end();
});

await t.test('what is attenuated there is what is attenuated here, and is granted', options, (t) => {
  const { attenuated = '' } = ask({ key, token: minted.text, caveats: minted.caveats, attenuate: ['prefix=orders/ä/1/', 'max_bytes=100'] });
  t.equal(attenuated, tokenToText(attenuateCapability(minted.bytes, { prefixes: ['orders/ä/1/'], maxBytes: 100 })));
  const grant = verifyCapability(tokenFromText(attenuated), keyring, NOW);
  t.type(grant, Grant);
  t.equal((grant as Grant).check(16, 1, 'send', 'orders/ä/1/x', contextOf()), undefined);
  t.equal((grant as Grant).check(16, 1, 'send', 'orders/ä/2/x', contextOf()), 'cap_scope');
  t.end();
});

await t.test('what is minted there is the same, byte for byte', options, (t) => {
  const { identifier } = readToken(minted.bytes).macaroon;
  const job = { key, location: 'omnigate', identifier: Buffer.from(identifier).toString('hex'), mint: minted.caveats };
  t.equal(ask(job).minted, minted.text);
  const caveats = ['account = 3735928559', 'x'.repeat(300), ''];
  const rootKey = Buffer.from('this is the key');
  const macaroon = { location: Buffer.from('http://example.org/'), identifier: Buffer.from('keyid'), caveats: caveats.map((caveat) => Buffer.from(caveat)) };
  const bytes = encodeMacaroon({ ...macaroon, signature: signChain(deriveKey(rootKey), macaroon.identifier, macaroon.caveats) });
  const other = ask({ key: rootKey.toString('hex'), location: 'http://example.org/', identifier: macaroon.identifier.toString('hex'), mint: caveats });
  t.equal(other.minted, typeof bytes === 'string' ? bytes : tokenToText(bytes), 'any macaroon');
  t.end();
});

await t.test('the vectors say the same there', options, (t) => {
  const file = JSON.parse(readFileSync(new URL('../../../specs/vectors/capability.json', import.meta.url), 'utf8')) as {
    vectors: { kind: string; name: string; key: string; location: string | null; text: string; caveats: string[] }[];
  };
  const chains = file.vectors.filter(({ kind, location }) => kind === 'chain' && location !== null);
  t.ok(chains.length > 5);
  for (const { name, key: rootKey, text, caveats } of chains) {
    t.match(ask({ key: rootKey, token: text, caveats: caveats.map((hex) => Buffer.from(hex, 'hex').toString('utf8')) }), { verified: true, attenuated: text }, name);
  }
  t.end();
});
