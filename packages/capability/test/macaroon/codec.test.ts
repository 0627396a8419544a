import fc from 'fast-check';
import t from 'tap';

import { TOKEN_BYTES_MAX, TOKEN_CAVEATS_MAX } from '../../src/limits.ts';
import { deriveKey, extendChain, hmac, signChain } from '../../src/macaroon/chain.ts';
import { encodeMacaroon, parseMacaroon } from '../../src/macaroon/codec.ts';
import type { Macaroon } from '../../src/macaroon/codec.ts';

const anyBytes = (maxLength: number) => fc.uint8Array({ maxLength });
const anyMacaroon: fc.Arbitrary<Macaroon> = fc.record({
  location: fc.option(anyBytes(200), { nil: undefined }),
  identifier: anyBytes(300),
  caveats: fc.array(anyBytes(150), { maxLength: TOKEN_CAVEATS_MAX }),
  signature: fc.uint8Array({ minLength: 32, maxLength: 32 }),
});

function encoded(macaroon: Macaroon): Buffer {
  const bytes = encodeMacaroon(macaroon);
  if (typeof bytes === 'string') throw new Error(bytes);
  return bytes;
}

const plain = (macaroon: Macaroon) => ({
  location: macaroon.location && Buffer.from(macaroon.location),
  identifier: Buffer.from(macaroon.identifier),
  caveats: macaroon.caveats.map((caveat) => Buffer.from(caveat)),
  signature: Buffer.from(macaroon.signature),
});

const sample: Macaroon = {
  location: Buffer.from('omnigate'),
  identifier: Buffer.from('i'.repeat(31)),
  caveats: [Buffer.from('a=1'), Buffer.alloc(0), Buffer.from('b'.repeat(200))],
  signature: Buffer.alloc(32, 7),
};

await t.test('bytes written by hand', (t) => {
  const bytes = encoded({ location: undefined, identifier: Buffer.from('id'), caveats: [Buffer.from('c')], signature: Buffer.alloc(32, 0xaa) });
  t.equal(bytes.toString('hex'), `02 020269 64 00 020163 00 00 0620${'aa'.repeat(32)}`.replaceAll(' ', ''));
  t.end();
});

await t.test('every truncation is refused, and everything behind the end', (t) => {
  const bytes = encoded(sample);
  const verdicts = Array.from(bytes, (_, length) => parseMacaroon(bytes.subarray(0, length)));
  t.same(new Set(verdicts), new Set(['truncated']));
  for (const more of [0x00, 0x02, 0x06, 0xff]) t.equal(parseMacaroon(Buffer.concat([bytes, Buffer.of(more)])), 'trailing_bytes');
  t.end();
});

await t.test('a macaroon comes back as it went', (t) => {
  fc.assert(
    fc.property(anyMacaroon, (macaroon) => {
      const bytes = encodeMacaroon(macaroon);
      if (typeof bytes === 'string') return bytes === 'too_long';
      const parsed = parseMacaroon(bytes);
      t.strictSame(typeof parsed === 'string' ? parsed : plain(parsed), plain(macaroon));
      return true;
    }),
  );
  t.end();
});

await t.test('whatever is accepted has one encoding: it is written back byte for byte', (t) => {
  let accepted = 0;
  const check = (bytes: Uint8Array) => {
    const parsed = parseMacaroon(bytes);
    if (typeof parsed === 'string') return;
    accepted += 1;
    t.ok(Buffer.from(bytes).equals(encoded(parsed)), Buffer.from(bytes).toString('hex'));
  };
  // Damage of valid macaroons: bytes changed, inserted and removed, several at a time.
  const damage = fc.array(fc.tuple(fc.constantFrom('set', 'insert', 'remove'), fc.nat(300), fc.nat(255)), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(anyMacaroon, damage, (macaroon, steps) => {
      const bytes = encodeMacaroon(macaroon);
      if (typeof bytes === 'string') return;
      const list = [...bytes];
      for (const [step, at, value] of steps) {
        if (step === 'set') list[at % list.length] = value;
        else if (step === 'insert') list.splice(at % list.length, 0, value);
        else list.splice(at % list.length, 1);
      }
      check(Uint8Array.from(list));
    }),
    { numRuns: 3_000 },
  );
  t.ok(accepted > 100, `${accepted} damaged macaroons were other macaroons`);
  t.end();
});

