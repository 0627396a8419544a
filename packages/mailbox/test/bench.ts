import { decode, encode } from '@msgpack/msgpack';
import { MailboxOp } from '../src/broker/call.ts';
import type { BrokerOptions } from '../src/broker/broker.ts';
import { Writer } from '../src/codec/writer.ts';
import { FromEngine, readReplies, ToEngine, writeFrame } from '../src/engine/batch.ts';
import { Engine } from '../src/engine/engine.ts';
import { Memtable } from '../src/store/memtable.ts';
import { MemoryStore } from '../src/store/memory-store.ts';
import type { Entry, Key, Store } from '../src/store/store.ts';

/** Names of the operations. */
export type OpName = keyof typeof MailboxOp;

/** An answer of the engine. */
export interface Answer {
  readonly callId: number;
  readonly part: boolean;
  readonly status: number;
  readonly endToEnd: boolean;
  readonly payload: Uint8Array;
  readonly body: AnswerBody;
}

/** A message as it comes. */
export interface Message {
  readonly id: string;
  readonly body: Uint8Array;
  readonly receipt: Uint8Array;
  readonly deliveries: number;
  readonly key?: string;
  readonly group?: string;
  readonly dead?: object;
}

/** The fields of all answers: a test knows which of them its call is answered with. */
interface AnswerBody {
  readonly id: string;
  readonly duplicate: boolean;
  readonly ids: readonly (string | null)[];
  readonly duplicates?: readonly number[];
  readonly errors?: readonly { readonly at: number }[];
  readonly messages: readonly Message[];
  readonly outcomes: readonly string[];
  readonly receipts: readonly Uint8Array[];
  readonly outcome: string;
  readonly next: Uint8Array | undefined;
  readonly moved: number;
  readonly reason: string;
  readonly ready: number;
  readonly leased: number;
}

export interface CallOptions {
  readonly tenant?: string;
  readonly endToEnd?: boolean;
}

export const TENANT_A = 'A'.repeat(16);
export const TENANT_B = 'B'.repeat(16);

/** A store whose memory survives it, with faults on demand: what a crash leaves is exactly what was committed. */
export class FaultStore implements Store {
  hasRoom = true;
  /** The next commit throws: before it is done, or after. */
  failNextCommit: 'before' | 'after' | undefined;
  commits = 0;
  readonly durability = 'memory';
  readonly #disk: MemoryStore;
  readonly #table: Memtable;

  constructor(disk = new MemoryStore()) {
    this.#disk = disk;
    this.#table = new Memtable(disk);
  }

