import { FILL_IN_FLIGHT, QUEUE_OPEN_MAX } from '../bounds.ts';
import type { Queue } from '../queues/queue.ts';
import { LoadMeter } from './load.ts';
import type { LoadPlan, LoadResult } from './load.ts';

/** Makes senders wait while more messages are on their way than a load wants. */
class Gate {
  #open = 0;
  #waiting: (() => void)[] = [];

  /** Undefined when there is room at once. */
  enter(): Promise<void> | undefined {
    if (this.#open < QUEUE_OPEN_MAX) {
      this.#open++;
      return undefined;
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  leave(count: number): void {
    const admitted = this.#waiting.splice(0, count);
    this.#open -= count - admitted.length;
    for (const resolve of admitted) resolve();
  }
}

/**
 * Messages sent, received and acknowledged: `inFlight` senders that send one
 * after the other, and a receiver that has at most `inFlight` messages. What is
 * between them is bounded. A request of the load is a message whose
 * acknowledgement was answered.
 */
export async function cycles(queue: Queue, body: Uint8Array, inFlight: number, plan: LoadPlan): Promise<LoadResult> {
  const meter = new LoadMeter(plan);
  const gate = new Gate();
  let sent = 0;
  let acknowledged = 0;
  let onDrained: (() => void) | undefined;
  const receiving = queue.receive(inFlight, body.length, (count) => {
    acknowledged += count;
    meter.add(count);
    gate.leave(count);
    if (!meter.running && acknowledged >= sent) onDrained?.();
  });
  const sendInTurn = async (): Promise<void> => {
    while (meter.running) {
      await gate.enter();
      sent++;
      await queue.send(body);
    }
  };
  const work = async (): Promise<LoadResult> => {
    await Promise.all(Array.from({ length: inFlight }, sendInTurn));
    if (acknowledged < sent) {
      await new Promise<void>((resolve) => {
        onDrained = resolve;
      });
    }
    return meter.result();
  };
  // A receiver that ends before it is stopped has failed.
  const result = await Promise.race([work(), receiving.ended.then(() => Promise.reject(new Error('the receiver ended early')))]);
  await receiving.stop();
  return result;
}

/** Sends messages that nobody receives yet. */
export async function fill(queue: Queue, body: Uint8Array, messages: number): Promise<void> {
  let left = messages;
  const sendInTurn = async (): Promise<void> => {
    while (left-- > 0) await queue.send(body);
  };
  await Promise.all(Array.from({ length: FILL_IN_FLIGHT }, sendInTurn));
}

/** How long each of `messages` sends takes, one after the other, milliseconds. */
export async function sendLatencies(queue: Queue, body: Uint8Array, messages: number): Promise<Float64Array> {
  const latencies = new Float64Array(messages);
  for (let index = 0; index < messages; index++) {
    const sentAt = performance.now();
    await queue.send(body);
    latencies[index] = performance.now() - sentAt;
  }
  return latencies;
}