await t.test('rubbish is refused by a fault, never by an exception, and in bounded time', (t) => {
  const field = fc.oneof(
    anyBytes(40),
    fc.constantFrom('00', '0200', '020000', '0620', '01', '02', '04', '06', '80', 'ff', 'ff7f', '8000', 'ffffffffffffffffff01').map((hex) => Buffer.from(hex, 'hex')),
  );
  const rubbish = fc.array(field, { maxLength: 120 }).map((parts) => Buffer.concat([Buffer.of(2), ...parts]));
  const millisecondsFor = (bytes: Uint8Array): number => {
    const began = performance.now();
    parseMacaroon(bytes);
    return performance.now() - began;
  };
  let slowest = { bytes: new Uint8Array(0), ms: 0 };
  fc.assert(
    fc.property(fc.oneof(rubbish, anyBytes(64)), (bytes) => {
      const ms = millisecondsFor(bytes);
      if (ms > slowest.ms) slowest = { bytes, ms };
      const parsed = parseMacaroon(bytes);
      return typeof parsed === 'string' || Buffer.from(bytes).equals(encoded(parsed));
    }),
    { numRuns: 5_000 },
  );
  // It is slow again if it is to blame; a machine that was busy for a moment is not.
  const again = Math.min(...Array.from({ length: 5 }, () => millisecondsFor(slowest.bytes)));
  t.ok(again < 50, `the slowest took ${again.toFixed(2)} ms`);
  for (const [name, bytes] of [
    ['caveats without end', Buffer.concat([Buffer.from('02020000', 'hex'), Buffer.from('020000'.repeat(100_000), 'hex')])],
    ['a megabyte', Buffer.alloc(1_048_576, 2)],
  ] as const) {
    t.equal(parseMacaroon(bytes), 'too_long', name);
  }
  t.end();
});

await t.test('bounds are where they are said to be', (t) => {
  const { signature } = sample;
  const caveats = (count: number) => Array.from({ length: count }, () => Buffer.from('c'));
  t.type(encodeMacaroon({ ...sample, caveats: caveats(TOKEN_CAVEATS_MAX) }), Buffer);
  t.equal(encodeMacaroon({ ...sample, caveats: caveats(TOKEN_CAVEATS_MAX + 1) }), 'too_many_caveats');
  t.equal(encodeMacaroon({ ...sample, signature: signature.subarray(1) }), 'bad_signature_length');
  const overhead = encoded({ ...sample, caveats: [Buffer.alloc(1_000)] }).length - 1_000;
  const full = { ...sample, caveats: [Buffer.alloc(TOKEN_BYTES_MAX - overhead)] };
  t.equal(encoded(full).length, TOKEN_BYTES_MAX);
  t.not(typeof parseMacaroon(encoded(full)), 'string');
  t.equal(encodeMacaroon({ ...sample, caveats: [Buffer.alloc(TOKEN_BYTES_MAX - overhead + 1)] }), 'too_long');
  t.equal(encodeMacaroon({ ...sample, caveats: [Buffer.alloc(20_000)] }), 'too_long');
  t.end();
});

await t.test('each kind of damage has its fault', (t) => {
  const end = `00 0620${'00'.repeat(32)}`;
  for (const [fault, hex] of [
    ['truncated', ''],
    ['bad_version', '01 020169 00'],
    ['bad_varint', `02 02 8000 00 ${end}`],
    ['bad_varint', `02 02 808001 00 ${end}`],
    ['bad_varint', `02 8200 00 ${end}`],
    ['truncated', '02 02 7f 69'],
    ['bad_field', `02 030169 00 ${end}`],
    ['bad_field', `02 010169 00 ${end}`],
    ['bad_field', `02 020169 020169 00 ${end}`],
    ['bad_field', `02 020169 00 060163 00 ${end}`],
    ['bad_field', `02 020169 00 020163 020164 00 ${end}`],
    ['bad_field', '02 020169 00 00 020163'],
    ['third_party', `02 020169 00 020163 040176 00 ${end}`],
    ['third_party', `02 020169 00 01016c 020163 040176 00 ${end}`],
    ['bad_signature_length', `02 020169 00 00 061f${'00'.repeat(31)}`],
    ['trailing_bytes', `02 020169 00 ${end} 00`],
  ] as const) {
    t.equal(parseMacaroon(Buffer.from(hex.replaceAll(' ', ''), 'hex')), fault, hex);
  }
  t.end();
});

await t.test('the chain is a fold: extending a shorter one gives the longer one', (t) => {
  fc.assert(
    fc.property(anyBytes(64), anyBytes(40), fc.array(anyBytes(20), { maxLength: 8 }), fc.nat(8), (key, identifier, caveats, cut) => {
      const derived = deriveKey(key);
      const whole = signChain(derived, identifier, caveats);
      const part = signChain(derived, identifier, caveats.slice(0, cut));
      return Buffer.from(whole).equals(extendChain(part, caveats.slice(cut)));
    }),
  );
  t.equal(hmac('key', 'The quick brown fox jumps over the lazy dog').toString('hex'), 'f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8');
  t.end();
});
