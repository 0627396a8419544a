import { deepEqual, equal } from 'node:assert/strict';
import type fc from 'fast-check';
import type { Store } from '../../src/store/store.ts';
import { Bench } from '../bench.ts';
import type { Answer, OpName } from '../bench.ts';
import { faultsOf } from '../full-scan.ts';
import type { Model, ModelMessage, State } from './model.ts';
import type { HandOut, ModelReceiver } from './receivers.ts';

/** A receipt that was given once, good or not. */
interface Given {
  readonly topic: string;
  readonly id: string;
  readonly receipt: Uint8Array;
}

/** A reply or a record, and the receipts in it. */
export interface Delivery {
  readonly topic: string;
  readonly answer: Answer;
  readonly given: readonly Given[];
}

/** Where the mailbox under test keeps its messages. */
export interface Disk {
  readonly store: Store;
  /** What a crash leaves. */
  reopen(): Store;
  /** Makes the next commit fail before it is done; false when it cannot. */
  failNext(): boolean;
}

/** The mailbox under test, how it comes back after a crash, and what a client would remember. */
export class Real {
  bench: Bench;
  readonly receipts: Given[] = [];
  readonly ids: { topic: string; id: string }[] = [];
  /** What is on its way to receivers: they know nothing of it yet, and may never. */
  readonly onTheWay = new Map<ModelReceiver, Delivery>();
  /** What never left, of which the mailbox was not told yet. */
  readonly lost: Delivery[] = [];
  readonly #disk: Disk;
  /** Answers to receivers of earlier calls, or of this one. */
  #arrived: Answer[] = [];

  constructor(disk: Disk, nowMs: number) {
    this.#disk = disk;
    this.bench = new Bench(disk.store);
    this.bench.nowMs = nowMs;
    this.bench.tick();
  }

  /** A call that is answered at once. */
  call(op: OpName, fields: object): Answer {
    const { nextCall } = this.bench;
    const answers = this.bench.calls([[op, fields]]);
    this.arrive(answers.filter(({ callId }) => callId !== nextCall));
    const own = answers.find(({ callId }) => callId === nextCall);
    if (own === undefined) throw new Error(`${op} was not answered`);
    return own;
  }

  /** A call of a receiver, whose answer comes when there is one. */
  ask(op: 'RECV' | 'SUBSCRIBE', fields: object): void {
    this.arrive(this.bench.calls([[op, fields]]));
  }

  arrive(answers: readonly Answer[]): void {
    this.#arrived.push(...answers);
  }

  /** Takes what came for receivers, which has to be what the model says. */
  check(handOuts: readonly HandOut[]): void {
    const arrived = this.#arrived;
    this.#arrived = [];
    const calls = handOuts.map(({ receiver }) => receiver.callId);
    deepEqual(arrived.map(({ callId }) => callId).sort(), calls.sort(), 'the receivers that are answered');
    for (const { receiver, messages } of handOuts) {
      const answer = arrived.find(({ callId }) => callId === receiver.callId) as Answer;
      equal(answer.part, receiver.subscription);
      const delivery = deliveryOf(receiver, messages, answer);
      if (receiver.pace !== 'slow') this.receipts.push(...delivery.given);
      else if (receiver.subscription) this.onTheWay.set(receiver, delivery);
      else this.lost.push(delivery);
    }
  }

  /** A receiver has got what was on its way. */
  reach(receiver: ModelReceiver): void {
    this.receipts.push(...(this.onTheWay.get(receiver)?.given ?? []));
    this.onTheWay.delete(receiver);
  }

  /** Crashes; returns the time that the mailbox remembers. */
  crash(): number {
    this.onTheWay.clear();
    this.lost.length = 0;
    this.bench.reopen(this.#disk.reopen());
    const { nowMs } = this.bench.engine;
    this.bench.tick();
    return nowMs;
  }

  failNext(): boolean {
    return this.#disk.failNext();
  }
}

/** The messages of an answer, which have to be those of the model; it learns their receipts. */
function deliveryOf({ topic, auto }: ModelReceiver, expected: readonly ModelMessage[], answer: Answer): Delivery {
  const { messages } = answer.body;
  deepEqual(
    messages.map((m) => ({ id: m.id, body: Buffer.from(m.body).toString(), deliveries: m.deliveries, group: m.group, key: m.key })),
    expected.map((m) => ({ id: m.id, body: m.body, deliveries: m.deliveries, group: m.group, key: m.key })),
    'the messages that are delivered',
  );
  const given: Given[] = [];
  messages.forEach(({ id, receipt, dead }, index) => {
    const message = expected[index] as ModelMessage;
    if (message.dead === undefined) equal(dead, undefined);
    else deepEqual({ ...dead, at_ms: 0 }, { ...message.dead, at_ms: 0 });
    if (auto) {
      equal(receipt, undefined);
    } else {
      message.receipt = Buffer.from(receipt).toString('hex');
      given.push({ topic, id, receipt });
    }
  });
  return { topic, answer, given };
}

export type Command = fc.Command<Model, Real>;

/** A command that is always possible and ends with a comparison of everything that can be seen. */
export class Step implements Command {
  readonly #name: string;
  readonly #run: (model: Model, real: Real) => void;

  constructor(name: string, run: (model: Model, real: Real) => void) {
    this.#name = name;
    this.#run = run;
  }

  check(): boolean {
    return true;
  }

  run(model: Model, real: Real): void {
    model.advanceTo(real.bench.nowMs);
    this.#run(model, real);
    real.check(model.serve());
    drainPrompt(model, real);
    compare(model, real);
  }

  toString(): string {
    return this.#name;
  }
}

/** What a prompt subscription was given leaves by itself, until it is given nothing more. */
function drainPrompt(model: Model, real: Real): void {
  const given = ({ pace, drained }: ModelReceiver): boolean => pace === 'prompt' && !drained;
  for (let receiver = model.receivers.subscriptions.find(given); receiver !== undefined; receiver = model.receivers.subscriptions.find(given)) {
    model.receivers.drained(receiver);
    real.arrive(real.bench.drained(receiver.callId));
    real.check(model.serve());
  }
}

/** STATS of every topic is what the model says, and what a full scan finds (rule 10); the figures of the broker are their sum. */
function compare(model: Model, real: Real): void {
  deepEqual(faultsOf(real.bench.store), []);
  for (const { held, messagesMax } of model.receivers.subscriptions) equal(held.size <= messagesMax, true, 'prefetch');
  const sum: Record<string, number> = {};
  for (const topic of model.topics.values()) {
    const { status, body } = real.call('STATS', { topic: topic.name });
    equal(status, 200, `there is a topic ${topic.name}`);
    const count = (state: State): number => [...topic.messages.values()].filter((m) => m.state === state).length;
    const expected = {
      ready: count('ready'),
      blocked: [...topic.messages.values()].filter((m) => m.blocked).length,
      delayed: count('delayed'),
      leased: count('leased'),
      ...topic.totals,
    };
    const found = Object.fromEntries(Object.keys(expected).map((name) => [name, (body as unknown as Record<string, unknown>)[name]]));
    deepEqual(found, expected, `counts of ${topic.name}`);
    for (const [name, count] of Object.entries(expected)) sum[name] = (sum[name] ?? 0) + count;
  }
  const { counters, topics, receivers } = real.bench.engine.figures;
  const figures: Readonly<Record<string, number>> = counters;
  deepEqual(Object.fromEntries(Object.keys(sum).map((name) => [name, figures[name]])), sum, 'figures');
  deepEqual({ topics, receivers }, { topics: model.topics.size, receivers: model.receivers.open.length });
}
