import { createHash } from 'node:crypto';

/** Bytes of the `number`-th file, which no other file has. */
export function fileContent(number: number, bytes: number): Buffer {
  return Buffer.alloc(bytes, createHash('sha512').update(String(number)).digest());
}
