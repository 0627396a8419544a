import { OapError, Reject } from '@omnigate/kernel/wire';

/** A map that came from the node: any of it may be missing or of another type. */
export type Fields = Readonly<Record<string, unknown>>;

/** The error for a field that is not what its specification says. */
export function badField(name: string): OapError {
  return new OapError(Reject.bad_response, { message: `The node answered without a proper field '${name}'.`, detail: { field: name } });
}

export function readText(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value !== 'string') throw badField(name);
  return value;
}

export function readOptionalText(fields: Fields, name: string): string | undefined {
  return fields[name] === undefined ? undefined : readText(fields, name);
}

export function readBytes(fields: Fields, name: string): Uint8Array {
  const value = fields[name];
  if (!(value instanceof Uint8Array)) throw badField(name);
  return value;
}

export function readOptionalBytes(fields: Fields, name: string): Uint8Array | undefined {
  return fields[name] === undefined ? undefined : readBytes(fields, name);
}

/** An integer from 0 to 2^53 - 1. */
export function readCount(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw badField(name);
  return value;
}

export function readOptionalCount(fields: Fields, name: string): number | undefined {
  return fields[name] === undefined ? undefined : readCount(fields, name);
}

export function readFlag(fields: Fields, name: string): boolean {
  const value = fields[name];
  if (typeof value !== 'boolean') throw badField(name);
  return value;
}

export function readList(fields: Fields, name: string): readonly unknown[] {
  const value: unknown = fields[name];
  if (!Array.isArray(value)) throw badField(name);
  return value;
}

/** A map inside a map, or inside a list that `name` names. */
export function asFields(value: unknown, name: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array) throw badField(name);
  return value as Fields;
}

/** The member of a list of words that the field is. */
export function readWord<T extends string>(fields: Fields, name: string, words: readonly T[]): T {
  const value = words.find((word) => word === fields[name]);
  if (value === undefined) throw badField(name);
  return value;
}
