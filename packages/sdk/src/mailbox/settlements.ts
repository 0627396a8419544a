import { OapError } from '@omnigate/kernel/wire';
import { MAILBOX_RECEIPT_BYTES_MAX, MAILBOX_RECEIPTS_MAX } from '../limits.ts';
import type { CallTerms } from '../options.ts';
import { badField, readList } from '../fields.ts';
import type { Fields } from '../fields.ts';
import type { Answer, MailboxLink } from './mailbox-link.ts';
import { MailboxOp } from './operations.ts';

/** What the node says of one receipt (specs/mailbox-1.md §6.3). */
export type Outcome = 'ok' | 'stale' | 'gone' | 'dead';

/** Hears what became of a receipt. */
export interface Settling {
  /**
   * @param receipt the one that replaces it, after an EXTEND that is ok
   * @param repeated an earlier attempt may have done it before, so that `gone` can be its effect
   */
  settled(outcome: Outcome, receipt: Uint8Array | undefined, repeated: boolean): void;
  failed(error: OapError): void;
}

/** ACK, NACK or EXTEND of many receipts with the same time. */
interface Batch {
  readonly op: number;
  readonly timeMs: number | undefined;
  readonly receipts: Uint8Array[];
  readonly settlings: Settling[];
}

const OUTCOMES: readonly unknown[] = ['ok', 'stale', 'gone', 'dead'];
const OPS = 16;

/**
 * Acknowledgements and the like of one mailbox. Those of one turn of the event
 * loop leave together, in one request per operation and time, since what they
 * cost is requests and not receipts.
 */
export class Settlements {
  readonly #link: MailboxLink;
  readonly #topic: string;
  readonly #terms: CallTerms;
  readonly #open = new Map<number, Batch>();
  readonly #sent = new Set<Promise<void>>();

  constructor(link: MailboxLink, topic: string, terms: CallTerms) {
    this.#link = link;
    this.#topic = topic;
    this.#terms = terms;
  }

  /** Adds a receipt to what leaves at the end of this turn. */
  add(op: number, timeMs: number | undefined, receipt: Uint8Array, settling: Settling): void {
    const key = (timeMs ?? -1) * OPS + op;
    let batch = this.#open.get(key);
    if (batch === undefined) {
      batch = { op, timeMs, receipts: [], settlings: [] };
      // After all promises that this turn settles, so that what they acknowledge goes along.
      if (this.#open.size === 0) process.nextTick(this.flush);
      this.#open.set(key, batch);
    }
    batch.receipts.push(receipt);
    batch.settlings.push(settling);
    if (batch.receipts.length < MAILBOX_RECEIPTS_MAX) return;
    this.#open.delete(key);
    this.#send(batch);
  }

  /** Sends at once what was to leave at the end of this turn. */
  readonly flush = (): void => {
    for (const batch of this.#open.values()) this.#send(batch);
    this.#open.clear();
  };

  /** Resolves when everything that was sent so far is answered. */
  async idle(): Promise<void> {
    this.flush();
    await Promise.all(this.#sent);
  }

  #send(batch: Batch): void {
    const sending = this.#exchange(batch).then(() => {
      this.#sent.delete(sending);
    });
    this.#sent.add(sending);
  }

  async #exchange(batch: Batch): Promise<void> {
    const { op, receipts, settlings } = batch;
    try {
      const answer = await this.#link.call(op, this.#request(batch), this.#terms, true);
      const outcomes = readOutcomes(answer.fields, receipts.length);
      const renewed = op === MailboxOp.EXTEND ? readReceipts(answer, outcomes) : [];
      settlings.forEach((settling, index) => {
        settling.settled(outcomes[index] as Outcome, renewed[index], answer.repeated);
      });
    } catch (thrown) {
      const error = OapError.from(thrown);
      for (const settling of settlings) settling.failed(error);
    }
  }

  #request({ op, timeMs, receipts }: Batch): Fields {
    const topic = this.#topic;
    if (timeMs === undefined) return { topic, receipts };
    return op === MailboxOp.NACK ? { topic, receipts, delay_ms: timeMs } : { topic, receipts, visibility_ms: timeMs };
  }
}

function readOutcomes(fields: Fields, count: number): readonly Outcome[] {
  const outcomes = readList(fields, 'outcomes');
  if (outcomes.length !== count || !outcomes.every((outcome) => OUTCOMES.includes(outcome))) throw badField('outcomes');
  return outcomes as readonly Outcome[];
}

/** Those of an EXTEND: one for each `ok`. */
function readReceipts({ fields }: Answer, outcomes: readonly Outcome[]): readonly (Uint8Array | undefined)[] {
  const receipts = readList(fields, 'receipts');
  return outcomes.map((outcome, index) => {
    const receipt = receipts[index];
    if (outcome !== 'ok') return undefined;
    if (!(receipt instanceof Uint8Array) || receipt.length > MAILBOX_RECEIPT_BYTES_MAX) throw badField('receipts');
    return receipt;
  });
}
