import { defineService } from '@omnigate/kernel';

/** An application with a defect. */
export const service = defineService({
  appProtoId: 40_003,
  name: 'faulty',
  access: 'open',
  operations: {
    0: () => {
      throw new Error('at secret/path.ts:1');
    },
    1: () => 'well',
  },
});
