import type { Mailbox, Message, OapError, SubscriptionState } from '@omnigate/sdk';
import { BadAnswer } from '../exit-code.ts';
import { FOLLOW_PREFETCH } from '../limits.ts';
import { printError, printNotice } from '../output.ts';

/** How messages are followed. */
export interface FollowFlags {
  readonly visibility?: number;
  readonly json?: boolean;
}

/**
 * Shows messages as they come, each acknowledged when it was shown, until the
 * process is told to stop; then what was shown is acknowledged and the rest goes
 * back. A second signal ends it at once.
 *
 * @throws OapError when the subscription ends for good
 * @throws BadAnswer when messages come again although they were shown
 */
export async function followMessages(mailbox: Mailbox, { visibility, json = false }: FollowFlags, show: (message: Message) => Promise<void>): Promise<void> {
  const subscription = mailbox.subscribe({ prefetch: FOLLOW_PREFETCH, visibilityMs: visibility });
  const acks = new Set<Promise<void>>();
  let again = 0;
  let showing = false;
  const stopping = new AbortController();
  const stop = (): void => {
    stopping.abort();
    // What is being shown is acknowledged first.
    if (!showing) void subscription.close();
  };
  const acknowledge = async (message: Message): Promise<void> => {
    try {
      await message.ack();
    } catch (error) {
      again++;
      printError(error, json);
    }
  };
  subscription.onState(tellOutages(mailbox.topic, json));
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    for await (const message of subscription) {
      showing = true;
      await show(message);
      const ack = acknowledge(message).finally(() => acks.delete(ack));
      acks.add(ack);
      showing = false;
      if (stopping.signal.aborted) break;
    }
  } finally {
    await subscription.close();
    await Promise.all(acks);
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
  if (again > 0) throw new BadAnswer(`${again} messages that were shown may come again`);
}

/** Says once that the node is away, and once that it is back. */
function tellOutages(topic: string, json: boolean): (state: SubscriptionState, error: OapError | undefined) => void {
  let away = false;
  return (state, error) => {
    if (state === 'waiting' && !away) {
      away = true;
      printNotice(`${topic} waits for the node: ${error?.message ?? 'the connection is lost'}`, json);
    } else if (state === 'open' && away) {
      away = false;
      printNotice(`${topic} is followed again`, json);
    }
  };
}
