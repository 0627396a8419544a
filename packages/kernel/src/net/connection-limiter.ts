import { CONNECTIONS_MAX, CONNECTIONS_PER_ADDRESS_MAX } from '../limits.ts';

/** How many connections a node takes. */
export interface ConnectionLimits {
  /** In all. */
  readonly total: number;
  /** From one IP address. */
  readonly perAddress: number;
}

/** The limits that hold where an operator sets none. */
export const DEFAULT_CONNECTION_LIMITS: ConnectionLimits = {
  total: CONNECTIONS_MAX,
  perAddress: CONNECTIONS_PER_ADDRESS_MAX,
};

/** Counts open connections, in all and by address; the table is bounded by the total. */
export class ConnectionLimiter {
  readonly #limits: ConnectionLimits;
  readonly #byAddress = new Map<string, number>();
  #total = 0;

  constructor(limits: ConnectionLimits = DEFAULT_CONNECTION_LIMITS) {
    this.#limits = limits;
  }

  /** Takes a place; false when there is none. */
  acquire(address: string): boolean {
    const ofAddress = this.#byAddress.get(address) ?? 0;
    if (this.#total >= this.#limits.total || ofAddress >= this.#limits.perAddress) return false;
    this.#total++;
    this.#byAddress.set(address, ofAddress + 1);
    return true;
  }

  /** Gives a place back. */
  release(address: string): void {
    const ofAddress = this.#byAddress.get(address) ?? 0;
    this.#total--;
    if (ofAddress <= 1) this.#byAddress.delete(address);
    else this.#byAddress.set(address, ofAddress - 1);
  }
}
