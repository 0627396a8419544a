import { InvalidArgumentError } from 'commander';

/** An application of the registry that a capability can name. */
interface RegisteredApp {
  readonly id: number;
  readonly name: string;
  /** Codes by operation name, in lower case. */
  readonly operations: Readonly<Record<string, number>>;
}

/** The applications of registry/app_proto_ids.json but control, which needs no capability; a check compares the two. */
const REGISTERED_APPS: readonly RegisteredApp[] = [
  { id: 1, name: 'echo', operations: { echo: 0 } },
  {
    id: 16,
    name: 'mailbox',
    operations: { send: 1, recv: 2, ack: 3, nack: 4, extend: 5, subscribe: 6, delete: 7, peek: 8, stats: 9, redrive: 10, purge: 11, configure: 12 },
  },
  { id: 17, name: 'storage', operations: { get: 1, has: 2, put: 3, stat: 4, pin: 5, unpin: 6, list: 7, gc: 8, scrub: 9 } },
];

const APP_ID_MAX = 0xffff;
const OPERATION_CODE_MAX = 0xffff;

/** The app_proto_id that a name or a number means, from an argument. */
export function appId(text: string): number {
  const registered = REGISTERED_APPS.find(({ name }) => name === text.toLowerCase());
  if (registered !== undefined) return registered.id;
  const id = /^[1-9]\d{0,4}$/.test(text) ? Number(text) : Infinity;
  if (id <= APP_ID_MAX) return id;
  const names = REGISTERED_APPS.map(({ name }) => name).join(', ');
  throw new InvalidArgumentError(`Name applications as ${names}, or by number from 1 to ${APP_ID_MAX}.`);
}

/** `16 (mailbox)`, or the bare number. */
export function formatApp(id: number): string {
  const name = REGISTERED_APPS.find((app) => app.id === id)?.name;
  return name === undefined ? String(id) : `${id} (${name})`;
}

/** An operation as a node knows it: by code, and by name where the registry has one. */
export interface Operation {
  /** -1 when only the name is known. */
  readonly code: number;
  /** '' when it has none. */
  readonly name: string;
}

/**
 * The operation of an application that a name or a code means.
 *
 * @throws Error when it is neither
 */
export function operationOf(app: number, text: string): Operation {
  const operations = REGISTERED_APPS.find(({ id }) => id === app)?.operations ?? {};
  const name = text.toLowerCase();
  if (/^[a-z][a-z0-9_]{0,31}$/.test(name)) return { code: operations[name] ?? -1, name };
  const code = /^(0|[1-9]\d{0,4})$/.test(text) ? Number(text) : Infinity;
  if (code > OPERATION_CODE_MAX) throw new Error(`--verb is one operation, by its name or by a code from 0 to ${OPERATION_CODE_MAX}`);
  return { code, name: Object.entries(operations).find(([, known]) => known === code)?.[0] ?? '' };
}
