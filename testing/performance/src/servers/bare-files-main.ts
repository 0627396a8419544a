import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { READ_BUFFER_BYTES } from '../bounds.ts';
import { BARE_NAME_CHARS, BARE_REQUEST_BYTES } from '../clients/get-framing.ts';
import { answerParent } from '../process/worker-loop.ts';
import { reopen } from './bare-server.ts';

/**
 * What Node.js can do at most: TCP, and as many bytes as were asked for, out of
 * memory that was filled before, in one write and without a word before them.
 */
const contents = new Map<string, Buffer>();

function contentOf(name: string, sizeBytes: number): Buffer {
  let content = contents.get(name);
  if (content?.length !== sizeBytes) {
    content = Buffer.alloc(sizeBytes, name);
    contents.set(name, content);
  }
  return content;
}

const readBuffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);

const server = createServer({ noDelay: true, pauseOnConnect: true }, (accepted) => {
  const request = Buffer.alloc(BARE_REQUEST_BYTES);
  let came = 0;
  const socket = reopen(accepted, readBuffer, (bytes) => {
    for (let at = 0; at < bytes; ) {
      const copied = readBuffer.copy(request, came, at, bytes);
      came += copied;
      at += copied;
      if (came < BARE_REQUEST_BYTES) return;
      came = 0;
      socket.write(contentOf(request.toString('latin1', 0, BARE_NAME_CHARS), request.readUInt32BE(BARE_NAME_CHARS)));
    }
  });
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
answerParent({ address: () => ({ host: '127.0.0.1', port: (server.address() as AddressInfo).port }) });
