import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { FrameDecoder } from '@omnigate/kernel/wire';
import { CONNECTIONS_PER_SOURCE, CONNECTS_AT_ONCE } from '../bounds.ts';
import { answerParent } from '../process/worker-loop.ts';
import type { Address } from '../process/worker-protocol.ts';
import { helloBytes } from './framing.ts';

interface OpenRequest {
  readonly address: Address;
  readonly connections: number;
  readonly tls: boolean;
}

const hello = helloBytes();
const sockets: Socket[] = [];
let lost = 0;

answerParent({
  open: async ({ address, connections, tls }: OpenRequest) => {
    let next = 0;
    const openInTurn = async (): Promise<void> => {
      while (next < connections) sockets.push(await openIdle(address, next++, tls));
    };
    await Promise.all(Array.from({ length: CONNECTS_AT_ONCE }, openInTurn));
  },
  /** Connections that ended although nobody here ended them. */
  lost: () => lost,
});

/** A connection that got its HELLO answered and then says nothing more. */
async function openIdle(address: Address, index: number, tls: boolean): Promise<Socket> {
  // Linux routes all of 127.0.0.0/8 to itself: addresses enough to stay below the limit per address.
  const localAddress = `127.0.1.${1 + Math.floor(index / CONNECTIONS_PER_SOURCE)}`;
  const decoder = new FrameDecoder();
  return new Promise((resolve, reject) => {
    const plain = connect({ ...address, localAddress });
    const socket = tls ? connectTls({ socket: plain, rejectUnauthorized: false, ALPNProtocols: ['oap/1'] }) : plain;
    socket.once(tls ? 'secureConnect' : 'connect', () => socket.write(hello));
    socket.on('error', reject);
    socket.on('close', () => {
      lost++;
      reject(new Error('the node closed the connection'));
    });
    socket.on('data', (chunk: Buffer) => {
      decoder.feed(chunk);
      while (decoder.next()) resolve(socket);
    });
  });
}
