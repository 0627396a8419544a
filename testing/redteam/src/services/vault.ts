import { defineService } from '@omnigate/kernel';

/** A protected application; loaded into the node with `--service`. */
export const service = defineService({
  appProtoId: 40_000,
  name: 'vault',
  verbs: { 1: 'write', 2: 'read', 3: 'wait' },
  waiting: [3],
  checksTopics: true,
  operations: {
    // The payload is the topic.
    1: async (call) => {
      call.checkTopic(await call.text());
      return call.tenant;
    },
    2: (call) => {
      call.checkTopic('');
      return 'open';
    },
    3: async (call) => {
      await new Promise((resolve) => {
        call.signal.addEventListener('abort', resolve);
      });
      return undefined;
    },
  },
});
