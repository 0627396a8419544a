/** What a parent asks of its child, one thing after the other. */
export interface Command {
  readonly command: string;
  readonly body: unknown;
}

/** What comes back: progress at any time, and an end of each command. */
export type Report =
  | { readonly report: 'progress'; readonly value: unknown }
  | { readonly report: 'done' }
  | { readonly report: 'failed'; readonly error: string };

/** Carries out a command; `tell` reports progress, also later on. */
type Operation = (body: never, tell: (value: unknown) => void) => Promise<void> | void;

/** Does what the parent asks until it lets go: a child never outlives its run. */
export function answerParent(operations: Readonly<Record<string, Operation>>): void {
  process.on('disconnect', () => {
    process.exit(0);
  });
  // A Ctrl-C is for the parent, which then asks for the end.
  process.on('SIGINT', () => undefined);
  process.on('message', (message) => {
    const { command, body } = message as Command;
    void carryOut(operations[command], body);
  });
}

async function carryOut(operation: Operation | undefined, body: unknown): Promise<void> {
  try {
    if (operation === undefined) throw new Error('an unknown command');
    await operation(body as never, (value) => {
      report({ report: 'progress', value });
    });
    report({ report: 'done' });
  } catch (error) {
    report({ report: 'failed', error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}

function report(what: Report): void {
  process.send?.(what);
}
