import { defineService } from '@omnigate/kernel';

/** Time that one request of operation 0 keeps the processor busy, milliseconds. */
const BURN_MS = 5;

/** An application that a few hundred requests keep busy for seconds. */
export const service = defineService({
  appProtoId: 40_004,
  name: 'busy',
  operations: {
    0: () => {
      const endMs = performance.now() + BURN_MS;
      while (performance.now() < endMs);
      return undefined;
    },
    // What others want meanwhile.
    1: () => 'done',
  },
});
