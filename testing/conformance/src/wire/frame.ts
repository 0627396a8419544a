/**
 * OAP/1 frames, written from specs/oap-1.md §3 alone. This codec shares nothing
 * with the packages of this repository, so that a fault of theirs is not one here.
 */

export const HEADER_BYTES = 38;

export const Flag = { REQ: 1, RESP: 2, EVENT: 4, START: 8, END: 16, ACK_REQ: 32, COMP: 64, APP_E2E: 128 } as const;
export const WHOLE = Flag.START | Flag.END;
/** The bits of §3.2 that nobody may set. */
export const UNDEFINED_FLAGS = 0xff00;
const KINDS = Flag.REQ | Flag.RESP | Flag.EVENT;

export const CONTROL = 0;
export const ECHO = 1;
export const Control = { HELLO: 0, PING: 1, GOAWAY: 2, CANCEL: 3, CREDIT: 4, REVOKED: 5 } as const;

/** A frame as it was received. */
export interface Frame {
  readonly len: number;
  readonly ver: number;
  readonly flags: number;
  readonly code: number;
  readonly app: number;
  /** 32 hexadecimal digits. */
  readonly tenant: string;
  readonly corr: bigint;
  readonly capability: Buffer;
  readonly payload: Buffer;
}

export type Body = Uint8Array | string;

/** A frame to be sent; `len`, `ver` and `capLen` are only for those that lie. */
export interface FrameFields {
  readonly flags: number;
  readonly corr: bigint | number;
  readonly code?: number;
  readonly app?: number;
  readonly tenant?: string;
  readonly capability?: Uint8Array;
  readonly payload?: Body;
  readonly len?: number;
  readonly ver?: number;
  readonly capLen?: number;
}

export const NO_TENANT = '00'.repeat(16);

export function encodeFrame(fields: FrameFields): Buffer {
  const capability = fields.capability ?? Buffer.alloc(0);
  const payload = Buffer.from(fields.payload ?? '');
  const bytes = Buffer.alloc(HEADER_BYTES + capability.length + payload.length);
  bytes.writeUInt32BE(fields.len ?? bytes.length, 0);
  bytes.writeUInt16BE(fields.ver ?? 1, 4);
  bytes.writeUInt16BE(fields.flags, 6);
  bytes.writeUInt16BE(fields.code ?? 0, 8);
  bytes.writeUInt16BE(fields.app ?? ECHO, 10);
  bytes.write(fields.tenant ?? NO_TENANT, 12, 'hex');
  bytes.writeUInt16BE(fields.capLen ?? capability.length, 28);
  bytes.writeBigUInt64BE(BigInt(fields.corr), 30);
  bytes.set(capability, HEADER_BYTES);
  bytes.set(payload, HEADER_BYTES + capability.length);
  return bytes;
}

/** Reads one whole frame whose header was found right by `faultOf`. */
export function decodeFrame(bytes: Buffer): Frame {
  const payloadAt = HEADER_BYTES + bytes.readUInt16BE(28);
  return {
    len: bytes.readUInt32BE(0),
    ver: bytes.readUInt16BE(4),
    flags: bytes.readUInt16BE(6),
    code: bytes.readUInt16BE(8),
    app: bytes.readUInt16BE(10),
    tenant: bytes.toString('hex', 12, 28),
    corr: bytes.readBigUInt64BE(30),
    capability: bytes.subarray(HEADER_BYTES, payloadAt),
    payload: bytes.subarray(payloadAt),
  };
}

/** What §3.3 finds wrong with the beginning of a frame, as soon as it can be seen. */
export function faultOf(bytes: Buffer, frameBytesMax: number): string | undefined {
  if (bytes.length < 4) return undefined;
  const len = bytes.readUInt32BE(0);
  if (len < HEADER_BYTES) return `len ${len}, below ${HEADER_BYTES} (§3.3, step 1)`;
  if (len > frameBytesMax) return `len ${len}, above max_frame ${frameBytesMax} (§3.3, step 2)`;
  if (bytes.length < 6) return undefined;
  const ver = bytes.readUInt16BE(4);
  if (ver !== 1) return `ver ${ver} (§3.3, step 4)`;
  if (bytes.length < HEADER_BYTES) return undefined;
  const flags = bytes.readUInt16BE(6);
  const capLen = bytes.readUInt16BE(28);
  if ((flags & UNDEFINED_FLAGS) !== 0) return `undefined flag bits 0x${flags.toString(16)} (§3.3, step 5)`;
  if (capLen > 0 && (flags & Flag.START) === 0) return 'a capability without START (§3.3, step 6)';
  if (capLen > 4096) return `cap_len ${capLen}, above 4096 (§3.3, step 7)`;
  if (HEADER_BYTES + capLen > len) return `cap_len ${capLen} in a frame of ${len} (§3.3, step 8)`;
  return kindFaultOf(flags);
}

function kindFaultOf(flags: number): string | undefined {
  const kind = flags & KINDS;
  return kind === Flag.REQ || kind === Flag.RESP || kind === Flag.EVENT ? undefined : `flags ${flagNames(flags)}, not exactly one kind (§6.1)`;
}

/** Such as `RESP|START|END`. */
export function flagNames(flags: number): string {
  const names = Object.entries(Flag).flatMap(([name, bit]) => ((flags & bit) !== 0 ? [name] : []));
  if ((flags & UNDEFINED_FLAGS) !== 0) names.push(`0x${(flags & UNDEFINED_FLAGS).toString(16)}`);
  return names.join('|') || 'no flag';
}

/** One line about a frame. */
export function describeFrame({ len, flags, code, app, corr, payload }: Frame): string {
  const name = app === CONTROL && (flags & Flag.RESP) === 0 ? Object.entries(Control).find(([, number]) => number === code)?.[0] : undefined;
  return `${flagNames(flags)} code ${code}${name === undefined ? '' : ` (${name})`} app ${app} corr ${corr}, ${payload.length} payload bytes, ${len} in all`;
}
