import type { OapError } from '@omnigate/kernel/wire';

/** Who waits for the next item. */
interface Reader<T> {
  readonly resolve: (result: IteratorResult<T, undefined>) => void;
  readonly reject: (error: OapError) => void;
}

const DONE: IteratorReturnResult<undefined> = Object.freeze({ done: true, value: undefined });

/**
 * Items between the connection that brings them and the one who reads them, in
 * order. After the last item comes the end or the error, every time one asks.
 */
export class ReplyChunks<T> {
  #items: T[] = [];
  #taken = 0;
  #reader: Reader<T> | undefined;
  #ended = false;
  #error: OapError | undefined;

  /** Items that nobody took yet. */
  get length(): number {
    return this.#items.length - this.#taken;
  }

  push(item: T): void {
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader === undefined) this.#items.push(item);
    else reader.resolve({ done: false, value: item });
  }

  /** Nothing comes behind what is there; with an error, reading fails then. */
  end(error?: OapError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    const reader = this.#reader;
    this.#reader = undefined;
    if (error === undefined) reader?.resolve(DONE);
    else reader?.reject(error);
  }

  /** Drops what nobody took. */
  clear(): void {
    this.#items = [];
    this.#taken = 0;
  }

  /** The next item, if one is there. */
  take(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#taken++];
    // Rarely, so that taking one item of many costs no shifting of the rest.
    if (this.#taken * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#taken);
      this.#taken = 0;
    }
    return item;
  }

  /**
   * The next item, the end, or the error.
   *
   * @throws TypeError when an earlier call still waits: items have one reader
   */
  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#reader !== undefined) return Promise.reject(new TypeError('a stream is read by one reader at a time'));
    if (this.length > 0) return Promise.resolve({ done: false, value: this.take() as T });
    if (this.#error !== undefined) return Promise.reject(this.#error);
    if (this.#ended) return Promise.resolve(DONE);
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }
}
