import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineService } from '@omnigate/kernel';

/** app_proto_id of the service, and its only operation: the reply is the request. */
export const COUNT_APP = 40_001;
export const COUNT_OP = 0;
/** Names the file to which every request that was carried out adds a line. */
export const COUNT_FILE_VARIABLE = 'COUNT_FILE';

const file = process.env[COUNT_FILE_VARIABLE] ?? '';

/** Carries requests out in a few milliseconds and remembers each beyond the life of its process. */
export const service = defineService({
  appProtoId: COUNT_APP,
  name: 'count',
  access: 'open',
  operations: {
    [COUNT_OP]: async (call) => {
      const key = await call.text();
      await sleep(Math.random() * 5);
      appendFileSync(file, `${key}\n`);
      return key;
    },
  },
});
