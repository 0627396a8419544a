import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Something that must not be found where it does not belong. */
export interface Secret {
  readonly name: string;
  /** Every way in which it might be written. */
  readonly forms: readonly Buffer[];
}

/** Bytes as they are, in hexadecimal, and in both kinds of Base64. */
export function secretOf(name: string, bytes: Uint8Array): Secret {
  const raw = Buffer.from(bytes);
  // Inside a longer text Base64 depends on where the bytes begin; the last digit on what follows.
  const base64 = [0, 1, 2].flatMap((skipped) => {
    const from = raw.subarray(skipped, skipped + Math.floor((raw.length - skipped) / 3) * 3);
    return [from.toString('base64'), from.toString('base64url')];
  });
  return { name, forms: [raw, ...[raw.toString('hex'), raw.toString('hex').toUpperCase(), ...base64].map((text) => Buffer.from(text))] };
}

/** Somewhere to look, with a name for the finding. */
export interface Place {
  readonly name: string;
  readonly bytes: Buffer;
}

/** All files below a folder, named relative to it. */
export function filesBelow(folder: string): Place[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(folder, name)).isFile())
    .map((name) => ({ name, bytes: readFileSync(join(folder, name)) }));
}

/** `SECRET in PLACE` of everything that is found. */
export function findings(secrets: readonly Secret[], places: readonly Place[]): string[] {
  return secrets.flatMap(({ name, forms }) =>
    places.filter(({ bytes }) => forms.some((form) => bytes.includes(form))).map((place) => `${name} in ${place.name}`),
  );
}
