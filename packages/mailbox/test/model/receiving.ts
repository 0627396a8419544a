import { deepEqual } from 'node:assert/strict';
import fc from 'fast-check';
import { optional, picks } from './arbitraries.ts';
import type { Model } from './model.ts';
import { Step } from './real.ts';
import type { Delivery, Real } from './real.ts';
import type { ModelReceiver, Pace } from './receivers.ts';

/** Commands of receivers: RECV, SUBSCRIBE, and how what they are given leaves, or does not. */

const visibilities = optional(fc.constantFrom(1, 15, 40_000));
const receivingTopics = fc.constantFrom('a', 'a', 'b', 'b', 'a/dlq', 'b/dlq');
const acks = fc.constantFrom(false, false, false, true);
const paces = fc.constantFrom<Pace>('prompt', 'prompt', 'reading', 'slow');
const shape = { topic: receivingTopics, visibilityMs: visibilities, auto: acks, pace: paces };

type Wanted = Pick<ModelReceiver, 'topic' | 'visibilityMs' | 'auto' | 'pace' | 'messagesMax'>;

function receive(model: Model, real: Real, wanted: Wanted, waitMs: number): void {
  const { topic, visibilityMs, auto, messagesMax } = wanted;
  const { nextCall } = real.bench;
  model.receivers.add({ ...wanted, callId: nextCall, subscription: false, untilMs: model.nowMs + waitMs, held: new Set(), drained: true });
  real.ask('RECV', { topic, max: messagesMax, visibility_ms: visibilityMs, ack: ackOf(auto), wait_ms: waitMs });
}

function subscribe(model: Model, real: Real, wanted: Wanted): void {
  const { topic, visibilityMs, auto, messagesMax } = wanted;
  const { nextCall } = real.bench;
  model.receivers.add({ ...wanted, callId: nextCall, subscription: true, untilMs: Number.POSITIVE_INFINITY, held: new Set(), drained: false });
  real.ask('SUBSCRIBE', { topic, prefetch: messagesMax, visibility_ms: visibilityMs, ack: ackOf(auto) });
}

function ackOf(auto: boolean): string {
  return auto ? 'auto' : 'explicit';
}

const describe = ({ topic, messagesMax, visibilityMs, auto, pace }: Wanted): string =>
  `${topic} max ${messagesMax} for ${String(visibilityMs)}${auto ? ' auto' : ''}, ${pace}`;

export const receives = fc.record({ ...shape, messagesMax: fc.constantFrom(1, 2, 10) }).map(
  (wanted) => new Step(`RECV ${describe(wanted)}`, (model, real) => {
    receive(model, real, wanted, 0);
  }),
);

export const waits = fc.tuple(fc.record({ ...shape, messagesMax: fc.constantFrom(1, 10) }), fc.constantFrom(5, 31_000)).map(
  ([wanted, waitMs]) => new Step(`RECV ${describe(wanted)} wait ${waitMs}`, (model, real) => {
    receive(model, real, wanted, waitMs);
  }),
);

export const subscribes = fc.record({ ...shape, messagesMax: fc.constantFrom(1, 2, 2) }).map(
  (wanted) => new Step(`SUBSCRIBE ${describe(wanted)}`, (model, real) => {
    subscribe(model, real, wanted);
  }),
);

/** What a subscription was given has left. */
export const drains = picks.map((pick) => new Step(`drain ${pick}`, (model, real) => {
  const waiting = model.receivers.subscriptions.filter(({ drained }) => !drained);
  const receiver = waiting[pick % Math.max(waiting.length, 1)];
  if (receiver === undefined) return;
  real.reach(receiver);
  model.receivers.drained(receiver);
  real.arrive(real.bench.drained(receiver.callId));
}));

/** A receiver goes; what was on its way to it has reached it, or is lost, which the mailbox is told at once or later. */
export const cancels = fc.tuple(picks, fc.constantFrom('reached', 'lost', 'lost and told')).map(
  ([pick, what]) => new Step(`cancel ${pick}, ${what}`, (model, real) => {
    const { open } = model.receivers;
    const receiver = open[pick % Math.max(open.length, 1)];
    if (receiver === undefined) return;
    const delivery = real.onTheWay.get(receiver);
    if (what === 'reached') real.reach(receiver);
    real.onTheWay.delete(receiver);
    if (what === 'lost and told' && delivery !== undefined) {
      takeBack(model, delivery);
      model.cancel(receiver);
      real.arrive(real.bench.undelivered(delivery.answer, receiver.topic));
      return;
    }
    if (what === 'lost' && delivery !== undefined) real.lost.push(delivery);
    model.cancel(receiver);
    real.arrive(real.bench.cancel(receiver.callId));
  }),
);

/** The mailbox is told of a delivery that never left, whatever became of its messages meanwhile. */
export const givesBack = picks.map((pick) => new Step(`undelivered ${pick}`, (model, real) => {
  const [delivery] = real.lost.splice(pick % Math.max(real.lost.length, 1), 1);
  if (delivery === undefined) return;
  takeBack(model, delivery);
  const others = real.bench.takeBack(delivery.answer, delivery.topic);
  deepEqual(others.filter(({ callId }) => callId === delivery.answer.callId), [], 'who is gone is told nothing');
  real.arrive(others);
}));

function takeBack(model: Model, { given }: Delivery): void {
  for (const { topic, id, receipt } of given) model.takeBack(topic, id, Buffer.from(receipt).toString('hex'));
}
