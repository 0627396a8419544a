import { CONTROL, Control, encodeFrame, Flag, WHOLE } from './frame.ts';
import type { Body, FrameFields } from './frame.ts';
import { encodeMap } from './messagepack.ts';
import type { Packable } from './messagepack.ts';

/** The frames of a conversation. Applications are echo unless `more` says otherwise. */

type Corr = bigint | number;
export type More = Partial<Omit<FrameFields, 'corr' | 'payload'>>;

export function frame(flags: number, corr: Corr, payload: Body = '', more: More = {}): Buffer {
  return encodeFrame({ flags, ...more, corr, payload });
}

/** A request of one frame. */
export function request(corr: Corr, payload: Body = '', more: More = {}): Buffer {
  return frame(Flag.REQ | WHOLE, corr, payload, more);
}

/** The first, a further and the last frame of a request stream. */
export function start(corr: Corr, payload: Body = '', more: More = {}): Buffer {
  return frame(Flag.REQ | Flag.START, corr, payload, more);
}

export function part(corr: Corr, payload: Body = '', more: More = {}): Buffer {
  return frame(Flag.REQ, corr, payload, more);
}

export function last(corr: Corr, payload: Body = '', more: More = {}): Buffer {
  return frame(Flag.REQ | Flag.END, corr, payload, more);
}

export function event(corr: Corr, payload: Body = '', more: More = {}): Buffer {
  return frame(Flag.EVENT | WHOLE, corr, payload, more);
}

/** A HELLO; a map becomes MessagePack, bytes and text go as they are. */
export function hello(body: Readonly<Record<string, Packable>> | Body = '', more: More & { readonly corr?: Corr } = {}): Buffer {
  const payload = typeof body === 'string' || body instanceof Uint8Array ? body : encodeMap(body);
  return request(more.corr ?? 1, payload, { app: CONTROL, code: Control.HELLO, ...more });
}

export function ping(corr: Corr, payload: Body = '', more: More = {}): Buffer {
  return request(corr, payload, { app: CONTROL, code: Control.PING, ...more });
}

export function controlEvent(code: number, corr: Corr = 0, payload: Body = '', more: More = {}): Buffer {
  return event(corr, payload, { app: CONTROL, code, ...more });
}

export function cancel(corr: Corr): Buffer {
  return controlEvent(Control.CANCEL, corr);
}

export function credit(corr: Corr, bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return controlEvent(Control.CREDIT, corr, payload);
}
