import { Deviation, textOf } from './deviation.ts';
import { decodeMessagePack } from './wire/messagepack.ts';

/** A body that has to be a map; JSON when it begins with `{`. */
export function mapOf(payload: Buffer, what: string, section: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = payload[0] === 0x7b ? (JSON.parse(payload.toString()) as unknown) : decodeMessagePack(payload);
  } catch (error) {
    throw new Deviation(`${what} that is a map`, `bytes that cannot be read: ${error instanceof Error ? error.message : String(error)}`, section);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value) || Buffer.isBuffer(value)) {
    throw new Deviation(`${what} that is a map`, textOf(value), section);
  }
  return value as Record<string, unknown>;
}
