/** What a parent asks of a worker process, over the IPC channel. */
export interface Ask {
  readonly id: number;
  readonly op: string;
  readonly body: unknown;
}

/** What comes back: the value, or the text of what went wrong. */
export type Answer =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly error: string };

/** Name of the operation every worker offers. */
export const OP_USAGE = 'usage';

/** What a process has used so far. */
export interface Usage {
  /** CPU time of all threads, user and system, seconds. */
  readonly cpuSeconds: number;
  /** Resident memory, bytes. */
  readonly rssBytes: number;
}

/** Where a server listens. */
export interface Address {
  readonly host: string;
  readonly port: number;
}
