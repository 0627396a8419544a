import type { OapError } from '@omnigate/kernel/wire';
import { Exchange } from './exchange.ts';
import type { ExchangeOwner } from './exchange.ts';
import type { CallTerms } from './options.ts';

/** A one-way message: it is over as soon as it is handed to a connection. */
export class EventMessage extends Exchange {
  override readonly oneWay = true;
  readonly #resolve: () => void;
  readonly #reject: (error: OapError) => void;

  constructor(
    owner: ExchangeOwner,
    app: number,
    code: number,
    payload: Uint8Array,
    terms: CallTerms,
    resolve: () => void,
    reject: (error: OapError) => void,
  ) {
    super(owner, app, code, payload, terms);
    this.#resolve = resolve;
    this.#reject = reject;
  }

  override receiveWhole(): void {
    this.settle();
    this.#resolve();
  }

  override receivePart(): void {
    // Nothing is received for an event: it is never among the requests in flight.
  }

  override receiveEnd(): void {
    // As above.
  }

  override rewind(): boolean {
    return false;
  }

  protected override reject(error: OapError): void {
    this.#reject(error);
  }
}
