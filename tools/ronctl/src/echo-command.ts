import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { once } from 'node:events';
import type { Command } from 'commander';
import type { Client } from '@omnigate/sdk';
import { addConnectionOptions, URL_ARGUMENT, withClient } from './connection-options.ts';
import type { ConnectionFlags } from './connection-options.ts';
import { BadAnswer } from './exit-code.ts';
import { printJson, round } from './output.ts';

const APP_ECHO = 1;
const OP_ECHO = 0;
const APP_E2E = 128;

const EXAMPLE = `
Without a URL the node is RON_NODE_URL, else the local one. With - the bytes of
standard input are sent and what comes back is written to standard output.

Example:
  $ ronctl echo oap://127.0.0.1:6270 hello
  $ ronctl echo hello --json
  $ ronctl echo oap://127.0.0.1:6270 - --stream < big.bin > same.bin
`;

interface EchoFlags extends ConnectionFlags {
  readonly stream?: boolean;
  readonly e2e?: boolean;
}

/** What came back, and how. */
interface Echo {
  readonly status: number;
  readonly flags: number;
  readonly bytes: number;
}

/** `ronctl echo`: sends bytes to the echo service and checks that the same come back. */
export function addEchoCommand(program: Command): void {
  const command = program
    .command('echo')
    .description('send text or standard input to the echo service and print what comes back')
    .usage('[options] [url] <text>')
    .argument(...URL_ARGUMENT)
    .argument('[text]', 'what to send, or - for standard input')
    .option('--stream', 'send it in parts, and print the parts as they come back')
    .option('--e2e', 'mark it as ciphertext of the application (APP_E2E)')
    .addHelpText('after', EXAMPLE);
  addConnectionOptions(command).action(echo);
}

async function echo(first: string | undefined, second: string | undefined, flags: EchoFlags): Promise<void> {
  const [url, text] = second === undefined ? [undefined, first] : [first, second];
  if (text === undefined || (url === undefined && /^oaps?:\/\//.test(text))) {
    throw new Error('nothing to send; add a text, or - for standard input');
  }
  const sent = createHash('sha256');
  const received = createHash('sha256');
  await withClient(url, flags, async (client) => {
    const beganMs = performance.now();
    const source = hashing(text === '-' ? process.stdin : [Buffer.from(text)], sent);
    const show = async (part: Uint8Array): Promise<void> => {
      received.update(part);
      if (flags.json !== true && !process.stdout.write(part)) await once(process.stdout, 'drain');
    };
    const result = flags.stream === true ? await streamed(client, source, flags, show) : await whole(client, source, flags, show);
    const ms = round(performance.now() - beganMs);
    if (flags.json === true) {
      printJson({ url: client.url, status: result.status, bytes: result.bytes, e2e: (result.flags & APP_E2E) !== 0, ms });
    } else if (text !== '-') {
      process.stdout.write('\n');
    }
    if (sent.digest('hex') !== received.digest('hex')) throw new BadAnswer('the node sent other bytes back than it got')
  });
}

async function whole(
  client: Client,
  source: AsyncIterable<Uint8Array>,
  flags: EchoFlags,
  show: (part: Uint8Array) => Promise<void>,
): Promise<Echo> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  const reply = await client.request(APP_ECHO, OP_ECHO, Buffer.concat(parts), { appE2e: flags.e2e === true });
  await show(reply.payload);
  return { status: reply.status, flags: reply.flags, bytes: reply.payload.length };
}

async function streamed(
  client: Client,
  source: AsyncIterable<Uint8Array>,
  flags: EchoFlags,
  show: (part: Uint8Array) => Promise<void>,
): Promise<Echo> {
  const stream = client.stream(APP_ECHO, OP_ECHO, { body: source, appE2e: flags.e2e === true });
  let bytes = 0;
  for await (const part of stream) {
    bytes += part.length;
    await show(part);
  }
  return { ...(await stream.head()), bytes };
}

async function* hashing(source: AsyncIterable<unknown> | Iterable<unknown>, hash: Hash): AsyncIterable<Uint8Array> {
  for await (const part of source) {
    const bytes = part as Uint8Array;
    hash.update(bytes);
    yield bytes;
  }
}
