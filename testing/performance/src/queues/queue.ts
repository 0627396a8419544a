import type { Address } from '../process/worker-protocol.ts';

/** How to reach a queue, and as whom. */
export interface QueueAccess {
  readonly address: Address;
  /** Of those that ask for one. */
  readonly capability?: Uint8Array;
}

/**
 * A durable queue as its users see it. Every implementation may put together
 * what is asked for in one turn of the event loop, in the way that suits it best.
 */
export interface Queue extends AsyncDisposable {
  /** Sends a message; resolves when it is durable. */
  send(body: Uint8Array): Promise<void>;
  /**
   * Receives until `stop`, with at most `unacknowledged` messages not yet
   * acknowledged, and acknowledges each.
   *
   * @param onAcknowledged so many more acknowledgements were answered
   */
  receive(unacknowledged: number, bodyBytes: number, onAcknowledged: (count: number) => void): Receiving;
}

/** A receiver at work. */
export interface Receiving {
  /** Rejects when it cannot go on; resolves after `stop`. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

/** Throws unless a body is as long as those that were sent. */
export function checkBody(body: Uint8Array, bodyBytes: number): void {
  if (body.length !== bodyBytes) throw new Error(`a message of ${body.length} bytes came back, and ${bodyBytes} were sent`);
}
