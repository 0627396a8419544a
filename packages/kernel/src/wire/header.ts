import { CAPABILITY_BYTES_MAX, HEADER_BYTES } from '../limits.ts';
import { Reject } from './reject.ts';

/** The only protocol version there is (specs/oap-1.md §12). */
export const VERSION = 1;

/** Header flags (specs/oap-1.md §3.2). */
export const Flag = {
  REQ: 1,
  RESP: 2,
  EVENT: 4,
  START: 8,
  END: 16,
  ACK_REQ: 32,
  COMP: 64,
  APP_E2E: 128,
} as const;

/** Exactly one of these three is set in a legal message. */
export const KIND_MASK = Flag.REQ | Flag.RESP | Flag.EVENT;
/** Bits that OAP/1 does not define; a frame that sets one is refused. */
export const UNKNOWN_FLAGS_MASK = 0xff00;

/** Byte offsets of the header fields, big endian (specs/oap-1.md §3.1). */
export const Offset = {
  LEN: 0,
  VER: 4,
  FLAGS: 6,
  CODE: 8,
  APP: 10,
  TENANT: 12,
  CAP_LEN: 28,
  CORR: 30,
} as const;

/**
 * One header in registers. The 128-bit tenant and the 64-bit corr_id are kept
 * as signed 32-bit words, most significant first: V8 holds those unboxed, where
 * a BigInt costs 60 ns a frame and an unsigned word above 2^31 costs a heap
 * number. `identifiers.ts` turns them into text for people.
 */
export interface FrameHeader {
  /** Whole frame in bytes. */
  len: number;
  ver: number;
  flags: number;
  code: number;
  app: number;
  tenant0: number;
  tenant1: number;
  tenant2: number;
  tenant3: number;
  capLen: number;
  corrHi: number;
  corrLo: number;
}

/** The part of a header that says which exchange a frame belongs to. */
export type FrameAddress = Pick<
  FrameHeader,
  'app' | 'tenant0' | 'tenant1' | 'tenant2' | 'tenant3' | 'corrHi' | 'corrLo'
>;

/** A header with every field 0, so that all headers share one shape. */
export function createHeader(): FrameHeader {
  return {
    len: 0,
    ver: VERSION,
    flags: 0,
    code: 0,
    app: 0,
    tenant0: 0,
    tenant1: 0,
    tenant2: 0,
    tenant3: 0,
    capLen: 0,
    corrHi: 0,
    corrLo: 0,
  };
}

/** Reads the 38 bytes at `at` into `header`; checks nothing. */
export function readHeader(view: DataView, at: number, header: FrameHeader): void {
  header.len = view.getUint32(at);
  header.ver = view.getUint16(at + 4);
  header.flags = view.getUint16(at + 6);
  header.code = view.getUint16(at + 8);
  header.app = view.getUint16(at + 10);
  header.tenant0 = view.getInt32(at + 12);
  header.tenant1 = view.getInt32(at + 16);
  header.tenant2 = view.getInt32(at + 20);
  header.tenant3 = view.getInt32(at + 24);
  header.capLen = view.getUint16(at + 28);
  header.corrHi = view.getInt32(at + 30);
  header.corrLo = view.getInt32(at + 34);
}

/** Writes `header` to the 38 bytes at `at`; `len` is taken as it is. */
export function writeHeader(view: DataView, at: number, header: FrameHeader): void {
  view.setUint32(at, header.len);
  view.setUint16(at + 4, header.ver);
  view.setUint16(at + 6, header.flags);
  view.setUint16(at + 8, header.code);
  view.setUint16(at + 10, header.app);
  view.setInt32(at + 12, header.tenant0);
  view.setInt32(at + 16, header.tenant1);
  view.setInt32(at + 20, header.tenant2);
  view.setInt32(at + 24, header.tenant3);
  view.setUint16(at + 28, header.capLen);
  view.setInt32(at + 30, header.corrHi);
  view.setInt32(at + 34, header.corrLo);
}

/**
 * The verdict on a length field alone, so that a bad one is refused before a
 * byte of the body is buffered (specs/oap-1.md §3.3).
 */
export function lengthReject(len: number, frameBytesMax: number): Reject | undefined {
  if (len < HEADER_BYTES) return Reject.bad_length;
  if (len > frameBytesMax) return Reject.frame_too_large;
  return undefined;
}

/**
 * The verdict on a whole header, in the order of specs/oap-1.md §3.3. These are
 * the faults after which the byte stream cannot be trusted any more.
 */
export function headerReject(header: FrameHeader, frameBytesMax: number): Reject | undefined {
  const badLength = lengthReject(header.len, frameBytesMax);
  if (badLength !== undefined) return badLength;
  if (header.ver !== VERSION) return Reject.bad_version;
  if ((header.flags & UNKNOWN_FLAGS_MASK) !== 0) return Reject.bad_flags;
  if (header.capLen !== 0) {
    if ((header.flags & Flag.START) === 0) return Reject.cap_on_nonstart;
    if (header.capLen > CAPABILITY_BYTES_MAX) return Reject.cap_too_large;
    if (HEADER_BYTES + header.capLen > header.len) return Reject.bad_cap_len;
  }
  return undefined;
}
