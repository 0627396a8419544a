import { createServer, Socket } from 'node:net';
import type { AddressInfo, Server, SocketConstructorOpts } from 'node:net';
import { once } from 'node:events';
import { READ_BUFFER_BYTES } from '../bounds.ts';
import type { Address } from '../process/worker-protocol.ts';

const LENGTH_BYTES = 4;
/** Up to this size a loop over bytes beats a call that copies. */
const LOOP_COPY_BYTES_MAX = 128;
const NOTHING = Buffer.alloc(0);

/**
 * The yardstick: an echo of length-prefixed messages and nothing else, as fast
 * as Node.js lets one write it. All connections read into one buffer, many
 * messages are parsed per read without joining chunks, and all replies of a
 * read are copied into one buffer and leave in one write.
 *
 * @param keep sees the messages of one read before they are echoed
 */
export async function startBareServer(host: string, keep?: (messages: Buffer) => void): Promise<{ address: Address; server: Server }> {
  const readBuffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
  const server = createServer({ noDelay: true, pauseOnConnect: true }, (accepted) => {
    serveBare(accepted, readBuffer, keep);
  });
  server.listen(0, host);
  await once(server, 'listening');
  return { address: { host, port: (server.address() as AddressInfo).port }, server };
}

/** Replies of one read; shared by all connections, as each is done with it before the next one reads. */
let replies = Buffer.allocUnsafeSlow(2 * READ_BUFFER_BYTES);

function serveBare(accepted: Socket, readBuffer: Buffer, keep: ((messages: Buffer) => void) | undefined): void {
  /** The message that is cut by the end of a read, its length prefix included. */
  let partial: Buffer = NOTHING;

  const onRead = (bytes: number): void => {
    let input = readBuffer;
    let end = bytes;
    if (partial.length > 0) {
      input = Buffer.concat([partial, readBuffer.subarray(0, bytes)]);
      end = input.length;
    }
    if (end > replies.length) replies = Buffer.allocUnsafeSlow(2 * end);
    let at = 0;
    while (end - at >= LENGTH_BYTES) {
      const next = at + LENGTH_BYTES + input.readUInt32BE(at);
      if (next > end) break;
      if (next - at <= LOOP_COPY_BYTES_MAX) for (; at < next; at++) replies[at] = input[at] as number;
      else replies.set(input.subarray(at, next), at);
      at = next;
    }
    partial = at === end ? NOTHING : Buffer.from(input.subarray(at, end));
    if (at === 0) return;
    keep?.(replies.subarray(0, at));
    socket.write(replies.subarray(0, at));
    // What the kernel did not take at once is still read from this memory.
    if (socket.writableLength > 0) replies = Buffer.allocUnsafeSlow(replies.length);
  };
  const socket = reopen(accepted, readBuffer, onRead);
}

/** A socket on the handle of `accepted` that reads into `buffer`: net.Server offers `onread` only for clients. */
export function reopen(accepted: Socket, buffer: Buffer, onRead: (bytes: number) => void): Socket {
  const handle: unknown = Reflect.get(accepted, '_handle');
  Reflect.set(accepted, '_handle', null);
  const options = {
    handle,
    onread: {
      buffer,
      callback: (bytes: number): boolean => {
        onRead(bytes);
        return true;
      },
    },
  };
  const socket = new Socket(options as SocketConstructorOpts);
  socket.on('error', () => {
    socket.destroy();
  });
  socket.resume();
  return socket;
}
