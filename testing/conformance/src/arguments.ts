import { parseArgs } from 'node:util';
import { ANSWER_TIMEOUT_MS, CASES_AT_ONCE, CLIENT_TIMEOUT_MS, CLIENTS_AT_ONCE } from './bounds.ts';

export const HELP = `Checks any OAP/1 server or client against specs/oap-1.md, section by section.

  oapspec oap://host:port             try a server
  oapspec oaps://host:port --ca FILE  ... over TLS
  oapspec --client -- COMMAND         try a client: COMMAND is run for each case, with
                                      RON_NODE_URL and OAPSPEC_REQUESTS in its environment
  oapspec --client                    ... that is started by hand, case by case

  --section 3.3      only this section, or one case such as 3.3/4; may be repeated
  --list             name the cases and run none
  --slow             also cases that wait for more than 8 s
  --timeout MS       how long the other side may take to answer (${ANSWER_TIMEOUT_MS}; a client ${CLIENT_TIMEOUT_MS})
  --parallel N       cases at a time (${CASES_AT_ONCE}; clients ${CLIENTS_AT_ONCE})
  --verbose          show the frames of every case in hexadecimal, not only of those that failed
  --junit FILE       write JUnit XML
  --json FILE        write outcomes as JSON, - for standard output

  TLS of a server:   --ca FILE, --servername NAME, --insecure, --cert FILE and --key FILE
  Client mode:       --listen HOST:PORT (127.0.0.1:0), --cert FILE and --key FILE for cases with TLS

Exit code: 0 when no case failed, 1 when one did, 2 for a wrong call or when nobody answers.
`;

/** What the command line asks for. */
export interface Arguments {
  readonly mode: 'server' | 'client' | 'help';
  /** URL of the server. */
  readonly url: string;
  /** Command that starts a client, and its arguments. */
  readonly command: readonly string[];
  readonly sections: readonly string[];
  readonly list: boolean;
  readonly slow: boolean;
  readonly verbose: boolean;
  readonly timeoutMs: number;
  readonly parallel: number;
  readonly junit: string | undefined;
  readonly json: string | undefined;
  readonly listen: { readonly host: string; readonly port: number };
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly servername: string | undefined;
  readonly insecure: boolean;
}

const text = { type: 'string' } as const;
const yes = { type: 'boolean', default: false } as const;

/** Reads the command line; throws an error that says what is wrong with it. */
export function readArguments(args: readonly string[]): Arguments {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      client: yes,
      section: { type: 'string', multiple: true, default: [] },
      list: yes,
      slow: yes,
      verbose: yes,
      insecure: yes,
      help: yes,
      timeout: text,
      parallel: text,
      junit: text,
      json: text,
      listen: text,
      ca: text,
      cert: text,
      key: text,
      servername: text,
    },
  });
  const { client, list, help } = values;
  const [url = ''] = positionals;
  if (!help && !client && !list && positionals.length !== 1) throw new RangeError('name one server: oapspec oap://host:port');
  if ((values.cert === undefined) !== (values.key === undefined)) throw new RangeError('--cert and --key belong together');
  return {
    mode: help ? 'help' : client ? 'client' : 'server',
    url: client ? '' : url,
    command: client ? positionals : [],
    sections: values.section,
    list,
    slow: values.slow,
    verbose: values.verbose,
    timeoutMs: numberOf('--timeout', values.timeout, client ? CLIENT_TIMEOUT_MS : ANSWER_TIMEOUT_MS),
    parallel: numberOf('--parallel', values.parallel, client ? CLIENTS_AT_ONCE : CASES_AT_ONCE),
    junit: values.junit,
    json: values.json,
    listen: listenAddress(values.listen ?? '127.0.0.1:0'),
    ca: values.ca,
    cert: values.cert,
    key: values.key,
    servername: values.servername,
    insecure: values.insecure,
  };
}

function numberOf(option: string, value: string | undefined, fallback: number): number {
  if (value === undefined) return fallback;
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 1) throw new RangeError(`${option} takes a whole number above 0, not ${value}`);
  return number;
}

function listenAddress(value: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(value);
  const [, six, name, port] = match ?? [];
  const host = six ?? name;
  if (host === undefined || Number(port) > 65_535) throw new RangeError(`--listen takes HOST:PORT, not ${value}`);
  return { host, port: Number(port) };
}
