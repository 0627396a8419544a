import type { Command } from 'commander';
import type { Mailbox, Message } from '@omnigate/sdk';
import { count } from '../arguments.ts';
import { addConnectionOptions, withClient } from '../connection-options.ts';
import type { ConnectionFlags } from '../connection-options.ts';
import { BadAnswer } from '../exit-code.ts';
import { RECEIVE_PAGE_MESSAGES, RECEIVE_WAIT_MS_MAX } from '../limits.ts';
import { writeOut } from '../output.ts';
import { duration, formatDuration } from '../time.ts';
import { followMessages } from './message-follower.ts';
import { bodyForTerminal, messageJson } from './message-text.ts';
import { addTopicArguments, readTopic } from './target.ts';

const EXAMPLE = `
Prints the bodies, each followed by the end of a line unless --raw is given, and
acknowledges a message only when the system has its output: one that could not be
written comes again. Ends with 1 when there was no message in time.

Example:
  $ ronctl mailbox receive orders
  $ ronctl mailbox receive orders --max 100 --wait 30s --json
  $ ronctl mailbox receive orders --follow >> orders.log
  $ ronctl mailbox receive orders --raw > order.json
`;

interface ReceiveFlags extends ConnectionFlags {
  readonly max?: number;
  readonly wait?: number;
  readonly visibility?: number;
  readonly follow?: boolean;
  readonly ack: boolean;
  readonly raw?: boolean;
}

/** `ronctl mailbox receive`: takes messages. */
export function addReceiveCommand(group: Command): void {
  const command = group.command('receive').description('take messages and print them').addHelpText('after', EXAMPLE);
  addTopicArguments(command)
    .option('--max <n>', 'how many at most (default: 1)', count)
    .option('--wait <time>', 'how long to wait for a message, such as 30s (default: not at all)', duration)
    .option('-f, --follow', 'take messages as they come, until it is stopped')
    .option('--visibility <time>', 'how long a message is with nobody else (default: 30s)', duration)
    .option('--no-ack', 'acknowledge nothing: the messages come again after --visibility')
    .option('--raw', 'print bodies as they are, with nothing in between');
  addConnectionOptions(command).action(receive);
}

async function receive(first: string | undefined, second: string | undefined, flags: ReceiveFlags): Promise<void> {
  const { url, topic } = readTopic(first, second);
  const { follow, max, wait, ack, json, raw } = flags;
  if (follow === true && (max !== undefined || wait !== undefined)) throw new Error('--follow has no end; leave out --max and --wait');
  if (follow === true && !ack) throw new Error('--follow without acknowledging gets the same messages again; use "ronctl mailbox peek", or leave out --no-ack');
  if (json === true && raw === true) throw new Error('--json and --raw are two forms; give one');
  const show = (message: Message): Promise<void> => writeOut(formOf(message, flags));
  await withClient(url, flags, async (client) => {
    const mailbox = client.mailbox(topic);
    if (follow === true) await followMessages(mailbox, flags, show);
    else await receiveSome(mailbox, flags, show);
  });
}

async function receiveSome(mailbox: Mailbox, flags: ReceiveFlags, show: (message: Message) => Promise<void>): Promise<void> {
  const { max = 1, wait: waitMs = 0, ack } = flags;
  let left = max;
  while (left > 0) {
    const messages = await receiveWithin(mailbox, Math.min(left, RECEIVE_PAGE_MESSAGES), waitMs, flags.visibility);
    if (messages.length === 0) break;
    const acks: Promise<void>[] = [];
    try {
      for (const message of messages) {
        await show(message);
        if (ack) acks.push(message.ack());
      }
    } finally {
      await Promise.allSettled(acks);
    }
    await Promise.all(acks);
    left -= messages.length;
  }
  if (left < max) return;
  throw new BadAnswer(`there was no message in ${mailbox.topic}${waitMs === 0 ? '; --wait waits for one' : ` within ${formatDuration(waitMs)}`}`);
}

async function receiveWithin(mailbox: Mailbox, max: number, waitMs: number, visibilityMs: number | undefined): Promise<Message[]> {
  const endsAt = performance.now() + waitMs;
  for (;;) {
    const leftMs = Math.max(0, Math.ceil(endsAt - performance.now()));
    const messages = await mailbox.receive({ max, visibilityMs, waitMs: Math.min(leftMs, RECEIVE_WAIT_MS_MAX) });
    if (messages.length > 0 || leftMs <= RECEIVE_WAIT_MS_MAX) return messages;
  }
}

function formOf(message: Message, { json, raw }: ReceiveFlags): string | Uint8Array {
  if (raw === true) return message.body;
  if (json === true) return `${JSON.stringify(messageJson(message))}\n`;
  return process.stdout.isTTY ? `${bodyForTerminal(message)}\n` : Buffer.concat([message.body, Buffer.from('\n')]);
}
