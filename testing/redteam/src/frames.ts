import { APP_CONTROL, ControlOp, encodeCredit, encodeFrame, encodeHelloRequest, Flag } from '@omnigate/kernel/wire';
import type { Frame, HelloRequest } from '@omnigate/kernel/wire';

/** The frames that a client sends, whole and damaged. */

/** app_proto_id of echo, which is open to everyone. */
export const ECHO = 1;
export const WHOLE = Flag.START | Flag.END;
/** A tenant that capabilities are minted for, and two that have nothing to do with it. */
export const ALICE = '000102030405060708090a0b0c0d0e0f';
export const BOB = 'ffeeddccbbaa99887766554433221100';
export const CAROL = '0f1e2d3c4b5a69788796a5b4c3d2e1f0';

type More = Partial<Omit<Frame, 'corrId' | 'payload'>>;
type Body = Uint8Array | string;

/** A frame to echo, unless `more` says otherwise. */
export function frame(corr: bigint | number, flags: number, payload: Body = '', more: More = {}): Uint8Array {
  const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : payload;
  return encodeFrame({ app: ECHO, flags, ...more, corrId: BigInt(corr), payload: bytes });
}

/** A one-frame request. */
export function request(corr: bigint | number, payload: Body = '', more: More = {}): Uint8Array {
  return frame(corr, Flag.REQ | WHOLE, payload, more);
}

/** The first, a further and the last frame of a streamed request. */
export function start(corr: bigint | number, payload: Body = '', more: More = {}): Uint8Array {
  return frame(corr, Flag.REQ | Flag.START, payload, more);
}

export function part(corr: bigint | number, payload: Body = '', more: More = {}): Uint8Array {
  return frame(corr, Flag.REQ, payload, more);
}

export function last(corr: bigint | number, payload: Body = '', more: More = {}): Uint8Array {
  return frame(corr, Flag.REQ | Flag.END, payload, more);
}

export function event(corr: bigint | number, payload: Body = '', more: More = {}): Uint8Array {
  return frame(corr, Flag.EVENT | WHOLE, payload, more);
}

export function hello(fields: HelloRequest = {}, more: More = {}): Uint8Array {
  return request(0, encodeHelloRequest(fields), { app: APP_CONTROL, code: ControlOp.HELLO, ...more });
}

export function ping(corr: bigint | number, payload: Body = ''): Uint8Array {
  return request(corr, payload, { app: APP_CONTROL, code: ControlOp.PING });
}

export function cancel(corr: bigint | number): Uint8Array {
  return event(corr, '', { app: APP_CONTROL, code: ControlOp.CANCEL });
}

export function credit(corr: bigint | number, bytes: number): Uint8Array {
  return event(corr, encodeCredit(bytes), { app: APP_CONTROL, code: ControlOp.CREDIT });
}

/** Offsets of header fields of two bytes. */
export const Field = { VER: 4, FLAGS: 6, CAP_LEN: 28 } as const;

/** A whole frame with a header field of two bytes replaced. */
export function withField(bytes: Uint8Array, offset: number, value: number): Uint8Array {
  const changed = bytes.slice();
  new DataView(changed.buffer).setUint16(offset, value);
  return changed;
}

/** A whole frame that claims another length. */
export function withLength(bytes: Uint8Array, len: number): Uint8Array {
  const changed = bytes.slice();
  new DataView(changed.buffer).setUint32(0, len);
  return changed;
}

export function textOf(frame: Frame): string {
  return new TextDecoder().decode(frame.payload);
}
