import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { connect } from '@omnigate/sdk';
import type { Client, TlsOptions } from '@omnigate/sdk';
import { count } from './arguments.ts';
import { addTokenFileOption, findToken } from './token-source.ts';
import type { TokenFlags } from './token-source.ts';

/** Options of every command that connects. */
export interface ConnectionFlags extends TokenFlags {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
  readonly timeout?: number;
  readonly json?: boolean;
}

/** Adds the options of every command that connects. */
export function addConnectionOptions(command: Command): Command {
  return addTokenFileOption(command)
    .option('--ca <file>', 'PEM authorities that vouch for the node (or RON_CA_FILE)')
    .option('--cert <file>', 'PEM client certificate, for a node that asks for one')
    .option('--key <file>', 'PEM private key of the client certificate')
    .option('--servername <name>', 'name that the certificate of the node must have')
    .option('--timeout <ms>', 'time for the connection and for each request', count)
    .option('--json', 'print JSON');
}

/** The node to connect to, as commander takes an argument. */
export const URL_ARGUMENT = ['[url]', 'oap://host:port or oaps://host:port'] as const;

/** Whether an argument is the node rather than what comes behind it: no topic or blob and hardly a file looks like that. */
export function isUrl(argument: string | undefined): argument is string {
  return argument !== undefined && /^[a-z]+:\/\//i.test(argument);
}

/**
 * Connects as the options say, with the capability from `--token-file` or `RON_CAP`,
 * does something with the node, and closes the connection.
 *
 * @param url `RON_NODE_URL`, else the local node, when absent
 * @throws OapError, CapabilityError, or Error when a file cannot be read
 */
export async function withClient(url: string | undefined, flags: ConnectionFlags, work: (client: Client) => Promise<void> | void): Promise<void> {
  const { timeout } = flags;
  const tls = tlsOptions(flags);
  const token = await findToken(undefined, flags);
  const client = await connect({ url, tls, deadlineMs: timeout, connectTimeoutMs: timeout, cap: token?.bytes });
  try {
    await work(client);
  } finally {
    await client.close();
  }
}

function tlsOptions({ ca, cert, key, servername }: ConnectionFlags): TlsOptions | undefined {
  if ((cert === undefined) !== (key === undefined)) throw new Error('--cert and --key belong together; give both');
  const tls: TlsOptions = {
    ...(ca === undefined ? {} : { caFile: ca }),
    ...(cert === undefined ? {} : { cert: read(cert, '--cert') }),
    ...(key === undefined ? {} : { key: read(key, '--key') }),
    ...(servername === undefined ? {} : { servername }),
  };
  return Object.keys(tls).length === 0 ? undefined : tls;
}

function read(path: string, option: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new Error(`${option} ${path} cannot be read; name a PEM file: ${(cause as Error).message}`, { cause });
  }
}
