import { parseArgs } from 'node:util';
import type { ListenAddress } from './http/map-server.ts';
import { ZOOM_MAX } from './limits.ts';

/** What the command line says. */
export interface Options {
  readonly listen: ListenAddress;
  readonly data: string;
  readonly zoomMax: number;
  readonly ownNode: boolean;
  readonly tokenFile: string | undefined;
}

/** The command line cannot be what was meant. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const HELP = `Usage: node examples/tileserver/dist/main.js [options]

Cuts a map of the world into vector tiles, keeps them in the store of a node, and
serves them to browsers. What an earlier run put is found and used.

Options:
  --own-node             start a node in this process, for a first look
  --listen <host:port>   where browsers connect; port 0 is any free one (default: 127.0.0.1:6280)
  --data <dir>           folder that remembers the tileset, and holds the node of --own-node
                         (default: .omnigate/tileserver)
  --token-file <file>    file with the capability, read again when that ends (default: RON_CAP)
  --zoom <n>             deepest zoom to cut, 0 to ${ZOOM_MAX} (default: ${ZOOM_MAX})
  -h, --help             show this

Environment:
  RON_NODE_URL  the node (default: oap://127.0.0.1:6270)
  RON_CAP       a capability for its store, such as: ronctl cap mint --tenant HEX --app storage
  RON_CA_FILE   who vouches for the certificate of an oaps:// node

Exit codes: 0 stopped as told, 1 failed, 2 wrong call.
`;

/**
 * Reads the command line; undefined when help was asked for.
 *
 * @throws UsageError
 */
export function readOptions(args: readonly string[]): Options | undefined {
  const values = parse(args);
  if (values.help === true) return undefined;
  const { listen = '127.0.0.1:6280', data = '.omnigate/tileserver', zoom = String(ZOOM_MAX), 'token-file': tokenFile } = values;
  const ownNode = values['own-node'] === true;
  if (ownNode && tokenFile !== undefined) throw new UsageError('--own-node mints its own capability: leave --token-file out');
  return { listen: readAddress(listen), data, zoomMax: readZoom(zoom), ownNode, tokenFile };
}

function parse(args: readonly string[]) {
  try {
    const text = { type: 'string' } as const;
    const flag = { type: 'boolean' } as const;
    return parseArgs({
      args: [...args],
      options: { 'own-node': flag, listen: text, data: text, 'token-file': text, zoom: text, help: { ...flag, short: 'h' } },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}

function readAddress(text: string): ListenAddress {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65_535) throw new UsageError(`--listen takes HOST:PORT, such as 127.0.0.1:6280, and not ${text}`);
  return { host, port: Number(port) };
}

function readZoom(text: string): number {
  if (!/^\d$/.test(text) || Number(text) > ZOOM_MAX) throw new UsageError(`--zoom takes 0 to ${ZOOM_MAX}, and not ${text}`);
  return Number(text);
}
