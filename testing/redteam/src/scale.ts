/** How much of each attack is made. */
export interface Scale {
  readonly name: 'quick' | 'full';
  /** Connections of row 16 that send random bytes. */
  readonly randomConnections: number;
  /** Splits of the conversation of row 17: every so many bytes. */
  readonly splitStep: number;
  /** Flipped bits of row 26: every so many. */
  readonly flipStep: number;
  /** app_proto_ids of row 35. */
  readonly apps: number;
  /** Streams of row 39. */
  readonly streams: number;
  /** Resets of row 50. */
  readonly resets: number;
  /** Made-up tenants of row 59, and topics and app_proto_ids of row 76. */
  readonly tenants: number;
  /** Requests that each neighbour of row 56 makes. */
  readonly neighbourRequests: number;
}

/** Everything at the size that the list names. */
const FULL: Scale = {
  name: 'full',
  randomConnections: 1_000,
  splitStep: 1,
  flipStep: 1,
  apps: 65_536,
  streams: 10_000,
  resets: 10_000,
  tenants: 1_000_000,
  neighbourRequests: 2_000,
};

/** The same shape with smaller numbers, for every run of the tests. */
const QUICK: Scale = {
  name: 'quick',
  randomConnections: 100,
  splitStep: 5,
  flipStep: 9,
  apps: 1_000,
  streams: 2_000,
  resets: 500,
  tenants: 5_000,
  neighbourRequests: 200,
};

export const SCALES = { quick: QUICK, full: FULL } as const;
