import { Flag, parseTenant, STREAM_WINDOW_BYTES, TENANT_NONE } from '@omnigate/kernel/wire';
import type { TenantWords } from '@omnigate/kernel/wire';
import { readCapability, readCapabilityFacts } from './capability.ts';
import type { Capability } from './capability.ts';
import type { CapabilityFunction } from './capability-source.ts';
import type { TlsOptions } from './endpoint.ts';
import { DEFAULT_URL } from './endpoint.ts';
import {
  CONNECT_TIMEOUT_MS,
  REQUEST_DEADLINE_MS,
  RETRY_ATTEMPTS_MAX,
  RETRY_PAUSE_MS,
  RETRY_PAUSE_MS_MAX,
  STREAM_WINDOW_BYTES_MAX,
  STREAM_WINDOW_BYTES_MIN,
} from './limits.ts';
import { SILENT_LOGGER } from './logger.ts';
import type { ClientLogger } from './logger.ts';
import type { RetryPolicy } from './retry.ts';

/** What `connect()` takes; every field may be absent. */
export interface ConnectOptions {
  /** Node to connect to; `RON_NODE_URL`, else oap://127.0.0.1:6270. */
  readonly url?: string | undefined;
  /**
   * Capability for every request, as bytes or base64url text; `RON_CAP`. A
   * function is asked for one at once, before each new connection, shortly before
   * the last one ends, and once when the node refuses it as outdated. It has
   * CAP_ANSWER_MS for an answer; calls that need it fail with `cap_unavailable`
   * when it fails. All its answers are of one tenant, unless `tenant` is given.
   */
  readonly cap?: Capability | CapabilityFunction | undefined;
  /** tenant_id of every request, 32 hex digits; that of the capability when absent, and all zeros without one. */
  readonly tenant?: string | undefined;
  readonly tls?: TlsOptions | undefined;
  /** Accept compressed replies; off by default. */
  readonly compression?: boolean | undefined;
  /** Deadline of a request that names none, milliseconds; 30,000. */
  readonly deadlineMs?: number | undefined;
  /** From the first packet to the answered HELLO, milliseconds; 5,000. Also holds for each reconnect. */
  readonly connectTimeoutMs?: number | undefined;
  /** How refused requests are tried again; false for never. */
  readonly retry?: Partial<RetryPolicy> | false | undefined;
  /** Credit for each reply stream, 1,024 to 16,777,216 bytes; 1,048,576. */
  readonly windowBytes?: number | undefined;
  /** Where the client logs, such as a pino logger; nowhere by default. */
  readonly logger?: ClientLogger | undefined;
  /** Gives up connecting when aborted; no effect once connected. */
  readonly signal?: AbortSignal | undefined;
}

/** What a single request, stream or event may ask for. */
export interface RequestOptions {
  /** Time for the whole call, waiting and retries included, milliseconds; `Infinity` for none. */
  readonly deadlineMs?: number | undefined;
  /** Cancels the call, here and at the node. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The key inside the payload by which the service recognises a repetition.
   * It marks the call as safe to repeat when its outcome is unknown, and is not sent.
   */
  readonly idempotencyKey?: string | undefined;
  /** The operation has the same effect done twice as done once; also makes it safe to repeat. */
  readonly idempotent?: boolean | undefined;
  /** False to hear of every failure at once. */
  readonly retry?: boolean | undefined;
  /** The payload is the application's own ciphertext, which node and service only carry. */
  readonly appE2e?: boolean | undefined;
  /** tenant_id of this call, 32 hex digits; that of its capability, else the client's, when absent. */
  readonly tenant?: string | undefined;
  /** Capability of this call, instead of the client's. */
  readonly cap?: Capability | undefined;
}

/** The options of one call in the form the calls are made with. */
export interface CallTerms {
  /** Milliseconds; Infinity for none. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
  /** Whether it may be sent again although it may have been carried out. */
  readonly repeatable: boolean;
  readonly retry: boolean;
  /** APP_E2E or 0. */
  readonly flags: number;
  readonly tenant: TenantWords;
  /** The call's own capability; undefined for that of the client. */
  readonly capability: Uint8Array | undefined;
}

