import { connect as connectTcp } from 'node:net';
import type { NetConnectOpts, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import { READ_BUFFER_BYTES } from '@omnigate/kernel/wire';
import type { Endpoint } from './endpoint.ts';

/** Hears of `chunk[0..bytes)`, which is valid until it returns. */
export type BytesListener = (chunk: Uint8Array, bytes: number) => void;

/**
 * A read is handed over before the next one starts, so one buffer serves all
 * connections of the thread and no read allocates. Windows posts its reads
 * ahead of time and needs one each. It is no Buffer, whose views and copies cost
 * twice as much.
 */
const sharedReadBuffer = process.platform === 'win32' ? undefined : new Uint8Array(READ_BUFFER_BYTES);

/** Starts to connect; `onBytes` hears of everything that is read. */
export function openSocket(endpoint: Endpoint, onBytes: BytesListener): Socket {
  const buffer = sharedReadBuffer ?? new Uint8Array(READ_BUFFER_BYTES);
  const options: NetConnectOpts = {
    host: endpoint.host,
    port: endpoint.port,
    noDelay: true,
    onread: {
      buffer,
      callback: (bytes) => {
        onBytes(buffer, bytes);
        return true;
      },
    },
  };
  if (endpoint.tls === undefined) return connectTcp(options);
  // tls.connect() passes `onread` on; its type does not say so.
  const tlsOptions: ConnectionOptions = { ...options, ...endpoint.tls };
  return connectTls(tlsOptions).setNoDelay(true);
}
