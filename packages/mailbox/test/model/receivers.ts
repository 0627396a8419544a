import type { ModelMessage } from './model.ts';

/**
 * How what a receiver is given gets to it: at once, and the way is free again;
 * at once, and the way is free when it is drained; or it is on its way until it
 * is drained, and lost where nothing is ever drained.
 */
export type Pace = 'prompt' | 'reading' | 'slow';

/** One RECV that waits, or one subscription. */
export interface ModelReceiver {
  readonly callId: number;
  readonly topic: string;
  /** Messages of one reply, or leases of a subscription. */
  readonly messagesMax: number;
  readonly visibilityMs: number | undefined;
  readonly auto: boolean;
  readonly pace: Pace;
  readonly subscription: boolean;
  /** End of the wait of a RECV. */
  readonly untilMs: number;
  readonly held: Set<ModelMessage>;
  /** What it was given has left. */
  drained: boolean;
}

/** What goes to a receiver in one step. */
export interface HandOut {
  readonly receiver: ModelReceiver;
  readonly messages: readonly ModelMessage[];
}

/** Receivers as specs/mailbox-1.md §6.1 and §7 have them. Nothing of this survives a crash. */
export class ModelReceivers {
  /** In the order of their calls. */
  readonly #open: ModelReceiver[] = [];
  /** Those that can take something, in the order in which they could. */
  readonly #hungry: ModelReceiver[] = [];
  /** Subscriptions that were not told yet that they stand. */
  readonly #begun: ModelReceiver[] = [];

  get subscriptions(): readonly ModelReceiver[] {
    return this.#open.filter(({ subscription }) => subscription);
  }

  get open(): readonly ModelReceiver[] {
    return this.#open;
  }

  add(receiver: ModelReceiver): void {
    this.#open.push(receiver);
    if (receiver.subscription) this.#begun.push(receiver);
    this.#want(receiver);
  }

  drained(receiver: ModelReceiver): void {
    receiver.drained = true;
    this.#want(receiver);
  }

  /** A message is leased no longer. */
  leaseOver(message: ModelMessage): void {
    const { holder } = message;
    message.holder = undefined;
    holder?.held.delete(message);
    if (holder !== undefined) this.#want(holder);
  }

  close(receiver: ModelReceiver): void {
    for (const list of [this.#open, this.#hungry]) if (list.includes(receiver)) list.splice(list.indexOf(receiver), 1);
  }

  closeAll(): void {
    for (const list of [this.#open, this.#hungry]) list.length = 0;
  }

  /** @param take what there is for a receiver that can take something */
  serve(nowMs: number, take: (receiver: ModelReceiver) => ModelMessage[]): HandOut[] {
    const handOuts: HandOut[] = this.#begun.splice(0).map((receiver) => ({ receiver, messages: [] }));
    for (const receiver of [...this.#hungry]) {
      const messages = take(receiver);
      if (messages.length === 0) continue;
      handOuts.push({ receiver, messages });
      if (receiver.subscription) this.#sate(receiver, messages);
      else this.close(receiver);
    }
    for (const receiver of this.#open.filter(({ untilMs }) => untilMs <= nowMs)) {
      handOuts.push({ receiver, messages: [] });
      this.close(receiver);
    }
    return handOuts;
  }

  #sate(receiver: ModelReceiver, messages: readonly ModelMessage[]): void {
    this.#hungry.splice(this.#hungry.indexOf(receiver), 1);
    receiver.drained = false;
    if (!receiver.auto) for (const message of messages) receiver.held.add(message);
  }

  #want(receiver: ModelReceiver): void {
    const { drained, held, messagesMax } = receiver;
    if (!drained || held.size >= messagesMax || !this.#open.includes(receiver) || this.#hungry.includes(receiver)) return;
    this.#hungry.push(receiver);
  }
}
