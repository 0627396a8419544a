import type { Service } from '@omnigate/kernel';

/** An application that takes little in one request. */
export const service: Service = {
  appProtoId: 40_002,
  name: 'narrow',
  access: 'open',
  requestBytesMax: 100_000,
  onRequest: (_request, reply) => ({
    onData: (payload) => {
      reply.consumed(payload.length);
    },
    onEnd: () => {
      reply.end(200);
    },
  }),
};
