import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import { DIAL_TIMEOUT_MS } from '../limits.ts';
import type { ListenAddress } from './listener.ts';
import { ALPN_PROTOCOL } from './tls.ts';
import { Transport } from './transport.ts';

/** TLS settings of a dialled connection. */
export type DialTlsOptions = Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'servername'>;

/**
 * Opens a connection to another node; OAP begins with the first frame sent.
 *
 * @param tls settings for TLS 1.3; plain TCP when absent
 * @throws Error when the peer is not there within DIAL_TIMEOUT_MS or TLS fails
 */
export async function dial(address: ListenAddress, tls?: DialTlsOptions): Promise<Transport> {
  const socket: Socket =
    tls === undefined
      ? connect({ ...address, allowHalfOpen: true })
      : connectTls({ ...address, ...tls, minVersion: 'TLSv1.3', ALPNProtocols: [ALPN_PROTOCOL] });
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      socket.destroy(new Error(`no connection to ${address.host}:${address.port} within ${DIAL_TIMEOUT_MS} ms`));
    }, DIAL_TIMEOUT_MS);
    socket.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
      clearTimeout(timer);
      resolve();
    });
  });
  return Transport.wrap(socket);
}
