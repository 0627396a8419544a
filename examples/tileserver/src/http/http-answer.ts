import type { OutgoingHttpHeaders } from 'node:http';

/** What the server says to one request, all of it: nothing here is larger than a tile or a script. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  /** Empty where the answer has none; not sent to a HEAD. */
  readonly body: Uint8Array;
}

export const NO_BODY = new Uint8Array(0);

/** What went wrong, for a program and for a person. */
export interface Problem {
  readonly status: number;
  /** As the node or the SDK names it, or one of ours. */
  readonly reason: string;
  /** What happened and what to do about it. */
  readonly message: string;
  readonly headers?: OutgoingHttpHeaders;
}

export function json(value: unknown, headers: OutgoingHttpHeaders): HttpAnswer {
  return { status: 200, headers: { 'content-type': 'application/json', ...headers }, body: Buffer.from(`${JSON.stringify(value)}\n`) };
}

/** A problem is true for the moment only, so nobody keeps it. */
export function problemAnswer({ status, reason, message, headers }: Problem): HttpAnswer {
  return { ...json({ status, reason, message }, { 'cache-control': 'no-store', ...headers }), status };
}
