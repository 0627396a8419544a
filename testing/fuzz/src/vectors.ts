import { readFileSync } from 'node:fs';

/** From src/ and from dist/ alike. */
const VECTORS = new URL('../../../specs/vectors/', import.meta.url);
const HEX = /^(?:[0-9a-f]{2})*$/;

/** The values of some fields of a file of test vectors, wherever they stand in it. */
function valuesOf(file: string, fields: readonly string[]): string[] {
  const values: string[] = [];
  JSON.parse(readFileSync(new URL(`${file}.json`, VECTORS), 'utf8'), (field, value: unknown) => {
    if (fields.includes(field) && typeof value === 'string') values.push(value);
    return value;
  });
  return values;
}

/** Bytes that stand in hexadecimal in those fields. */
export function vectorBytes(file: string, ...fields: readonly string[]): Uint8Array[] {
  return valuesOf(file, fields)
    .filter((text) => HEX.test(text))
    .map((text) => new Uint8Array(Buffer.from(text, 'hex')));
}

/** The UTF-8 of texts that stand in those fields. */
export function vectorTexts(file: string, ...fields: readonly string[]): Uint8Array[] {
  return valuesOf(file, fields).map((text) => new Uint8Array(Buffer.from(text, 'utf8')));
}

/** Words of a dictionary: texts, or bytes in an array. */
export function words(...entries: readonly (string | readonly number[])[]): Uint8Array[] {
  return entries.map((entry) => (typeof entry === 'string' ? new Uint8Array(Buffer.from(entry, 'utf8')) : Uint8Array.from(entry)));
}
