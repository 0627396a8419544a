import type { Socket } from 'node:net';
import type { Address } from '../process/worker-protocol.ts';
import { connectTo, readMessages } from './message-socket.ts';

/** A reply of Redis; errors are thrown. */
export type RespValue = string | number | null | Uint8Array | readonly RespValue[];

interface Waiting {
  readonly resolve: (value: RespValue) => void;
  readonly reject: (error: Error) => void;
}

/** Marks a reply that has not arrived as a whole. */
const INCOMPLETE = Symbol('incomplete');
const CR = 13;

/** A connection to Redis that sends the commands of one turn of the event loop in one write. */
export class RespConnection {
  readonly #socket: Socket;
  readonly #waiting: Waiting[] = [];
  #head = 0;
  #out: Uint8Array[] = [];
  /** What is being read, and how far. */
  #input: Buffer = Buffer.alloc(0);
  #at = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    readMessages(socket, (input, at) => this.#take(input, at));
    socket.on('close', () => {
      for (const { reject } of this.#waiting.splice(this.#head)) reject(new Error('the connection to Redis was lost'));
    });
  }

  static async open(address: Address): Promise<RespConnection> {
    return new RespConnection(await connectTo(address));
  }

  /** Sends a command. */
  command(...parts: readonly (string | Uint8Array)[]): Promise<RespValue> {
    if (this.#out.length === 0) process.nextTick(this.#flush);
    let head = `*${parts.length}\r\n`;
    for (const part of parts) {
      if (typeof part === 'string') {
        head += `$${Buffer.byteLength(part)}\r\n${part}\r\n`;
      } else {
        this.#out.push(Buffer.from(`${head}$${part.length}\r\n`), part);
        head = '\r\n';
      }
    }
    this.#out.push(Buffer.from(head));
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  close(): void {
    this.#socket.destroy();
  }

  readonly #flush = (): void => {
    this.#socket.write(Buffer.concat(this.#out));
    this.#out = [];
  };

  #take(input: Buffer, at: number): number | undefined {
    this.#input = input;
    this.#at = at;
    const value = this.#value();
    if (value === INCOMPLETE) return undefined;
    const waiting = this.#waiting[this.#head++] as Waiting;
    if (value instanceof Error) waiting.reject(value);
    else waiting.resolve(value);
    if (this.#head === this.#waiting.length) {
      this.#waiting.length = 0;
      this.#head = 0;
    }
    return this.#at;
  }

  /** The value that begins here; goes behind it. */
  #value(): RespValue | Error | typeof INCOMPLETE {
    const input = this.#input;
    const lineEnd = input.indexOf(CR, this.#at);
    if (lineEnd < 0 || lineEnd + 1 >= input.length) return INCOMPLETE;
    const kind = String.fromCharCode(input[this.#at] as number);
    const line = input.toString('latin1', this.#at + 1, lineEnd);
    this.#at = lineEnd + 2;
    if (kind === '+') return line;
    if (kind === '-') return new Error(`Redis: ${line}`);
    if (kind === ':') return Number(line);
    const length = Number(line);
    if (length < 0) return null;
    if (kind === '$') {
      const start = this.#at;
      if (start + length + 2 > input.length) return INCOMPLETE;
      this.#at = start + length + 2;
      return input.subarray(start, start + length);
    }
    const items: RespValue[] = [];
    while (items.length < length) {
      const item = this.#value();
      if (item === INCOMPLETE || item instanceof Error) return item;
      items.push(item);
    }
    return items;
  }
}
