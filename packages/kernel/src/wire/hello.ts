import { encode } from '@msgpack/msgpack';
import {
  COMP_DECOMPRESSED_BYTES_MAX,
  COMP_RATIO_MAX,
  FRAME_BYTES_MAX,
  FRAME_BYTES_MAX_FLOOR,
  HELLO_TEXT_CHARS_MAX,
  HELLO_VERSIONS_MAX,
  IDLE_TIMEOUT_MS,
  INFLIGHT_BYTES_MAX,
  INFLIGHT_REQUESTS_MAX,
  STREAM_WINDOW_BYTES,
  STREAM_WINDOW_BYTES_MAX,
  STREAM_WINDOW_BYTES_MIN,
} from '../limits.ts';
import { Flag, VERSION } from './header.ts';
import { decodeMap, isCount } from './messagepack.ts';
import { Reject } from './reject.ts';

/** The request's body format; the reply uses the same (specs/oap-1.md §4.1). */
export type HelloEncoding = 'msgpack' | 'json';

/** What a client says of itself; every field may be absent. */
export interface HelloRequest {
  /** Name and version for the node's log. */
  readonly client?: string;
  readonly versions?: readonly number[];
  readonly max_frame?: number;
  readonly max_inflight?: number;
  /** Credit the client grants the node for each reply stream, bytes. */
  readonly initial_window?: number;
  readonly supported_flags?: number;
  readonly transports?: readonly string[];
}

/** What the node says of itself and what both will use. */
export interface HelloReply {
  readonly server: string;
  readonly version: number;
  readonly versions: readonly number[];
  readonly max_frame: number;
  readonly max_inflight: number;
  readonly max_inflight_bytes: number;
  readonly supported_flags: number;
  readonly transports: readonly string[];
  readonly initial_window: number;
  readonly max_ratio: number;
  readonly max_decompressed: number;
  readonly revocation_seq: number;
  readonly idle_timeout_ms: number;
}

/** What a node offers before it knows the client. */
export interface HelloOffer {
  /** Name and version of the node. */
  readonly server: string;
  readonly transports: readonly string[];
  /** Whether the node can decode COMP payloads. */
  readonly compression: boolean;
  readonly revocationSeq: number;
  readonly maxInflight?: number;
  readonly idleTimeoutMs?: number;
}

/** What a connection works with after its HELLO. */
export interface Negotiated {
  readonly frameBytesMax: number;
  readonly inflightMax: number;
  /** Credit of each reply stream, bytes. */
  readonly replyWindowBytes: number;
  /** Flags both sides may use. */
  readonly flags: number;
  readonly client: string;
}

/** A HELLO that was understood, or why it was not. */
export type HelloResult =
  | { readonly ok: true; readonly encoding: HelloEncoding; readonly request: HelloRequest }
  | { readonly ok: false; readonly reject: Reject; readonly field?: string };

const ALL_FLAGS = 0xff;

/** Reads the body of a HELLO request: MessagePack, JSON when it begins with `{`, or empty. */
export function decodeHelloRequest(payload: Uint8Array): HelloResult {
  const json = payload[0] === 0x7b;
  const map = payload.length === 0 ? {} : json ? decodeJsonMap(payload) : decodeMap(payload);
  if (map === undefined) return { ok: false, reject: Reject.bad_hello };
  for (const [field, valid] of Object.entries(FIELD_CHECKS)) {
    if (map[field] !== undefined && !valid(map[field])) return { ok: false, reject: Reject.bad_hello, field };
  }
  const request: HelloRequest = map;
  if (request.versions !== undefined && !request.versions.includes(VERSION)) {
    return { ok: false, reject: Reject.bad_version, field: 'versions' };
  }
  return { ok: true, encoding: json ? 'json' : 'msgpack', request };
}

/** Body of a HELLO request, MessagePack. */
export function encodeHelloRequest(request: HelloRequest): Uint8Array {
  return encode(request, { ignoreUndefined: true });
}

