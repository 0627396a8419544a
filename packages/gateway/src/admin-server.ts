import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { retryAfterMs } from '@omnigate/kernel';
import type { ListenAddress } from '@omnigate/kernel';
import {
  ADMIN_CONNECTIONS_MAX,
  ADMIN_HEADER_BYTES_MAX,
  ADMIN_HEADERS_TIMEOUT_MS,
  ADMIN_KEEP_ALIVE_MS,
  ADMIN_REQUEST_TIMEOUT_MS,
  ADMIN_TIMEOUT_CHECK_MS,
} from './limits.ts';
import { MetricsExporter } from './metrics-exporter.ts';
import type { ExportSource } from './metrics-exporter.ts';
import type { Readiness } from './readiness.ts';

/** What the admin port shows. */
export interface AdminSource extends ExportSource {
  readonly readiness: Readiness;
}

interface Page {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
  /** When to ask again, seconds. */
  readonly retryAfterSeconds?: number;
}

/**
 * HTTP for operators and their machines: `/livez` says that the process turns,
 * `/readyz` whether it should get traffic, `/metrics` how it fares. It only ever
 * reads, and has no authentication: keep it on an address that is private.
 */
export class AdminServer implements AsyncDisposable {
  /** Where it listens in fact. */
  readonly address: ListenAddress;
  readonly #server: Server;
  readonly #exporter: MetricsExporter;
  readonly #readiness: Readiness;

  private constructor(server: Server, source: AdminSource) {
    const { address, port } = server.address() as AddressInfo;
    this.address = { host: address, port };
    this.#server = server;
    this.#exporter = new MetricsExporter(source);
    this.#readiness = source.readiness;
    server.on('request', (request, response) => {
      void this.#answer(request, response);
    });
    // Accepting can fail for want of descriptors; the node goes on without this caller.
    server.on('error', () => undefined);
  }

  /** @throws Error when the address cannot be listened at */
  static async listen(address: ListenAddress, source: AdminSource): Promise<AdminServer> {
    const server = createServer({
      headersTimeout: ADMIN_HEADERS_TIMEOUT_MS,
      requestTimeout: ADMIN_REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: ADMIN_TIMEOUT_CHECK_MS,
      keepAliveTimeout: ADMIN_KEEP_ALIVE_MS,
      maxHeaderSize: ADMIN_HEADER_BYTES_MAX,
    });
    server.maxConnections = ADMIN_CONNECTIONS_MAX;
    // Node closes a socket that moves nothing for this long, such as one whose reader sleeps.
    server.setTimeout(ADMIN_REQUEST_TIMEOUT_MS);
    server.listen(address.port, address.host);
    await once(server, 'listening');
    return new AdminServer(server, source);
  }

  /** Closes at once; connections that a scraper keeps open do not hold the node up. */
  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
      this.#server.closeAllConnections();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const page = await this.#page(request).catch((error: unknown) =>
      json(500, { error: 'internal', message: error instanceof Error ? error.message : String(error) }),
    );
    response.writeHead(page.status, {
      'content-type': page.contentType,
      'content-length': Buffer.byteLength(page.text),
      'cache-control': 'no-store',
      ...(page.status === 405 ? { allow: 'GET, HEAD' } : {}),
      ...(page.retryAfterSeconds === undefined ? {} : { 'retry-after': String(page.retryAfterSeconds) }),
    });
    response.end(request.method === 'HEAD' ? undefined : page.text);
  }

  async #page(request: IncomingMessage): Promise<Page> {
    const path = (request.url ?? '/').split('?', 1)[0];
    if (path !== '/livez' && path !== '/readyz' && path !== '/metrics') {
      return json(404, { error: 'not_found', message: 'Ask for /livez, /readyz or /metrics.' });
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return json(405, { error: 'method_not_allowed', message: 'Use GET or HEAD.' });
    }
    if (path === '/livez') return json(200, { status: 'live' });
    if (path === '/metrics') {
      return { status: 200, contentType: this.#exporter.contentType, text: await this.#exporter.text() };
    }
    const reasons = this.#readiness();
    if (reasons.length === 0) return json(200, { status: 'ready' });
    const retryAfterSeconds = Math.ceil(retryAfterMs(0, Math.random()) / 1_000);
    return { ...json(503, { status: 'not_ready', reasons }), retryAfterSeconds };
  }
}

function json(status: number, body: unknown): Page {
  return { status, contentType: 'application/json; charset=utf-8', text: `${JSON.stringify(body)}\n` };
}
