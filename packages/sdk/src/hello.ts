import {
  APP_CONTROL,
  ControlOp,
  decodeErrorBody,
  decodeHelloReply,
  encodeFrame,
  encodeHelloRequest,
  Flag,
  FRAME_BYTES_MAX,
  HEADER_BYTES,
  KIND_MASK,
  OapError,
  PREAUTH_FRAME_BYTES_MAX,
  Reject,
  Status,
  tenantToHex,
  VERSION,
} from '@omnigate/kernel/wire';
import type { FrameHeader, HelloReply, TenantWords } from '@omnigate/kernel/wire';
import { explainCapability } from './capability.ts';
import type { CapabilitySource } from './capability-source.ts';
import { connectFailure } from './connect-failure.ts';
import { PENDING_REQUESTS_MAX } from './limits.ts';
import type { ClientSettings } from './options.ts';

/** Name and version of this library, for the node's log; a test compares it with package.json. */
export const CLIENT_NAME = 'omnigate-sdk/0.1.0';

const ALL_FLAGS = 0xff;

/** The first frame of every connection of a client. */
export interface HelloFrame {
  readonly bytes: Uint8Array;
  /** Round of the capability in it; -1 for one that is too long and has to ride on each request instead. */
  readonly round: number;
}

/** Makes a client's HELLO; its corr_id is 0, the connection's own. */
export function createHello(settings: ClientSettings, source: CapabilitySource, tenant: TenantWords): HelloFrame {
  const payload = encodeHelloRequest({
    client: CLIENT_NAME,
    versions: [VERSION],
    max_frame: FRAME_BYTES_MAX,
    max_inflight: PENDING_REQUESTS_MAX,
    initial_window: settings.windowBytes,
    supported_flags: settings.compression ? ALL_FLAGS : ALL_FLAGS & ~Flag.COMP,
    transports: ['tcp', 'tls'],
  });
  const { current: capability, round } = source;
  const frame = { app: APP_CONTROL, flags: Flag.REQ | Flag.START | Flag.END, code: ControlOp.HELLO, payload };
  if (capability === undefined) return { bytes: encodeFrame(frame), round };
  const fits = HEADER_BYTES + payload.length + capability.length <= PREAUTH_FRAME_BYTES_MAX;
  if (!fits) return { bytes: encodeFrame(frame), round: -1 };
  return { bytes: encodeFrame({ ...frame, capability, tenant: tenantToHex(tenant) }), round };
}

/** What the node answered to the HELLO, or why there will be no connection. */
export function readHelloReply(url: string, header: FrameHeader, payload: Uint8Array, renewable: boolean): HelloReply | OapError {
  if ((header.flags & KIND_MASK) !== Flag.RESP || header.app !== APP_CONTROL) {
    return connectFailure('not_oap', url, 'the first frame was no answer to the HELLO');
  }
  if (header.code !== Status.OK) return refusal(url, explainCapability(decodeErrorBody(header.code, payload, '0'), renewable));
  const message = `No connection to ${url}: the node answered the HELLO in another version than 1.`;
  return decodeHelloReply(payload) ?? new OapError(Reject.bad_response, { message, detail: { kind: 'version', url } });
}

function refusal(url: string, cause: OapError): OapError {
  return new OapError(cause.reject, {
    message: `No connection to ${url}: the node refused the HELLO. ${cause.what ?? ''}`.trimEnd(),
    detail: { kind: 'hello_refused', url, answer: cause.detail },
    origin: 'remote',
    cause,
    ...(cause.retryAfterMs === undefined ? {} : { retryAfterMs: cause.retryAfterMs }),
  });
}
