import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerParent } from '../process/worker-loop.ts';

/** node:http as most people would write an echo with it: a landmark, not an opponent. */
const server = createServer((request, response) => {
  const body: Buffer[] = [];
  request.on('data', (chunk: Buffer) => body.push(chunk));
  request.on('end', () => {
    const bytes = Buffer.concat(body);
    response.sendDate = false;
    response.setHeader('content-length', bytes.length);
    response.end(bytes);
  });
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
answerParent({ address: () => ({ host: '127.0.0.1', port: (server.address() as AddressInfo).port }) });
