import { OP_USAGE } from './worker-protocol.ts';
import type { Answer, Ask, Usage } from './worker-protocol.ts';

/** What a worker can do, by name; a handler may be slow and may throw. */
type Operations = Readonly<Record<string, (body: never) => unknown>>;

/** CPU time and memory of this process so far. */
function ownUsage(): Usage {
  const { user, system } = process.cpuUsage();
  return { cpuSeconds: (user + system) / 1e6, rssBytes: process.memoryUsage.rss() };
}

/** Answers the parent until it lets go, and then exits: a worker never outlives its benchmark. */
export function answerParent(operations: Operations): void {
  const table = new Map(Object.entries<(body: never) => unknown>({ [OP_USAGE]: ownUsage, ...operations }));
  process.on('disconnect', () => {
    process.exit(0);
  });
  process.on('message', (message) => {
    const { id, op, body } = message as Ask;
    void answer(table.get(op), id, op, body);
  });
}

async function answer(handler: ((body: never) => unknown) | undefined, id: number, op: string, body: unknown): Promise<void> {
  try {
    if (handler === undefined) throw new Error(`no operation '${op}'`);
    reply({ id, ok: true, value: await handler(body as never) });
  } catch (error) {
    reply({ id, ok: false, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}

function reply(answer: Answer): void {
  process.send?.(answer);
}
