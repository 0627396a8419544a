import type { Exchange } from './exchange.ts';

/**
 * Exchanges in flight by corr_id. Keyed by one word that mixes both halves, so
 * that a look-up costs neither a BigInt nor a string; exchanges whose word is
 * the same are chained, and the in-flight limit bounds the chain.
 */
export class ExchangeTable {
  /** Exchanges held. */
  size = 0;
  #heads: Map<number, Exchange> | undefined;

  find(corrHi: number, corrLo: number): Exchange | undefined {
    if (this.size === 0) return undefined;
    let exchange = this.#heads?.get(mix(corrHi, corrLo));
    while (exchange !== undefined && (exchange.corrLo !== corrLo || exchange.corrHi !== corrHi)) {
      exchange = exchange.chained;
    }
    return exchange;
  }

  /** Adds an exchange whose corr_id is not in the table. */
  add(exchange: Exchange): void {
    const key = mix(exchange.corrHi, exchange.corrLo);
    this.#heads ??= new Map();
    exchange.chained = this.#heads.get(key);
    this.#heads.set(key, exchange);
    this.size++;
  }

  /** Removes an exchange; false when it is not in the table. */
  remove(exchange: Exchange): boolean {
    const key = mix(exchange.corrHi, exchange.corrLo);
    const head = this.#heads?.get(key);
    if (head === undefined || this.#heads === undefined) return false;
    if (head === exchange) {
      if (exchange.chained === undefined) this.#heads.delete(key);
      else this.#heads.set(key, exchange.chained);
    } else {
      let before: Exchange = head;
      while (before.chained !== exchange) {
        if (before.chained === undefined) return false;
        before = before.chained;
      }
      before.chained = exchange.chained;
    }
    exchange.chained = undefined;
    this.size--;
    return true;
  }

  /** All exchanges, as a copy that stays valid while they end. */
  all(): Exchange[] {
    const all: Exchange[] = [];
    for (const head of this.#heads?.values() ?? []) {
      for (let exchange: Exchange | undefined = head; exchange !== undefined; exchange = exchange.chained) {
        all.push(exchange);
      }
    }
    return all;
  }
}

function mix(corrHi: number, corrLo: number): number {
  return corrLo ^ Math.imul(corrHi, 0x9e37_79b1);
}
