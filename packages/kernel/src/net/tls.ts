import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { createSecureContext, createServer } from 'node:tls';
import type { SecureContextOptions, Server, TLSSocket } from 'node:tls';
import type { TlsSession } from '../admission.ts';
import { TLS_HANDSHAKE_TIMEOUT_MS } from '../limits.ts';
import { Reject } from '../wire/reject.ts';

/** The name by which TLS peers agree to speak OAP/1 (specs/oap-1.md §2.2). */
export const ALPN_PROTOCOL = 'oap/1';

/** PEM files of a TLS listener. */
export interface TlsFiles {
  /** Certificate chain, the node's own first. */
  readonly cert: string;
  readonly key: string;
  /** Authorities whose client certificates are required; absent when clients need none. */
  readonly clientCa?: string;
}

/** What becomes of a TLS handshake. */
export interface TlsEvents {
  onSecure(socket: TLSSocket): void;
  onRefused(reject: Reject, socket: Socket): void;
}

/** What the files of a listener hold, tried and good. */
interface LoadedFiles {
  readonly context: SecureContextOptions;
  /** End of the node's own certificate, Unix time in milliseconds. */
  readonly expiresAtMs: number;
}

/**
 * Reads and tries the files, so that a mistake is found at once and named.
 *
 * @throws Error that says which file is at fault
 */
function loadFiles(files: TlsFiles): LoadedFiles {
  const read = (what: string, path: string): Buffer => {
    try {
      return readFileSync(path);
    } catch (cause) {
      throw new Error(`cannot read the TLS ${what} ${path}: ${(cause as Error).message}`, { cause });
    }
  };
  const cert = read('certificate', files.cert);
  const context: SecureContextOptions = {
    cert,
    key: read('key', files.key),
    ...(files.clientCa === undefined ? {} : { ca: read('client authority', files.clientCa) }),
    minVersion: 'TLSv1.3',
  };
  try {
    createSecureContext(context);
    // Of a chain, this reads the first.
    return { context, expiresAtMs: Date.parse(new X509Certificate(cert).validTo) };
  } catch (cause) {
    throw new Error(`TLS files ${files.cert} and ${files.key} do not work together: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** Turns accepted TCP sockets into TLS 1.3 sockets that agreed on OAP/1. */
export class TlsAcceptor {
  readonly #files: TlsFiles;
  readonly #server: Server;
  #expiresAtMs: number;

  /** @throws Error that says which file is at fault */
  constructor(files: TlsFiles, events: TlsEvents) {
    this.#files = files;
    const mutual = files.clientCa !== undefined;
    const { context, expiresAtMs } = loadFiles(files);
    this.#expiresAtMs = expiresAtMs;
    this.#server = createServer({
      ...context,
      ALPNProtocols: [ALPN_PROTOCOL],
      handshakeTimeout: TLS_HANDSHAKE_TIMEOUT_MS,
      requestCert: mutual,
      // Judged below, where the refusal can be counted.
      rejectUnauthorized: false,
      allowHalfOpen: true,
    });
    this.#server.on('secureConnection', (socket) => {
      if (socket.alpnProtocol !== ALPN_PROTOCOL) events.onRefused(Reject.tls_alpn, socket);
      else if (mutual && !socket.authorized) events.onRefused(Reject.tls_client, socket);
      else events.onSecure(socket);
    });
    this.#server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
      events.onRefused(handshakeReject(error), socket);
    });
  }

  /** Starts the handshake on a TCP socket. */
  accept(socket: Socket): void {
    this.#server.emit('connection', socket);
  }

  /**
   * Reads the files again; new connections use them, open ones go on.
   *
   * @throws Error that says which file is at fault; the old ones stay in use then
   */
  reload(): void {
    const { context, expiresAtMs } = loadFiles(this.#files);
    this.#server.setSecureContext(context);
    this.#expiresAtMs = expiresAtMs;
  }

  /** When the certificate in use ends, Unix time in milliseconds. */
  get expiresAtMs(): number {
    return this.#expiresAtMs;
  }
}

/** What of a session admission may ask for. */
export function tlsSessionOf(socket: TLSSocket): TlsSession {
  return {
    // Node throws for a session that is gone; nothing can be bound to it.
    exportKeyingMaterial: (bytes, label) =>
      socket.destroyed ? undefined : socket.exportKeyingMaterial(bytes, label, Buffer.alloc(0)),
    clientCertificate: () => socket.getPeerX509Certificate()?.raw,
  };
}

function handshakeReject(error: NodeJS.ErrnoException): Reject {
  if (error.code === 'ERR_TLS_HANDSHAKE_TIMEOUT') return Reject.tls_timeout;
  if (error.code === 'ERR_SSL_NO_APPLICATION_PROTOCOL') return Reject.tls_alpn;
  return Reject.tls_client;
}