/** The options of a client, complete and checked. */
export interface ClientSettings {
  readonly url: string;
  readonly tls: TlsOptions | undefined;
  /** The client's capability, or who is asked for it. */
  readonly cap: Uint8Array | CapabilityFunction | undefined;
  /** What the caller gave as the tenant; undefined for that of the capability. */
  readonly tenant: string | undefined;
  readonly compression: boolean;
  readonly connectTimeoutMs: number;
  readonly retry: RetryPolicy;
  readonly windowBytes: number;
  readonly logger: ClientLogger;
  /** Those of a call that asks for nothing, but for the tenant. */
  readonly terms: Omit<CallTerms, 'tenant'>;
}

/** Fills in what was left out, from `env` and the defaults. */
export function readConnectOptions(options: ConnectOptions, env: NodeJS.ProcessEnv): ClientSettings {
  const cap = options.cap ?? nonEmpty(env.RON_CAP);
  if (options.tenant !== undefined) readTenant(options.tenant);
  const retry = options.retry === false ? {} : (options.retry ?? {});
  return {
    url: options.url ?? nonEmpty(env.RON_NODE_URL) ?? DEFAULT_URL,
    tls: options.tls,
    cap: cap === undefined || typeof cap === 'function' ? cap : readCapability(cap, options.cap === undefined ? 'RON_CAP' : 'cap'),
    tenant: options.tenant,
    compression: options.compression ?? false,
    connectTimeoutMs: readMs(options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS, 'connectTimeoutMs'),
    retry: {
      attempts: readCount(retry.attempts ?? RETRY_ATTEMPTS_MAX, 'retry.attempts', 1, 100),
      pauseMs: readMs(retry.pauseMs ?? RETRY_PAUSE_MS, 'retry.pauseMs'),
      pauseMsMax: readMs(retry.pauseMsMax ?? RETRY_PAUSE_MS_MAX, 'retry.pauseMsMax'),
    },
    windowBytes: readCount(
      options.windowBytes ?? STREAM_WINDOW_BYTES,
      'windowBytes',
      STREAM_WINDOW_BYTES_MIN,
      STREAM_WINDOW_BYTES_MAX,
    ),
    logger: options.logger ?? SILENT_LOGGER,
    terms: {
      deadlineMs: readMs(options.deadlineMs ?? REQUEST_DEADLINE_MS, 'deadlineMs'),
      signal: undefined,
      repeatable: false,
      retry: options.retry !== false,
      flags: 0,
      capability: undefined,
    },
  };
}

/** The terms of one call: what it asks for, else the client's. */
export function readRequestOptions(options: RequestOptions, terms: CallTerms): CallTerms {
  const capability = options.cap === undefined ? terms.capability : readCapability(options.cap, 'cap');
  const tenant = options.tenant ?? (options.cap === undefined ? undefined : readCapabilityFacts(capability).tenant);
  return {
    deadlineMs: options.deadlineMs === undefined ? terms.deadlineMs : readMs(options.deadlineMs, 'deadlineMs'),
    signal: options.signal,
    repeatable: options.idempotent ?? (options.idempotencyKey !== undefined || terms.repeatable),
    retry: options.retry ?? terms.retry,
    flags: options.appE2e === true ? Flag.APP_E2E : 0,
    tenant: tenant === undefined ? terms.tenant : readTenant(tenant),
    capability,
  };
}

/** The words of a tenant_id in hexadecimal digits; those of no tenant when absent. */
export function readTenant(hex = TENANT_NONE): TenantWords {
  const words = parseTenant(hex);
  if (words === undefined) throw new TypeError(`tenant '${hex}' is not 32 hex digits`);
  return words;
}

export function readMs(value: number, name: string): number {
  if (!(value > 0)) throw new TypeError(`${name} must be a positive number of milliseconds, not ${value}`);
  // Whole milliseconds, so that times stay small integers.
  return Math.ceil(value);
}

export function readCount(value: number, name: string, min: number, max: number): number {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new TypeError(`${name} must be an integer from ${min} to ${max}, not ${value}`);
  }
  return value;
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
