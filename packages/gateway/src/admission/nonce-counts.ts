/** Requests in flight by the nonce of their capability; only of those that bound them, and only while there are any. */
export class NonceCounts {
  readonly #counts = new Map<string, number>();

  get size(): number {
    return this.#counts.size;
  }

  of(nonce: string): number {
    return this.#counts.get(nonce) ?? 0;
  }

  add(nonce: string): void {
    this.#counts.set(nonce, this.of(nonce) + 1);
  }

  remove(nonce: string): void {
    const left = this.of(nonce) - 1;
    if (left > 0) this.#counts.set(nonce, left);
    else this.#counts.delete(nonce);
  }
}
