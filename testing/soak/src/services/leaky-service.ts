import { openSync } from 'node:fs';
import { defineService } from '@omnigate/kernel';

/** How often it forgets to clean up, milliseconds. */
const LEAK_MS = 50;
const LEAK_BYTES = 2_097_152;

/** What it never lets go of. */
const kept: Buffer[] = [];
let timer: NodeJS.Timeout | undefined;

/** Opens a file and fills memory again and again, as a service with a leak does: a soak has to find it. */
export const service = defineService({
  appProtoId: 40_001,
  name: 'leaky',
  operations: {},
  start: () => {
    timer = setInterval(() => {
      openSync('/dev/null', 'r');
      kept.push(Buffer.alloc(LEAK_BYTES, 1));
    }, LEAK_MS);
  },
  stop: () => {
    clearInterval(timer);
  },
});
