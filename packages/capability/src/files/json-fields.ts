/** Reading of JSON that this package wrote: anything unexpected is damage, told by its name. */

/** Says what is wrong; the reader of a file turns it into an error with the path. */
export class FieldFault extends Error {}

export type JsonObject = Readonly<Record<string, unknown>>;

/** The object that `text` is. */
export function parseObject(text: string): JsonObject {
  try {
    return objectOf(JSON.parse(text), 'the file');
  } catch (error) {
    if (error instanceof FieldFault) throw error;
    // The message of JSON.parse quotes the text, and the text may be a secret.
    throw new FieldFault('it is not JSON');
  }
}

export function objectOf(value: unknown, what: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new FieldFault(`${what} is not an object`);
  return value as JsonObject;
}

export function arrayOf(object: JsonObject, name: string): readonly unknown[] {
  const value = object[name];
  if (!Array.isArray(value)) throw new FieldFault(`${name} is not a list`);
  return value;
}

/** A whole number from 0 to `max`. */
export function integerOf(object: JsonObject, name: string, max: number): number {
  const value = object[name];
  if (!Number.isSafeInteger(value) || (value as number) < 0 || (value as number) > max) throw new FieldFault(`${name} is not a whole number in range`);
  return value as number;
}

export function textOf(object: JsonObject, name: string, pattern: RegExp): string {
  const value = object[name];
  if (typeof value !== 'string' || !pattern.test(value)) throw new FieldFault(`${name} has not the right form`);
  return value;
}
