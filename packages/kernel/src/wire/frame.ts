import { CAPABILITY_BYTES_MAX, FRAME_BYTES_MAX, HEADER_BYTES } from '../limits.ts';
import { createHeader, headerReject, lengthReject, readHeader, VERSION, writeHeader } from './header.ts';
import { corrToBigInt, parseTenant, setCorr, tenantToHex } from './identifiers.ts';
import { Reject } from './reject.ts';

/** The tenant_id of frames that belong to nobody: control, and open services. */
export const TENANT_NONE = '00000000000000000000000000000000';

/** One frame as people and tools handle it; the hot path works on `FrameHeader`. */
export interface Frame {
  /** 16 flag bits, see `Flag`. */
  readonly flags: number;
  /** Operation or status, 0 to 65,535. */
  readonly code: number;
  /** app_proto_id, 0 to 65,535. */
  readonly app: number;
  /** 32 hex digits. */
  readonly tenant: string;
  /** Unsigned 64 bits. */
  readonly corrId: bigint;
  readonly capability: Uint8Array;
  readonly payload: Uint8Array;
}

/** What `decodeFrame` found at the start of some bytes. */
export type DecodeResult =
  | { readonly verdict: 'ok'; readonly frame: Frame; readonly bytes: number }
  | { readonly verdict: 'need' }
  | { readonly verdict: 'err'; readonly reject: Reject };

const EMPTY = new Uint8Array(0);

/**
 * Bytes of one frame (specs/oap-1.md §3.1).
 *
 * @throws RangeError when the fields make no frame that a decoder would take:
 *   a programmer's mistake, never caused by a peer
 */
export function encodeFrame(frame: Partial<Frame> & Pick<Frame, 'flags' | 'app'>): Uint8Array {
  const capability = frame.capability ?? EMPTY;
  const payload = frame.payload ?? EMPTY;
  const tenant = parseTenant(frame.tenant ?? TENANT_NONE);
  if (tenant === undefined) throw new RangeError('tenant must be 32 hex digits');
  if (capability.length > CAPABILITY_BYTES_MAX) {
    throw new RangeError(`capability has ${capability.length} bytes, at most ${CAPABILITY_BYTES_MAX} fit`);
  }
  const code = frame.code ?? 0;
  const corrId = frame.corrId ?? 0n;
  for (const [field, value] of Object.entries({ flags: frame.flags, code, app: frame.app })) {
    if (!Number.isInteger(value) || value < 0 || value > 0xffff) {
      throw new RangeError(`${field} must be an integer from 0 to 65,535`);
    }
  }
  if (corrId !== BigInt.asUintN(64, corrId)) throw new RangeError('corrId must be an unsigned 64-bit number');
  const header = Object.assign(createHeader(), tenant, {
    len: HEADER_BYTES + capability.length + payload.length,
    ver: VERSION,
    flags: frame.flags,
    code,
    app: frame.app,
    capLen: capability.length,
  });
  setCorr(header, corrId);
  const reject = headerReject(header, FRAME_BYTES_MAX);
  if (reject !== undefined) throw new RangeError(`no legal frame: ${reject.reason}`);
  const bytes = new Uint8Array(header.len);
  writeHeader(new DataView(bytes.buffer), 0, header);
  bytes.set(capability, HEADER_BYTES);
  bytes.set(payload, HEADER_BYTES + capability.length);
  return bytes;
}

/**
 * The first frame of `bytes`, which may hold more. The capability and payload
 * are views, not copies. `need` says that every byte so far could belong to a
 * legal frame; a fault is reported on the first byte that shows it.
 */
export function decodeFrame(bytes: Uint8Array, frameBytesMax: number = FRAME_BYTES_MAX): DecodeResult {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length >= 4) {
    const reject = lengthReject(view.getUint32(0), frameBytesMax);
    if (reject !== undefined) return { verdict: 'err', reject };
  }
  if (bytes.length >= 6 && view.getUint16(4) !== VERSION) return { verdict: 'err', reject: Reject.bad_version };
  if (bytes.length < HEADER_BYTES) return { verdict: 'need' };
  const header = createHeader();
  readHeader(view, 0, header);
  const reject = headerReject(header, frameBytesMax);
  if (reject !== undefined) return { verdict: 'err', reject };
  if (bytes.length < header.len) return { verdict: 'need' };
  const payloadStart = HEADER_BYTES + header.capLen;
  const frame: Frame = {
    flags: header.flags,
    code: header.code,
    app: header.app,
    tenant: tenantToHex(header),
    corrId: corrToBigInt(header),
    capability: bytes.subarray(HEADER_BYTES, payloadStart),
    payload: bytes.subarray(payloadStart, header.len),
  };
  return { verdict: 'ok', frame, bytes: header.len };
}
