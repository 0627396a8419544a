/** One kind of load on one node. */
export interface Workload {
  /** Makes what is there once and for all: topics, blobs. */
  fill(): Promise<void>;
  /** One request, or a few that belong together; counts what becomes of them, and does not reject. */
  step(): Promise<void>;
  /** Goes on to where nothing is under way, and compares what is left with what was promised. */
  finish(): Promise<void>;
  /** Ends its connections. */
  close(): Promise<void>;
}

/** How a load reaches its node; nothing of it is secret. */
export interface LoadTarget {
  readonly url: string;
  readonly tlsUrl: string;
  /** PEM file of the authority. */
  readonly caFile: string;
  readonly capabilityFolder: string;
  /** Connections are also made anew, since the node is always there. */
  readonly steady: boolean;
}
