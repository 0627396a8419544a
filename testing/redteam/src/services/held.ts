import type { Service, ServiceReply } from '@omnigate/kernel';

/** Pause before the operations that answer do so, milliseconds. */
const PAUSE_MS = 300;
const MUCH = new Uint8Array(900_000);

/** An application that keeps what it gets, and answers late or never. */
export const service: Service = {
  appProtoId: 40_001,
  name: 'held',
  access: 'open',
  onRequest: ({ code, payload }, reply) => {
    // Operation 0 is never answered.
    if (code === 1) later(reply, MUCH);
    if (code === 2) later(reply, payload);
    return {};
  },
};

function later(reply: ServiceReply, payload: Uint8Array): void {
  setTimeout(() => {
    reply.end(200, payload);
  }, PAUSE_MS);
}
