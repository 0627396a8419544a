import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { Address } from '../process/worker-protocol.ts';

/** Connects without delaying small writes. */
export async function connectTo({ host, port }: Address): Promise<Socket> {
  const socket = connect({ host, port, noDelay: true });
  await once(socket, 'connect');
  return socket;
}

/**
 * Reads a socket message by message.
 *
 * @param take deals with the message that begins `at`, and says where it ends; undefined when it has not arrived as a whole
 */
export function readMessages(socket: Socket, take: (input: Buffer, at: number) => number | undefined): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    const input = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    for (let end = take(input, at); end !== undefined; end = take(input, at)) at = end;
    rest = input.subarray(at);
  });
  // A close follows, which fails what waits for an answer.
  socket.on('error', () => undefined);
}