  /** What is found after a crash. */
  reopened(): FaultStore {
    return new FaultStore(this.#disk);
  }

  get writtenBytes(): number {
    return this.#table.writtenBytes;
  }

  get(key: Key): Uint8Array | undefined {
    return this.#table.get(key);
  }

  range(from: Key, below: Key, limit: number): Entry[] {
    return this.#table.range(from, below, limit);
  }

  insert(key: Key, value: Uint8Array): void {
    if (this.#table.get(key) !== undefined) throw new Error('inserted a key that exists');
    this.#table.insert(key, value);
  }

  put(key: Key, value: Uint8Array): void {
    this.#table.put(key, value);
  }

  remove(key: Key): void {
    if (this.#table.get(key) === undefined) throw new Error('removed a key that does not exist');
    this.#table.remove(key);
  }

  commit(): void {
    const fault = this.failNextCommit;
    if (fault === 'before') throw new Error('injected: the disk failed before the commit');
    if (this.#table.writtenBytes > 0) this.commits++;
    for (const { key, value } of this.#table.pending()) {
      if (value !== undefined) this.#disk.put(key, value);
      else if (this.#disk.get(key) !== undefined) this.#disk.remove(key);
    }
    this.#disk.commit();
    this.#table.clear();
    if (fault === 'after') throw new Error('injected: the disk failed after the commit');
  }

  close(): void {
    // Whatever was committed stays.
  }
}

/** An engine on a virtual clock, asked one call at a time. */
export class Bench<S extends Store = Store> {
  nowMs = 1_800_000_000_000;
  store: S;
  readonly #options: BrokerOptions;
  #engine: Engine;
  #nextCall = 1;

  constructor(store: S, options: BrokerOptions = {}) {
    this.store = store;
    this.#options = { entropy: countingEntropy(), ...options };
    this.#engine = new Engine(store, this.#options);
  }

  get engine(): Engine {
    return this.#engine;
  }

  /** Goes on with what another store has: after a crash, the same one opened again. */
  reopen(store: S): void {
    this.store = store;
    this.#engine = new Engine(store, this.#options);
    // As in a process that has just started.
    this.#nextCall = 1;
  }

  /** One step with nothing but the time. */
  tick(ms = 0): Answer[] {
    this.nowMs += ms;
    return this.step(new Writer());
  }

  /** One call in a step of its own; the error's map where it is refused. */
  call(op: OpName, fields: unknown, options: CallOptions = {}): Answer {
    const [answer] = this.calls([[op, fields, options]]);
    if (answer === undefined) throw new Error(`${op} was not answered`);
    return answer;
  }

  /** Several calls in one step; answers as they come. */
  calls(list: readonly (readonly [OpName, unknown, CallOptions?])[]): Answer[] {
    const batch = new Writer();
    for (const [op, fields, options = {}] of list) {
      const payload = fields instanceof Uint8Array ? fields : encode(fields);
      this.write(batch, ToEngine.REQUEST, this.#nextCall++, { op: MailboxOp[op], payload, ...options });
    }
    return this.step(batch);
  }

  /** The number that the next call gets. */
  get nextCall(): number {
    return this.#nextCall;
  }

  cancel(callId: number): Answer[] {
    const batch = new Writer();
    this.write(batch, ToEngine.CANCEL, callId, {});
    return this.step(batch);
  }

  drained(callId: number): Answer[] {
    const batch = new Writer();
    this.write(batch, ToEngine.DRAINED, callId, {});
    return this.step(batch);
  }

  /** The payload of an answer never left, and its receiver goes. */
  undelivered(answer: Answer, topic: string): Answer[] {
    const batch = new Writer();
    this.writeUndelivered(batch, answer, topic);
    this.write(batch, ToEngine.CANCEL, answer.callId, {});
    return this.step(batch);
  }

  /** The payload of an answer never left; its receiver has gone before. */
  takeBack(answer: Answer, topic: string): Answer[] {
    const batch = new Writer();
    this.writeUndelivered(batch, answer, topic);
    return this.step(batch);
  }

  step(batch: Writer): Answer[] {
    const replies = [...this.#engine.step(batch.take(), this.nowMs)].flatMap((replied) => [...readReplies(replied)]);
    return replies.filter(({ kind }) => kind !== FromEngine.CANCELLED).map(({ kind, callId, status, endToEnd, payload }) => ({
      callId,
      part: kind === FromEngine.PART,
      status,
      endToEnd,
      payload,
      body: decode(kind === FromEngine.PART ? payload.subarray(4) : payload) as AnswerBody,
    }));
  }

  private writeUndelivered(batch: Writer, { callId, part, payload }: Answer, topic: string): void {
    this.write(batch, ToEngine.UNDELIVERED, callId, { payload: part ? payload.subarray(4) : payload, topic });
  }

  private write(batch: Writer, kind: number, callId: number, frame: { op?: number; payload?: Uint8Array; tenant?: string; topic?: string; endToEnd?: boolean }): void {
    const { op = 0, payload = new Uint8Array(0), tenant = TENANT_A, topic = '', endToEnd = false } = frame;
    writeFrame(batch, { kind, callId, op, tenant, topic, payload, endToEnd });
  }
}

export const bytes = (text: string): Uint8Array => Buffer.from(text);

/** Chance that is the same in every run. */
function countingEntropy(): (into: Uint8Array) => void {
  let count = 0;
  return (into) => {
    into.fill(0);
    new DataView(into.buffer, into.byteOffset).setUint32(into.length - 4, ++count * 65_536);
  };
}
