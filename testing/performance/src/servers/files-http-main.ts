import { once } from 'node:events';
import { createReadStream, readdirSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { HTTP_KEEP_ALIVE_MS } from '../bounds.ts';
import { answerParent } from '../process/worker-loop.ts';

/**
 * node:http that serves the files of a folder, the first argument, as most people
 * would write it. It knows their sizes beforehand, which saves it a stat for each.
 */
const folder = process.argv[2] ?? '';
const sizes = new Map(readdirSync(folder).map((name) => [`/${name}`, statSync(join(folder, name)).size]));

const server = createServer((request, response) => {
  const { url = '' } = request;
  const sizeBytes = sizes.get(url);
  if (sizeBytes === undefined) {
    response.writeHead(404).end();
    return;
  }
  response.setHeader('content-length', sizeBytes);
  createReadStream(join(folder, url)).pipe(response);
});
// Whoever is measured in turn is idle while the others are.
server.keepAliveTimeout = HTTP_KEEP_ALIVE_MS;
server.listen(0, '127.0.0.1');
await once(server, 'listening');
answerParent({ address: () => ({ host: '127.0.0.1', port: (server.address() as AddressInfo).port }) });
