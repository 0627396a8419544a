import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { TlsOptions, TLSSocket } from 'node:tls';
import type { Case } from '../case.ts';
import { Deviation, Skip } from '../deviation.ts';
import { Trace } from '../trace.ts';
import type { Packable } from '../wire/messagepack.ts';
import { ClientLink } from './client-link.ts';
import type { StartSubject, Subject } from './subject.ts';

export type ClientCase = Case<Stand>;

/** How clients are tried. */
export interface StandOptions {
  /** Starts a client; `undefined` when people do. */
  readonly startSubject: StartSubject | undefined;
  readonly listen: { readonly host: string; readonly port: number };
  /** How long a client may take for anything; milliseconds. */
  readonly patienceMs: number;
  /** Certificate for cases with TLS. */
  readonly keyPair: { readonly cert: Buffer; readonly key: Buffer } | undefined;
}

/** A server that one client meets, and that does what one case says. */
export class Stand implements AsyncDisposable {
  readonly trace = new Trace();
  readonly #options: StandOptions;
  readonly #id: string;
  readonly #links: ClientLink[] = [];
  readonly #arrived: ClientLink[] = [];
  #waiting: (() => void)[] = [];
  #server: Server | undefined;
  #subject: Subject | undefined;
  #servesOthers = false;

  constructor(options: StandOptions, id: string) {
    this.#options = options;
    this.#id = id;
  }

  /**
   * Opens the port and starts the client.
   *
   * @param requests sizes in bytes: `5,6` one after the other, `5+6` at the same time
   * @param tls settings of a port with TLS, beside the certificate
   */
  async start(requests: string, tls?: TlsOptions): Promise<void> {
    const { listen, startSubject, keyPair } = this.#options;
    if (tls !== undefined && keyPair === undefined) throw new Skip('needs --cert and --key');
    const accept = (socket: Socket) => {
      this.#accept(socket);
    };
    this.#server = tls === undefined ? createServer({ allowHalfOpen: true }, accept) : createTlsServer({ ...keyPair, allowHalfOpen: true, ...tls }, accept);
    this.#server.on('tlsClientError', (error: Error) => {
      this.trace.note(`no TLS handshake: ${error.message}`);
    });
    const server = this.#server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(listen, resolve);
    });
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : listen.port;
    const url = `${tls === undefined ? 'oap' : 'oaps'}://${listen.host}:${port}`;
    this.#subject = startSubject?.(url, requests, this.trace);
    if (startSubject === undefined) process.stderr.write(`${this.#id}: connect to ${url} and echo ${requests}\n`);
  }

  /** The next connection of the client. */
  async accept(): Promise<ClientLink> {
    const deadlineMs = performance.now() + this.#options.patienceMs;
    for (;;) {
      const link = this.#arrived.shift();
      if (link !== undefined) return link;
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) throw new Deviation('a connection of the client', `none within ${this.#options.patienceMs} ms`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** Starts the client, and answers the HELLO of its first connection. */
  async greet(requests: string, fields: Readonly<Record<string, Packable | undefined>> = {}): Promise<ClientLink> {
    await this.start(requests);
    const link = await this.accept();
    await link.welcome(fields);
    return link;
  }

  /** From here on further connections get what they ask for: a client may try again. */
  serveOthers(): void {
    this.#servesOthers = true;
    for (const link of this.#arrived.splice(0)) this.#serve(link);
  }

  /** How many connections came so far. */
  get connections(): number {
    return this.#links.length;
  }

  /**
   * What the client says of each request: `ok`, `error` with any reason, `error REASON`, or `any`.
   * Nothing is expected of a client that people run.
   */
  async expectOutcomes(...expected: readonly string[]): Promise<void> {
    if (this.#subject === undefined) return;
    const timer = setTimeout(() => {
      this.trace.note('the client takes too long and is ended');
      this.#subject?.[Symbol.dispose]();
    }, this.#options.patienceMs);
    const lines = await this.#subject.lines.finally(() => {
      clearTimeout(timer);
    });
    for (const link of this.#links) link.check();
    const holds = lines.length === expected.length && expected.every((word, index) => isOutcome(lines[index] ?? '', word));
    if (!holds) throw new Deviation(`the client to print ${expected.join(', ')}`, lines.join(', ') || 'nothing');
  }

  /** An error, or success because the client asked again on a further connection; never with what it must refuse. */
  async expectRefused(): Promise<void> {
    await this.expectOutcomes('any');
    if (this.connections === 1) await this.expectOutcomes('error');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#subject?.[Symbol.dispose]();
    for (const link of this.#links) link[Symbol.dispose]();
    this.#server?.close();
    // The port is free in the next turn; what is left of a broken TLS handshake may take longer.
    await new Promise(setImmediate);
  }

  #accept(socket: Socket | TLSSocket): void {
    const link = new ClientLink(socket, this.trace, this.#options.patienceMs);
    this.#links.push(link);
    if (this.#servesOthers) {
      this.#serve(link);
      return;
    }
    this.#arrived.push(link);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #serve(link: ClientLink): void {
    // It ends with the connection; what the client does wrong on it is found when its outcomes are.
    link
      .welcome()
      .then(() => link.serve())
      .catch(() => undefined);
  }
}

function isOutcome(line: string, expected: string): boolean {
  if (expected === 'any') return line === 'ok' || line.startsWith('error');
  return line === expected || (expected === 'error' && line.startsWith('error '));
}
