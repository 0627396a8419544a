import type { Socket } from 'node:net';
import type { Address } from '../process/worker-protocol.ts';
import { connectTo, readMessages } from './message-socket.ts';

/** A row: its values as bytes. */
export type Row = readonly Uint8Array[];

/** Name of the role and of its database. */
export const POSTGRES_ROLE = 'bench';

const PROTOCOL = 196_608;
const HEAD_BYTES = 5;

/** A connection to PostgreSQL (protocol 3) that prepares each statement once and passes values in binary. */
export class PostgresConnection {
  readonly #socket: Socket;
  readonly #prepared = new Map<string, string>();
  #rows: Row[] = [];
  #error: Error | undefined;
  #waiting: { readonly resolve: (rows: readonly Row[]) => void; readonly reject: (error: Error) => void } | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    readMessages(socket, (input, at) => this.#take(input, at));
    socket.on('close', () => this.#waiting?.reject(new Error('the connection to PostgreSQL was lost')));
  }

  static async open(address: Address): Promise<PostgresConnection> {
    const connection = new PostgresConnection(await connectTo(address));
    const greeting = Buffer.from(`\0\0\0\0\0\0\0\0user\0${POSTGRES_ROLE}\0database\0postgres\0\0`);
    greeting.writeUInt32BE(greeting.length, 0);
    greeting.writeUInt32BE(PROTOCOL, 4);
    await connection.#exchange(greeting);
    return connection;
  }

  /** Runs statements one after the other in one round trip; the rows of all of them. One call at a time. */
  run(...statements: readonly (readonly [sql: string, ...values: Uint8Array[]])[]): Promise<readonly Row[]> {
    return this.#exchange(Buffer.concat([...statements.flatMap(([sql, ...values]) => this.#execute(sql, values)), message('S')]));
  }

  close(): void {
    this.#socket.destroy();
  }

  #execute(sql: string, values: readonly Uint8Array[]): Buffer[] {
    const known = this.#prepared.get(sql);
    const name = known ?? `s${this.#prepared.size}`;
    this.#prepared.set(sql, name);
    const binary = int16(1);
    const bound = values.flatMap((value) => [int32(value.length), value]);
    return [
      ...(known === undefined ? [message('P', Buffer.from(`${name}\0${sql}\0`), int16(0))] : []),
      message('B', Buffer.from(`\0${name}\0`), int16(1), binary, int16(values.length), ...bound, int16(1), binary),
      message('E', Buffer.from('\0'), int32(0)),
    ];
  }

  #exchange(bytes: Uint8Array): Promise<readonly Row[]> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(bytes);
    });
  }

  #take(input: Buffer, at: number): number | undefined {
    if (input.length - at < HEAD_BYTES) return undefined;
    const end = at + 1 + input.readUInt32BE(at + 1);
    if (end > input.length) return undefined;
    this.#onMessage(String.fromCharCode(input[at] as number), input.subarray(at + HEAD_BYTES, end));
    return end;
  }

  #onMessage(kind: string, body: Buffer): void {
    if (kind === 'D') {
      this.#rows.push(rowOf(body));
    } else if (kind === 'E') {
      this.#error = new Error(`PostgreSQL: ${body.toString().replaceAll('\0', ' ')}`);
    } else if (kind === 'Z') {
      const waiting = this.#waiting;
      if (this.#error === undefined) waiting?.resolve(this.#rows);
      else waiting?.reject(this.#error);
      this.#rows = [];
      this.#error = undefined;
    }
  }
}

/** A one-dimensional array of values without null, as the server takes it in binary. */
export function binaryArray(elementType: number, values: readonly Uint8Array[]): Buffer {
  const head = [int32(1), int32(0), int32(elementType), int32(values.length), int32(1)];
  return Buffer.concat([...head, ...values.flatMap((value) => [int32(value.length), value])]);
}

function rowOf(body: Buffer): Row {
  const values: Uint8Array[] = [];
  let at = 2;
  for (let left = body.readUInt16BE(0); left > 0; left--) {
    const end = at + 4 + body.readUInt32BE(at);
    values.push(body.subarray(at + 4, end));
    at = end;
  }
  return values;
}

function message(kind: string, ...parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 4);
  return Buffer.concat([Buffer.from(kind), int32(length), ...parts]);
}

function int16(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32BE(value);
  return bytes;
}
