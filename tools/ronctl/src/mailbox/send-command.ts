import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import type { Mailbox, SendOptions, SendResult } from '@omnigate/sdk';
import { wholeNumber } from '../arguments.ts';
import { addConnectionOptions, withClient } from '../connection-options.ts';
import type { ConnectionFlags } from '../connection-options.ts';
import { BadAnswer } from '../exit-code.ts';
import { LINES_IN_FLIGHT_MAX } from '../limits.ts';
import { printJson } from '../output.ts';
import { Progress } from '../progress.ts';
import { duration } from '../time.ts';
import { openInput, readBody, readLines } from './body-source.ts';
import type { Input } from './body-source.ts';
import { addTopicArguments, readTarget } from './target.ts';

const EXAMPLE = `
Prints the id of the message once the node has it on disk. The body comes from the
command line, from standard input with -, or from --file. With --lines every line of
the input is a message. A message is there once, also when the connection is lost
meanwhile; with --dedup-key that holds across calls as well, for as long as the topic
remembers keys. The key of a line is KEY:NUMBER, so that a file whose sending was cut
off can be sent again.

Example:
  $ ronctl mailbox send orders hello
  $ ronctl mailbox send orders - --dedup-key order-17 --group customer-4 < order.json
  $ ronctl mailbox send orders --file orders.jsonl --lines --dedup-key import-1
`;

interface SendFlags extends ConnectionFlags {
  readonly file?: string;
  readonly lines?: boolean;
  /** The key of the message; `--key` is the private key of the connection. */
  readonly dedupKey?: string;
  readonly group?: string;
  readonly priority?: number;
  readonly delay?: number;
  readonly ttl?: number;
  readonly header?: Readonly<Record<string, string>>;
}

/** `ronctl mailbox send`: sends messages. */
export function addSendCommand(group: Command): void {
  const command = group.command('send').description('send a message, or every line of an input as one').addHelpText('after', EXAMPLE);
  addTopicArguments(command, ' [body]')
    .argument('[body]', 'the message, or - for standard input')
    .option('--file <file>', 'file that holds the message')
    .option('--lines', 'send each line of the input as a message of its own')
    .option('--dedup-key <text>', 'a message with the same key and body is sent once')
    .option('--group <text>', 'messages of a group are delivered one after the other')
    .option('--priority <n>', '0 to 9, higher is delivered first (default: 4)', wholeNumber)
    .option('--delay <time>', 'time before it may be delivered, such as 90s or 5m', duration)
    .option('--ttl <time>', 'time after which it goes when nobody has it', duration)
    .option('--header <name=value>', 'a header; repeat it for more', header);
  addConnectionOptions(command).action(send);
}

async function send(first: string | undefined, second: string | undefined, third: string | undefined, flags: SendFlags): Promise<void> {
  const { url, topic, rest: body } = readTarget(first, second, third);
  if (topic === undefined) throw new Error('no topic; name one, and then the message');
  const { file, lines, json } = flags;
  if (body === undefined && file === undefined) throw new Error('nothing to send; add a message, - for standard input, or --file');
  if (body !== undefined && file !== undefined) throw new Error('a message and --file are two messages; give one');
  const input = body === undefined || body === '-' ? openInput(file ?? '-') : undefined;
  if (lines === true && input === undefined) throw new Error('--lines reads an input; give - for standard input, or --file');
  // Before anything connects, so that a node never waits for an input.
  const whole = lines === true ? undefined : input === undefined ? Buffer.from(body ?? '') : await readBody(input);
  await withClient(url, flags, async (client) => {
    const mailbox = client.mailbox(topic);
    if (whole === undefined) await sendLines(mailbox, input as Input, flags);
    else show(await mailbox.send(whole, sendOptions(flags)), json);
  });
}

/** Sends line after line, some of them at the same time, and prints what became of each in their order. */
async function sendLines(mailbox: Mailbox, input: Input, flags: SendFlags): Promise<void> {
  using progress = new Progress();
  const waiting: Promise<SendResult>[] = [];
  let sent = 0;
  const next = async (): Promise<void> => {
    show(await (waiting.shift() as Promise<SendResult>), flags.json);
    sent++;
    if (!process.stdout.isTTY) progress.show(`${sent} sent`);
  };
  try {
    for await (const line of readLines(input)) {
      const { dedupKey } = flags;
      const number = sent + waiting.length + 1;
      const sending = mailbox.send(line, sendOptions(dedupKey === undefined ? flags : { ...flags, dedupKey: `${dedupKey}:${number}` }));
      // Whoever awaits it hears of it, at its turn.
      sending.catch(() => undefined);
      waiting.push(sending);
      if (waiting.length === LINES_IN_FLIGHT_MAX) await next();
    }
    while (waiting.length > 0) await next();
  } catch (error) {
    const others = (await Promise.allSettled(waiting)).filter(({ status }) => status === 'fulfilled').length;
    const what = error instanceof Error ? error.message : String(error);
    const also = others === 0 ? '' : `, and ${others} of the next ${waiting.length}`;
    throw new BadAnswer(`${sent} lines were sent${also}; then: ${what}`);
  }
}

function sendOptions({ dedupKey, group, priority, delay, ttl, header: headers }: SendFlags): SendOptions {
  return { ...(dedupKey === undefined ? { once: true } : { key: dedupKey }), group, priority, delayMs: delay, ttlMs: ttl, headers };
}

function show({ id, duplicate, durability }: SendResult, json: boolean | undefined): void {
  if (json === true) printJson({ id, duplicate, durability });
  else process.stdout.write(`${id}${duplicate ? ' (sent before)' : ''}\n`);
}

/** One `name=value`, added to those before. */
function header(text: string, previous: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('Write a name, =, and the value.');
  return { ...previous, [text.slice(0, at)]: text.slice(at + 1) };
}
