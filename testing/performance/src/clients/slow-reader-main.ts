import { once } from 'node:events';
import { connect } from 'node:net';
import { encodeFrame, Flag, STREAM_FRAME_BYTES, STREAM_WINDOW_BYTES } from '@omnigate/kernel/wire';
import { SLOW_READER_PAYLOAD_BYTES } from '../bounds.ts';
import { answerParent } from '../process/worker-loop.ts';
import type { Address } from '../process/worker-protocol.ts';
import { helloBytes, payloadOf } from './framing.ts';

/** What happened to one peer that never read. */
export interface SlowReaderResult {
  readonly sentBytes: number;
  /** From its first request to its end; NaN when the node put up with it. */
  readonly cutAfterSeconds: number;
}

interface AttackRequest {
  readonly address: Address;
  readonly kind: 'requests' | 'stream';
  readonly peers: number;
  readonly patienceMs: number;
}

const APP_ECHO = 1;

answerParent({
  attack: async ({ address, kind, peers, patienceMs }: AttackRequest) => {
    const frames = kind === 'requests' ? requestFrames : streamFrames;
    return Promise.all(Array.from({ length: peers }, () => neverRead(address, frames(), patienceMs)));
  },
});

/** Sends as fast as the node takes it, and leaves every reply where it is. */
async function neverRead(
  address: Address,
  frames: Generator<Uint8Array, never>,
  patienceMs: number,
): Promise<SlowReaderResult> {
  const socket = connect(address);
  socket.pause();
  await once(socket, 'connect');
  socket.write(helloBytes());
  const startedAt = performance.now();
  const pump = (): void => {
    while (socket.write(frames.next().value));
  };
  const cutAfterSeconds = await new Promise<number>((resolve) => {
    const timer = setTimeout(resolve, patienceMs, Number.NaN);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve((performance.now() - startedAt) / 1_000);
    });
    socket.on('drain', pump);
    pump();
  });
  socket.destroy();
  return { sentBytes: socket.bytesWritten, cutAfterSeconds };
}

/** One-frame echo requests without end. */
function* requestFrames(): Generator<Uint8Array, never> {
  const payload = payloadOf(SLOW_READER_PAYLOAD_BYTES);
  for (let corrId = 1n; ; corrId++) {
    yield encodeFrame({ app: APP_ECHO, flags: Flag.REQ | Flag.START | Flag.END, corrId, payload });
  }
}

/** Echo streams, each as long as its credit lets it be and never ended, one after the other. */
function* streamFrames(): Generator<Uint8Array, never> {
  const payload = payloadOf(STREAM_FRAME_BYTES);
  for (let corrId = 1n; ; corrId++) {
    for (let sent = 0; sent < STREAM_WINDOW_BYTES; sent += payload.length) {
      yield encodeFrame({ app: APP_ECHO, flags: sent === 0 ? Flag.REQ | Flag.START : Flag.REQ, corrId, payload });
    }
  }
}
