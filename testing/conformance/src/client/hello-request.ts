import { mapOf } from '../body.ts';
import { expectSame, expectThat, textOf } from '../deviation.ts';
import { CONTROL, Control, describeFrame, Flag } from '../wire/frame.ts';
import type { Frame } from '../wire/frame.ts';

/** The HELLO of a client, with the defaults of §4.2. */
export interface HelloRequest {
  readonly frame: Frame;
  readonly json: boolean;
  readonly maxFrame: number;
  readonly initialWindow: number;
  readonly supportedFlags: number;
}

const FRAME_BYTES_MAX = 4_096;
const INITIAL_WINDOW_MIN = 1_024;
const LIST_MAX = 16;
const TEXT_MAX = 128;

/** Reads a HELLO; whatever a node would refuse is a deviation. */
export function readHelloRequest(frame: Frame): HelloRequest {
  const isHello = (frame.flags & Flag.REQ) !== 0 && frame.app === CONTROL && frame.code === Control.HELLO;
  expectThat(isHello, 'a HELLO as the first frame', describeFrame(frame), '4');
  expectThat(frame.len <= FRAME_BYTES_MAX, 'a HELLO of at most 4,096 bytes', `${frame.len} bytes`, '4');
  const json = frame.payload[0] === 0x7b;
  const fields = frame.payload.length === 0 ? {} : mapOf(frame.payload, 'a HELLO body', '4.1');
  const count = (name: string, fallback: number): number => {
    const value = fields[name] === undefined ? fallback : fields[name];
    expectThat(typeof value === 'number' && Number.isSafeInteger(value) && value >= 0, `an integer ${name}`, textOf(value), '4.2');
    return value as number;
  };
  count('max_inflight', 0);
  const { client = '', versions = [1], transports = [] } = fields;
  expectThat(isText(client), 'a client of at most 128 code units', textOf(client), '4.2');
  expectThat(isListOf(versions, Number.isSafeInteger) && versions.includes(1), 'versions with 1 among them', textOf(versions), '4.2');
  expectThat(isListOf(transports, isText), 'transports, a list of texts', textOf(transports), '4.2');
  const initialWindow = count('initial_window', 1_048_576);
  expectThat(initialWindow >= INITIAL_WINDOW_MIN, 'an initial_window of at least 1,024', String(initialWindow), '4.3');
  const supportedFlags = count('supported_flags', 191);
  expectSame('undefined bits of supported_flags', supportedFlags & ~0xff, 0, '4.2');
  return { frame, json, maxFrame: Math.max(4_096, count('max_frame', 1_048_576)), initialWindow, supportedFlags };
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value.length <= TEXT_MAX;
}

function isListOf(value: unknown, holds: (item: unknown) => boolean): value is unknown[] {
  return Array.isArray(value) && value.length <= LIST_MAX && value.every(holds);
}
