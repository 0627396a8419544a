import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';

/** The server under test, and how to reach it. */
export interface Target {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Options of TLS; `undefined` for plain TCP. */
  readonly tls: ConnectionOptions | undefined;
}

const DEFAULT_PORTS = { 'oap:': 6270, 'oaps:': 6271 } as const;

/** Reads `oap://host:port` or `oaps://host:port` (§2); throws a RangeError that names the fix. */
export function parseTarget(text: string, tls: ConnectionOptions): Target {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if ((url?.protocol !== 'oap:' && url?.protocol !== 'oaps:') || url.hostname === '' || !/^\/?$/.test(url.pathname)) {
    throw new RangeError(`${text} is no URL of a server: write oap://host:port or oaps://host:port`);
  }
  return {
    url: text,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? DEFAULT_PORTS[url.protocol] : Number(url.port),
    tls: url.protocol === 'oaps:' ? tls : undefined,
  };
}

/** An open connection, TLS handshake included; rejects with the error of the socket. */
export async function dial(target: Target, tls: ConnectionOptions = {}): Promise<Socket> {
  const { host, port } = target;
  const common = { host, port, allowHalfOpen: true };
  const secure = target.tls !== undefined;
  const socket = secure ? connectTls({ ALPNProtocols: ['oap/1'], ...target.tls, ...common, ...tls }) : connect(common);
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.once('end', () => {
      reject(new Error('the server closed the connection at once'));
    });
    socket.once(secure ? 'secureConnect' : 'connect', resolve);
  });
  return socket;
}

/** An open TCP connection to the port, whatever it speaks. */
export async function dialTcp({ host, port }: Target): Promise<Socket> {
  return dial({ url: '', host, port, tls: undefined });
}
