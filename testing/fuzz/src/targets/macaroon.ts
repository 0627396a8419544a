import { createHmac } from 'node:crypto';
import { attenuateCapability, CapabilityError, Grant, inspectCapability, Keyring, mintCapability, tokenFromText, tokenToText, verifyCapability } from '@omnigate/capability';
import { expect, Finding } from '../engine/target.ts';
import type { Target } from '../engine/target.ts';
import { loadInternal, modulesOf } from '../internals.ts';
import { findPymacaroons, Pymacaroons } from '../oracles/pymacaroons.ts';
import type { PythonMacaroon } from '../oracles/pymacaroons.ts';
import { vectorBytes, words } from '../vectors.ts';

interface Macaroon {
  readonly location: Uint8Array | undefined;
  readonly identifier: Uint8Array;
  readonly caveats: readonly Uint8Array[];
  readonly signature: Uint8Array;
}

interface Codec {
  readonly parseMacaroon: (bytes: Uint8Array) => Macaroon | string;
  readonly encodeMacaroon: (macaroon: Macaroon) => Buffer | string;
}

const NOW_MS = 1_767_225_600_000;
const SECRET = Uint8Array.from({ length: 32 }, (_, index) => index);
const KEY = Object.freeze({ kid: '0123456789abcdef', state: 'active', createdAtMs: NOW_MS, ttlMaxMs: 3_600_000 } as const);
/** Faults that pymacaroons has no opinion on: it takes longer tokens, numbers in any form and bytes behind the end. */
const OURS_ONLY: ReadonlySet<string> = new Set(['too_long', 'bad_varint', 'too_many_caveats', 'bad_signature_length', 'trailing_bytes', 'third_party']);

/**
 * Capabilities as bytes. What is taken encodes to the same bytes, is the same to
 * pymacaroons, and is granted only with the signature that node:crypto computes
 * for it; what pymacaroons takes is taken, but for what the specification forbids.
 */
export async function openMacaroon(): Promise<Target> {
  const { parseMacaroon, encodeMacaroon } = await loadInternal<Codec>('capability', 'macaroon/codec');
  const keyring = new Keyring([{ key: KEY, secret: Buffer.from(SECRET) }]);
  const found = findPymacaroons();
  const python = 'python' in found ? new Pymacaroons(found.python) : undefined;
  const minted = mintCapability(keyring, { tenant: '00112233445566778899aabbccddeeff', nowMs: NOW_MS, apps: [16], verbs: ['send'], prefixes: ['orders/'] }).bytes;
  return {
    name: 'macaroon',
    covers: [modulesOf('capability')],
    seeds: [minted, attenuateCapability(minted, { maxBytes: 100 }), ...vectorBytes('capability', 'wire', 'token', 'capability')],
    dictionary: words([2], [0], [0, 0], [1, 8], 'omnigate', [2, 31], [6, 32], [0, 6, 32], [4], [4, 24], [0x80, 1], [0x80, 0], [0xff, 0x7f], [0x80, 0x80, 1], 'tenant=', 'exp=', 'nbf=', 'app=16', 'prefix=a/'),
    bytesMax: 4_200,
    compareSkipped: 'missing' in found ? found.missing : undefined,
    run(input) {
      readAsText(input);
      const macaroon = parseMacaroon(input);
      const verdict = verifyCapability(input, keyring, NOW_MS);
      if (typeof macaroon === 'string') {
        expect(!(verdict instanceof Grant), 'forgery', () => `granted although the parser says ${macaroon}`);
        expect(inspect(input) === undefined, 'inspect', () => `inspected although the parser says ${macaroon}`);
        return false;
      }
      const again = encodeMacaroon(macaroon);
      expect(typeof again !== 'string' && Buffer.compare(again, input) === 0, 'round-trip', () => 'a macaroon encodes to other bytes');
      if (verdict instanceof Grant) {
        const chain = signatureOf(macaroon);
        expect(Buffer.compare(chain, macaroon.signature) === 0, 'forgery', () => 'granted with a wrong signature');
      }
      inspect(input);
      return true;
    },
    async compare(input) {
      if (python === undefined) return;
      const ours = parseMacaroon(input);
      const theirs = await python.read(input);
      if (typeof ours !== 'string') agree(ours, 'macaroon' in theirs ? theirs.macaroon : theirs.refused);
      else if ('macaroon' in theirs && input[0] === 2 && !OURS_ONLY.has(ours)) {
        throw new Finding('pymacaroons', `takes ${JSON.stringify(theirs.macaroon)}, which is refused here: ${ours}`);
      }
    },
    close: () => python?.close(),
  };
}

/** What it shows of a token must not steer a terminal. */
function inspect(input: Uint8Array): object | undefined {
  try {
    const shown = inspectCapability(input);
    for (const { text } of shown.caveats) expect(!/[\p{C}\p{Zl}\p{Zp}]/u.test(text), 'inspect', () => `shows ${JSON.stringify(text)}`);
    return shown;
  } catch (error) {
    if (error instanceof CapabilityError && error.code === 'cap_malformed') return undefined;
    throw error;
  }
}

/** The input as the text of a token: there is one text for given bytes. */
function readAsText(input: Uint8Array): void {
  const text = Buffer.from(input).toString('latin1');
  try {
    const bytes = tokenFromText(text);
    expect(tokenToText(bytes) === text, 'round-trip', () => 'a text is read that is not the one of its bytes');
  } catch (error) {
    if (!(error instanceof CapabilityError && error.code === 'cap_malformed')) throw error;
  }
}

/** The chain of libmacaroons, by node:crypto and nothing of ours. */
function signatureOf({ identifier, caveats }: Macaroon): Buffer {
  const hmac = (key: Uint8Array | string, data: Uint8Array) => createHmac('sha256', key).update(data).digest();
  return caveats.reduce<Buffer>((key, caveat) => hmac(key, caveat), hmac(hmac('macaroons-key-generator', SECRET), identifier));
}

/** That pymacaroons reads the same macaroon. @throws Finding */
export function agree(ours: Macaroon, theirs: PythonMacaroon | string): void {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  if (typeof theirs === 'string') {
    // It wants text where the format has bytes.
    if (theirs.startsWith('UnicodeDecodeError')) return;
    throw new Finding('pymacaroons', `refuses what is taken here: ${theirs}`);
  }
  const same =
    theirs.location === hex(ours.location ?? new Uint8Array(0)) && theirs.identifier === hex(ours.identifier) &&
    theirs.signature === hex(ours.signature) && theirs.caveats.length === ours.caveats.length &&
    theirs.caveats.every((caveat, nth) => caveat === hex(ours.caveats[nth] as Uint8Array));
  expect(same, 'pymacaroons', () => `reads ${JSON.stringify(theirs)}`);
}
