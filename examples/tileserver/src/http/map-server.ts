import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ANSWER_MS_MAX, CONNECTIONS_MAX, HEADER_BYTES_MAX, KEEP_ALIVE_MS, REQUEST_MS_MAX, SHUTDOWN_MS } from '../limits.ts';
import type { Log } from '../log.ts';
import { NO_BODY, problemAnswer } from './http-answer.ts';
import type { HttpAnswer } from './http-answer.ts';
import type { MapRoutes } from './map-routes.ts';
import { GONE } from './tile-answers.ts';

/** Where to listen. */
export interface ListenAddress {
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
}

/** The HTTP server of the map: bounded, and stopped without breaking off an answer. */
export class MapServer implements AsyncDisposable {
  readonly #routes: MapRoutes;
  readonly #log: Log;
  readonly #server: Server;
  #url = '';
  #stopped: Promise<void> | undefined;

  private constructor(routes: MapRoutes, log: Log) {
    this.#routes = routes;
    this.#log = log;
    this.#server = createServer(
      {
        maxHeaderSize: HEADER_BYTES_MAX,
        headersTimeout: REQUEST_MS_MAX,
        requestTimeout: REQUEST_MS_MAX,
        keepAliveTimeout: KEEP_ALIVE_MS,
      },
      (request, response) => {
        void this.#serve(request, response);
      },
    );
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  /** Resolves when it takes requests. */
  static async listen({ host, port }: ListenAddress, routes: MapRoutes, log: Log): Promise<MapServer> {
    const server = new MapServer(routes, log);
    server.#server.listen(port, host);
    try {
      await once(server.#server, 'listening');
    } catch (cause) {
      throw new Error(`Cannot listen on ${host}:${port}: ${(cause as Error).message}. Choose another with --listen.`, { cause });
    }
    const { address, family, port: bound } = server.#server.address() as AddressInfo;
    server.#url = `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}/`;
    return server;
  }

  /** Such as `http://127.0.0.1:6280/`. */
  get url(): string {
    return this.#url;
  }

  /** Takes no more requests, and lets those under way have SHUTDOWN_MS. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    await Promise.race([closed, sleep(SHUTDOWN_MS, undefined, { ref: false })]);
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const needed = new AbortController();
    const late = setTimeout(() => {
      needed.abort(`There was no answer within ${ANSWER_MS_MAX} ms.`);
    }, ANSWER_MS_MAX);
    response.on('close', () => {
      clearTimeout(late);
      needed.abort(GONE);
    });
    try {
      this.#send(request, response, await this.#routes.answer(request, needed.signal));
    } catch (error) {
      this.#log.error(`${request.method ?? ''} ${request.url ?? ''}: ${String(error)}`);
      const message = 'The tile server has a defect; its log says more.';
      this.#send(request, response, problemAnswer({ status: 500, reason: 'internal', message }));
    }
  }

  #send({ method }: IncomingMessage, response: ServerResponse, { status, headers, body }: HttpAnswer): void {
    if (response.destroyed) return;
    const bodiless = status === 204 || status === 304;
    const last = this.#stopped === undefined ? {} : { connection: 'close' };
    const length = bodiless ? {} : { 'content-length': body.length };
    response.writeHead(status, { ...length, 'x-content-type-options': 'nosniff', ...headers, ...last });
    response.end(bodiless || method === 'HEAD' ? NO_BODY : body);
  }
}
