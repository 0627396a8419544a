import { readFileSync } from 'node:fs';
import t from 'tap';

import { parseAddress } from '../src/caveat/address.ts';
import { encodeCaveat, parseCaveat } from '../src/caveat/caveat.ts';
import { isPrefix, isTopic, prefixAdmits } from '../src/caveat/topic.ts';
import { Grant } from '../src/grant.ts';
import { deriveKey, signChain } from '../src/macaroon/chain.ts';
import { encodeMacaroon, parseMacaroon } from '../src/macaroon/codec.ts';
import { Keyring } from '../src/keyring.ts';
import type { KeyState } from '../src/keyring.ts';
import { RevocationList } from '../src/revocations.ts';
import { parseToken, tokenFromText, tokenToText } from '../src/token.ts';
import { CapabilityVerifier } from '../src/verifier.ts';
import { wordsOf } from './samples.ts';

interface Chain {
  readonly kind: 'chain';
  readonly name: string;
  readonly key: string;
  readonly location: string | null;
  readonly identifier: string;
  readonly caveats: readonly string[];
  readonly wire: string;
  readonly text: string;
}

interface Form {
  readonly kind: 'form';
  readonly name: string;
  readonly wire: string | readonly { readonly hex: string; readonly times?: number }[];
  readonly macaroon: boolean;
  readonly capability: boolean;
}

interface Spelling {
  readonly kind: 'caveat';
  readonly name: string;
  readonly bytes: string;
  readonly known: boolean;
}

interface TopicCase {
  readonly kind: 'topic';
  readonly name: string;
  readonly prefix: string;
  readonly topic: string;
  readonly admits: boolean;
}

interface RequestCase {
  readonly kind: 'request';
  readonly name: string;
  readonly token: string;
  readonly now_ms: number;
  readonly revocations?: readonly { readonly nonce?: string; readonly tenant?: string; readonly issued_until_ms?: number }[];
  readonly request: {
    readonly tenant: string;
    readonly app: number;
    readonly op: number;
    readonly verb: string;
    readonly topic?: string;
    readonly payload_bytes: number;
    readonly address?: string;
    readonly tls?: string;
    readonly cert?: string;
    readonly node: string;
    readonly aud: string;
  };
  readonly reason?: string;
}

interface KeyCase {
  readonly kid: string;
  readonly state: KeyState;
  readonly secret?: string;
  readonly ttl_max_ms: number;
  readonly retire_at_ms?: number;
}

type Vector = Chain | Form | Spelling | TopicCase | RequestCase;

const file = JSON.parse(readFileSync(new URL('../../../specs/vectors/capability.json', import.meta.url), 'utf8')) as {
  readonly keys: readonly KeyCase[];
  readonly vectors: readonly Vector[];
};

function ofKind<Kind extends Vector['kind']>(kind: Kind) {
  return file.vectors.filter((vector): vector is Extract<Vector, { kind: Kind }> => vector.kind === kind);
}

const bytes = (hex: string) => Buffer.from(hex, 'hex');
const hexOf = (value: Uint8Array | string | undefined) => (value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value);

await t.test('chains are the published and the independent bytes, both ways', (t) => {
  const vectors = ofKind('chain');
  t.ok(vectors.filter(({ name }) => name.startsWith('libmacaroons-')).length >= 3, 'the public vectors are there');
  for (const { name, key, location, identifier, caveats, wire, text } of vectors) {
    const parts = {
      location: location === null ? undefined : bytes(location),
      identifier: bytes(identifier),
      caveats: caveats.map(bytes),
    };
    const signature = signChain(deriveKey(bytes(key)), parts.identifier, parts.caveats);
    const encoded = encodeMacaroon({ ...parts, signature });
    t.equal(hexOf(encoded), wire, `${name}: bytes`);
    t.equal(tokenToText(bytes(wire)), text, `${name}: text`);
    t.equal(hexOf(tokenFromText(text)), wire, `${name}: back from text`);
    const parsed = parseMacaroon(bytes(wire));
    if (typeof parsed === 'string') t.fail(`${name}: ${parsed}`);
    else {
      t.equal(hexOf(parsed.location) ?? null, location, `${name}: location`);
      t.equal(hexOf(parsed.identifier), identifier, `${name}: identifier`);
      t.strictSame(parsed.caveats.map(hexOf), caveats, `${name}: caveats`);
      t.equal(hexOf(parsed.signature), hexOf(signature), `${name}: signature`);
    }
  }
  t.end();
});

await t.test('forms are accepted and refused', (t) => {
  const vectors = ofKind('form');
  t.ok(vectors.length > 40);
  for (const { name, wire, macaroon, capability } of vectors) {
    const whole = typeof wire === 'string' ? bytes(wire) : Buffer.concat(wire.map(({ hex, times = 1 }) => bytes(hex.repeat(times))));
    t.equal(typeof parseMacaroon(whole) !== 'string', macaroon, `${name}: macaroon`);
    t.equal(typeof parseToken(whole) !== 'string', capability, `${name}: capability`);
  }
  t.end();
});

await t.test('caveats are known or not, and have one spelling', (t) => {
  const vectors = ofKind('caveat');
  t.ok(vectors.length > 150);
  for (const { name, bytes: hex, known } of vectors) {
    const caveat = parseCaveat(bytes(hex));
    t.equal(caveat !== undefined, known, `${name}: ${JSON.stringify(bytes(hex).toString('utf8').slice(0, 80))}`);
    if (caveat !== undefined) t.equal(hexOf(encodeCaveat(caveat)), hex, `${name}: written again`);
  }
  t.end();
});

await t.test('prefixes admit topics', (t) => {
  const vectors = ofKind('topic');
  t.ok(vectors.length > 200);
  for (const { name, prefix, topic, admits } of vectors) {
    t.ok(isPrefix(prefix), `${name}: prefix`);
    t.equal(isTopic(topic) && prefixAdmits(prefix, topic), admits, `${name}: ${prefix} ${JSON.stringify(topic.slice(0, 40))}`);
  }
  t.end();
});

await t.test('requests are allowed and denied for their reasons', (t) => {
  const vectors = ofKind('request');
  t.ok(vectors.length > 100);
  const keyring = new Keyring(
    file.keys.map(({ kid, state, secret, ttl_max_ms: ttlMaxMs, retire_at_ms: retireAtMs }) => ({
      key: Object.freeze({ kid, state, createdAtMs: 0, ttlMaxMs, ...(retireAtMs === undefined ? {} : { retireAtMs }) }),
      secret: secret === undefined ? undefined : bytes(secret),
    })),
  );
  for (const { name, token, now_ms: nowMs, revocations = [], request, reason } of vectors) {
    let list = RevocationList.EMPTY;
    for (const { nonce, tenant = '', issued_until_ms: issuedUntilMs = 0 } of revocations) {
      list = list.add(nonce === undefined ? { tenant, issuedUntilMs } : { nonce }, nowMs, Infinity);
    }
    const verifier = new CapabilityVerifier(keyring, list);
    for (const round of ['computed', 'remembered']) {
      const verdict = verifier.verify(bytes(token), nowMs);
      const judged =
        verdict instanceof Grant
          ? verdict.check(request.app, request.op, request.verb, request.topic, {
              nowMs,
              tenant: wordsOf(request.tenant),
              payloadBytes: request.payload_bytes,
              connection: {
                address: request.address === undefined ? undefined : parseAddress(request.address),
                channelBinding: request.tls,
                certificate: request.cert,
                node: request.node,
                audience: request.aud,
              },
            })
          : verdict.reason;
      t.equal(judged, reason, `${name}, ${round}`);
    }
  }
  t.end();
});
