import { defineService } from '@omnigate/kernel';

/** An echo of one's own. Numbers from 32,768 up are free for private use. */
export const service = defineService({
  appProtoId: 40_000,
  name: 'my-echo',
  access: 'open',
  operations: {
    /** The whole request, then the whole reply. */
    0: (call) => call.bytes(),
    /** Each part goes back as it comes; whoever sends faster than it reads is slowed down. */
    1: (call) => call,
  },
});