/** What both sides use from here on: the smaller of two limits, within our bounds. */
export function negotiateHello(request: HelloRequest, offer: HelloOffer): { reply: HelloReply; agreed: Negotiated } {
  const ourFlags = offer.compression ? ALL_FLAGS : ALL_FLAGS & ~Flag.COMP;
  const ourInflight = offer.maxInflight ?? INFLIGHT_REQUESTS_MAX;
  const frameBytesMax = clamp(request.max_frame ?? FRAME_BYTES_MAX, FRAME_BYTES_MAX_FLOOR, FRAME_BYTES_MAX);
  const inflightMax = clamp(request.max_inflight ?? ourInflight, 1, ourInflight);
  const reply: HelloReply = {
    server: offer.server,
    version: VERSION,
    versions: [VERSION],
    max_frame: frameBytesMax,
    max_inflight: inflightMax,
    max_inflight_bytes: INFLIGHT_BYTES_MAX,
    supported_flags: ourFlags,
    transports: offer.transports,
    initial_window: STREAM_WINDOW_BYTES,
    max_ratio: COMP_RATIO_MAX,
    max_decompressed: COMP_DECOMPRESSED_BYTES_MAX,
    revocation_seq: offer.revocationSeq,
    idle_timeout_ms: offer.idleTimeoutMs ?? IDLE_TIMEOUT_MS,
  };
  const agreed: Negotiated = {
    frameBytesMax,
    inflightMax,
    replyWindowBytes: clamp(
      request.initial_window ?? STREAM_WINDOW_BYTES,
      STREAM_WINDOW_BYTES_MIN,
      STREAM_WINDOW_BYTES_MAX,
    ),
    flags: ourFlags & (request.supported_flags ?? ALL_FLAGS & ~Flag.COMP),
    client: request.client ?? '',
  };
  return { reply, agreed };
}

/** Body of a HELLO reply in the encoding the client used. */
export function encodeHelloReply(reply: HelloReply, encoding: HelloEncoding): Uint8Array {
  return encoding === 'json' ? new TextEncoder().encode(JSON.stringify(reply)) : encode(reply);
}

/** A HELLO reply as a client reads it; fields a node left out get the defaults of specs/oap-1.md §4.3. */
export function decodeHelloReply(payload: Uint8Array): HelloReply | undefined {
  const map = payload[0] === 0x7b ? decodeJsonMap(payload) : decodeMap(payload);
  if (map === undefined || map.version !== VERSION) return undefined;
  const count = (field: string, fallback: number): number => {
    const value = map[field];
    return isCount(value) ? value : fallback;
  };
  return {
    server: typeof map.server === 'string' ? map.server : '',
    version: VERSION,
    versions: isVersions(map.versions) ? map.versions : [VERSION],
    max_frame: clamp(count('max_frame', FRAME_BYTES_MAX), FRAME_BYTES_MAX_FLOOR, FRAME_BYTES_MAX),
    max_inflight: Math.max(1, count('max_inflight', INFLIGHT_REQUESTS_MAX)),
    max_inflight_bytes: count('max_inflight_bytes', INFLIGHT_BYTES_MAX),
    supported_flags: count('supported_flags', ALL_FLAGS & ~Flag.COMP),
    transports: isTexts(map.transports) ? map.transports : [],
    initial_window: count('initial_window', STREAM_WINDOW_BYTES),
    max_ratio: isRatio(map.max_ratio) ? map.max_ratio : COMP_RATIO_MAX,
    max_decompressed: count('max_decompressed', COMP_DECOMPRESSED_BYTES_MAX),
    revocation_seq: count('revocation_seq', 0),
    idle_timeout_ms: count('idle_timeout_ms', IDLE_TIMEOUT_MS),
  };
}

const FIELD_CHECKS: Readonly<Record<keyof HelloRequest, (value: unknown) => boolean>> = {
  client: isText,
  versions: isVersions,
  max_frame: isCount,
  max_inflight: isCount,
  initial_window: isCount,
  supported_flags: isCount,
  transports: isTexts,
};

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= HELLO_TEXT_CHARS_MAX;
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.length <= HELLO_VERSIONS_MAX && value.every(isText);
}

function isVersions(value: unknown): value is number[] {
  return Array.isArray(value) && value.length <= HELLO_VERSIONS_MAX && value.every(isCount);
}

function isRatio(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max);
}

function decodeJsonMap(payload: Uint8Array): Record<string, unknown> | undefined {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload)) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
