import { OapError, Reject } from '@omnigate/kernel/wire';
import { Exchange } from './exchange.ts';
import type { ExchangeOwner, ReplyPart } from './exchange.ts';
import { REPLY_BYTES_MAX } from './limits.ts';
import type { CallTerms } from './options.ts';
import { joinParts } from './payload.ts';

/** The answer to a request. */
export interface Reply {
  /** Status code, 200 to 299; anything else is thrown as an OapError. */
  readonly status: number;
  /** APP_E2E (128) when the payload is the application's own ciphertext, else 0. */
  readonly flags: number;
  /** The caller's own copy. */
  readonly payload: Uint8Array;
}

/** What came of a streamed reply so far. */
interface Collected {
  status: number;
  flags: number;
  bytes: number;
  readonly parts: Uint8Array[];
}

/** A request whose reply is wanted in one piece. */
export class Call extends Exchange {
  readonly #resolve: (reply: Reply) => void;
  readonly #reject: (error: OapError) => void;
  #collected: Collected | undefined;

  constructor(
    owner: ExchangeOwner,
    app: number,
    code: number,
    request: Uint8Array,
    terms: CallTerms,
    resolve: (reply: Reply) => void,
    reject: (error: OapError) => void,
  ) {
    super(owner, app, code, request, terms);
    this.#resolve = resolve;
    this.#reject = reject;
  }

  override receiveWhole(status: number, flags: number, payload: Uint8Array): void {
    this.settle();
    this.#resolve({ status, flags, payload });
  }

  override receivePart({ status, flags, bytes, compressed }: ReplyPart): void {
    const { carrier } = this;
    if (carrier === undefined) return;
    const payload = compressed ? carrier.decompress(this, bytes) : bytes;
    const collected = (this.#collected ??= { status, flags, bytes: 0, parts: [] });
    if (payload.length > 0) collected.parts.push(payload);
    collected.bytes += payload.length;
    if (collected.bytes > REPLY_BYTES_MAX) {
      const message = `The reply to ${this.name} is over the ${REPLY_BYTES_MAX} bytes that request() collects; read it with stream().`;
      carrier.abandon(this, new OapError(Reject.stream_too_large, { message, corrId: this.corrId }));
    } else {
      carrier.consumed(this, bytes.length);
    }
  }

  override receiveEnd(): void {
    const { status = 0, flags = 0, bytes = 0, parts = [] } = this.#collected ?? {};
    this.receiveWhole(status, flags, joinParts(parts, bytes));
  }

  override rewind(): boolean {
    this.#collected = undefined;
    this.upload = undefined;
    this.credit = undefined;
    return true;
  }

  protected override reject(error: OapError): void {
    this.#reject(error);
  }
}
