import {
  MAILBOX_CONCURRENCY_MAX,
  MAILBOX_EXTEND_MS,
  MAILBOX_PREFETCH,
  MAILBOX_PREFETCH_MAX,
  MAILBOX_VISIBILITY_MS,
  MAILBOX_VISIBILITY_MS_MAX,
} from '../limits.ts';
import { readCount } from '../options.ts';
import type { Message } from './message.ts';

/** How messages are to be received. */
export interface ReceiveOptions {
  /** Messages at most, 1 to 256; 1. */
  readonly max?: number | undefined;
  /** How long to wait for the first message, 0 to 60,000 ms; 0. */
  readonly waitMs?: number | undefined;
  /** The lease of each message, 1 to 43,200,000 ms; 30,000. Extend it for longer work. */
  readonly visibilityMs?: number | undefined;
  /** `auto`: the messages are gone when they are handed out, whatever becomes of them. */
  readonly ack?: 'explicit' | 'auto' | undefined;
  /** Gives up waiting. */
  readonly signal?: AbortSignal | undefined;
}

/** How a subscription receives. */
export interface SubscribeOptions {
  /** Messages that may be with this subscription unsettled, 1 to 1,024; 64, or the concurrency if that is more. */
  readonly prefetch?: number | undefined;
  /** One lease, 1 to 43,200,000 ms; 30,000. It is extended while its message is worked on. */
  readonly visibilityMs?: number | undefined;
  /** For how long a message is kept by extending its lease, from its delivery, milliseconds; 3,600,000. 0: never extended. */
  readonly extendMsMax?: number | undefined;
  /** `auto`: messages are gone when they are handed out, whatever becomes of them. */
  readonly ack?: 'explicit' | 'auto' | undefined;
  /** Ends the subscription when aborted, as `close()` does. */
  readonly signal?: AbortSignal | undefined;
}

/** Works on one message: returning acknowledges it, throwing gives it back. */
export type MessageHandler = (message: Message, context: { readonly signal: AbortSignal }) => unknown;

/** How a handler is called. */
export interface HandlerOptions extends SubscribeOptions {
  /** Messages that are worked on at the same time, 1 to 1,024; 1. */
  readonly concurrency?: number | undefined;
  /** Hears what the handler threw, and of acknowledgements that failed; logged when absent. */
  readonly onError?: ((error: unknown, message: Message) => void) | undefined;
}

/** The options of a subscription, complete and checked. */
export interface SubscribeTerms {
  readonly prefetch: number;
  readonly visibilityMs: number;
  readonly extendMsMax: number;
  readonly autoAck: boolean;
  readonly concurrency: number;
}

/** @throws TypeError that names the option at fault */
export function readSubscribeOptions(options: HandlerOptions): SubscribeTerms {
  const concurrency = readCount(options.concurrency ?? 1, 'concurrency', 1, MAILBOX_CONCURRENCY_MAX);
  const prefetch = options.prefetch ?? Math.max(MAILBOX_PREFETCH, concurrency);
  return {
    prefetch: readCount(prefetch, 'prefetch', 1, MAILBOX_PREFETCH_MAX),
    visibilityMs: readVisibility(options.visibilityMs),
    extendMsMax: readCount(options.extendMsMax ?? MAILBOX_EXTEND_MS, 'extendMsMax', 0, Number.MAX_SAFE_INTEGER),
    autoAck: options.ack === 'auto',
    concurrency,
  };
}

/** The lease to ask for: always said, since the reply does not tell which one the topic gave. */
export function readVisibility(visibilityMs = MAILBOX_VISIBILITY_MS): number {
  return readCount(visibilityMs, 'visibilityMs', 1, MAILBOX_VISIBILITY_MS_MAX);
}
