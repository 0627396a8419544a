/** How much of each attack is made. */
export interface Scale {
  readonly name: 'quick' | 'full';
  /** Flipped bits of row 26: every so many. */
  readonly flipStep: number;
  /** Made-up tenants of row 59, and topics and app_proto_ids of row 76. */
  readonly tenants: number;
  /** Requests that each neighbour of row 56 makes. */
  readonly neighbourRequests: number;
}

/** Everything at the size that the list names. */
const FULL: Scale = {
  name: 'full',
  flipStep: 1,
  tenants: 1_000_000,
  neighbourRequests: 2_000,
};

/** The same shape with smaller numbers, for every run of the tests. */
const QUICK: Scale = {
  name: 'quick',
  flipStep: 9,
  tenants: 5_000,
  neighbourRequests: 200,
};

export const SCALES = { quick: QUICK, full: FULL } as const;
