import { mapOf } from '../body.ts';
import { Deviation, textOf } from '../deviation.ts';

/** The fields of a HELLO reply (§4.3) as the tool uses them. */
export interface HelloReply {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly maxFrame: number;
  readonly maxInflight: number;
  readonly maxInflightBytes: number;
  readonly supportedFlags: number;
  readonly initialWindow: number;
  readonly maxRatio: number;
  readonly maxDecompressed: number;
  readonly idleTimeoutMs: number;
}

/** Reads the body of a HELLO reply; a field that is wrong or missing is a deviation. */
export function readHelloReply(payload: Buffer): HelloReply {
  const fields = mapOf(payload, 'a HELLO reply', '4.3');
  const count = (name: string): number => {
    const value = fields[name];
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
    throw new Deviation(`an integer ${name} in the HELLO reply`, textOf(value), '4.3');
  };
  const ratio = fields.max_ratio;
  return {
    fields,
    maxFrame: count('max_frame'),
    maxInflight: count('max_inflight'),
    maxInflightBytes: count('max_inflight_bytes'),
    supportedFlags: count('supported_flags'),
    initialWindow: count('initial_window'),
    maxRatio: typeof ratio === 'number' ? ratio : count('max_ratio'),
    maxDecompressed: count('max_decompressed'),
    idleTimeoutMs: count('idle_timeout_ms'),
  };
}
