import { once } from 'node:events';
import { connect } from 'node:net';
import t from 'tap';
import { startBareServer } from '../src/servers/bare-server.ts';

/** Sends the chunks one by one and returns as many bytes as they have together. */
async function echoed(port: number, chunks: readonly Buffer[]): Promise<Buffer> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  await once(socket, 'connect');
  const wanted = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const received: Buffer[] = [];
  const all = new Promise<void>((resolve) => {
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => {
      received.push(chunk);
      bytes += chunk.length;
      if (bytes >= wanted) resolve();
    });
  });
  for (const chunk of chunks) {
    await new Promise((resolve) => socket.write(chunk, resolve));
    // A turn of the loop between writes makes the server read them one by one.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await all;
  socket.destroy();
  return Buffer.concat(received);
}

function message(bytes: number): Buffer {
  const message = Buffer.alloc(4 + bytes, 0xa5);
  message.writeUInt32BE(bytes);
  return message;
}

void t.test('the yardstick echoes messages whatever the cuts', async (t) => {
  const { address, server } = await startBareServer('127.0.0.1');
  t.teardown(() => server.close());
  const two = Buffer.concat([message(64), message(3)]);
  t.strictSame(await echoed(address.port, [two]), two, 'two in one chunk');
  t.strictSame(await echoed(address.port, Array.from(two, (byte) => Buffer.of(byte))), two, 'byte by byte');
  t.strictSame(await echoed(address.port, [two.subarray(0, 70), two.subarray(70)]), two, 'cut in a length prefix');
  const large = message(300_000);
  t.strictSame(await echoed(address.port, [large]), large, 'longer than a read');
  t.strictSame(await echoed(address.port, [message(0)]), message(0), 'an empty one');
});
