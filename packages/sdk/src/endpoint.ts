import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { ConnectionOptions as NodeTlsOptions, SecureContext, SecureContextOptions } from 'node:tls';
import { OapError, Reject } from '@omnigate/kernel/wire';
import { connectFailure } from './connect-failure.ts';

/** How a client proves the node to itself, and itself to the node. PEM throughout. */
export interface TlsOptions {
  /** Certificate authorities to trust instead of the public ones. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[];
  /** File with such authorities; `RON_CA_FILE` when neither is given. */
  readonly caFile?: string;
  /** Client certificate and its key, for nodes that ask for one. */
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  /** Name the certificate must be for; the host of the URL when absent. */
  readonly servername?: string;
}

/** Where a node is and how to reach it. */
export interface Endpoint {
  /** The URL as it was understood, with its port. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Absent for plain TCP. */
  readonly tls: NodeTlsOptions | undefined;
}

/** Where a local node listens by default. */
export const DEFAULT_URL = 'oap://127.0.0.1:6270';

/** Default ports by URL scheme (specs/oap-1.md §2). */
const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'oap:': 6270, 'oaps:': 6271 };
const ALPN = 'oap/1';

/**
 * Reads a node URL, and the files that its TLS options name.
 *
 * @param env where `RON_CA_FILE` is looked up
 * @throws OapError bad_url, or connect_failed when a file cannot be read or used
 */
export async function resolveEndpoint(
  url: string,
  tls: TlsOptions | undefined,
  env: NodeJS.ProcessEnv,
): Promise<Endpoint> {
  const { host, port, secure } = parseNodeUrl(url);
  const endpoint = { host, port, url: `${secure ? 'oaps' : 'oap'}://${host.includes(':') ? `[${host}]` : host}:${port}` };
  if (!secure) {
    if (tls !== undefined) throw badUrl(url, 'TLS options belong to an oaps:// URL');
    return { ...endpoint, tls: undefined };
  }
  const caFile = tls?.caFile ?? env.RON_CA_FILE;
  const ca = tls?.ca ?? (caFile === undefined || caFile === '' ? undefined : await readAuthorities(endpoint.url, caFile));
  const { cert, key, servername } = tls ?? {};
  return {
    ...endpoint,
    tls: {
      ALPNProtocols: [ALPN],
      secureContext: createContext(endpoint.url, {
        minVersion: 'TLSv1.3',
        ...(ca === undefined ? {} : { ca: typeof ca === 'string' || Buffer.isBuffer(ca) ? ca : [...ca] }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
      }),
      ...(servername === undefined ? {} : { servername }),
    },
  };
}

/** Reads the PEM texts once, for all connections to come. */
function createContext(url: string, options: SecureContextOptions): SecureContext {
  try {
    return createSecureContext(options);
  } catch (cause) {
    throw connectFailure('tls_files', url, `the TLS options do not work: ${(cause as Error).message}`, cause);
  }
}

function parseNodeUrl(text: string): { host: string; port: number; secure: boolean } {
  let url: URL;
  try {
    url = new URL(text);
  } catch (cause) {
    throw badUrl(text, 'it is no URL', cause);
  }
  const defaultPort = DEFAULT_PORTS[url.protocol];
  if (defaultPort === undefined) throw badUrl(text, `it has the scheme ${url.protocol}//`);
  if (url.hostname === '') throw badUrl(text, 'it names no host');
  if (url.username !== '' || url.password !== '') throw badUrl(text, 'it carries a user or password; pass cap instead');
  if ((url.pathname !== '' && url.pathname !== '/') || url.search !== '' || url.hash !== '') {
    throw badUrl(text, 'it goes on behind the port');
  }
  if (url.port === '0') throw badUrl(text, 'port 0 is no address');
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? defaultPort : Number(url.port),
    secure: url.protocol === 'oaps:',
  };
}

async function readAuthorities(url: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw connectFailure('ca_file', url, `the file ${path} cannot be read`, cause);
  }
}

/** A URL may hold a password, so the error shows only what cannot be one. */
function badUrl(text: string, what: string, cause?: unknown): OapError {
  const shown = text.replace(/\/\/[^/]*@/, '//[secret]@').slice(0, 128);
  return new OapError(Reject.bad_url, { message: `'${shown}' names no node: ${what}.`, cause });
}
