import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, OapError } from '@omnigate/sdk';
import type { Client, Mailbox, Message } from '@omnigate/sdk';
import { History } from './history.ts';
import type { Line } from './history.ts';

const PAUSE_MS = 500;
/** How long leaving waits for a node that is away. */
const LEAVE_MS = 2_000;
/** Lines of earlier that are shown at the start. */
const EARLIER = 20;

const [me, peer] = process.argv.slice(2);
if (me === undefined || peer === undefined) {
  console.error('Usage: node dist/chat.js ME PEER, where RON_CAP has a capability for the mailbox, and RON_NODE_URL the node if it is not the local one.');
  process.exit(2);
}
const history = new History(`chat-${me}.jsonl`, me);
for (const line of history.lines.slice(-EARLIER)) show(line);
console.log(`--- you are ${me}; what you type goes to ${peer}`);

let client: Client | undefined;
let sending: Promise<void> | undefined;
const terminal = createInterface({ input: process.stdin });
terminal.on('line', (text) => {
  const line: Line = { key: randomUUID(), from: me, text };
  history.say(line);
  // In place of what was typed.
  if (process.stdout.isTTY) process.stdout.write('\u001b[1A\u001b[K');
  show(line);
  send();
});
terminal.on('close', () => void leave());

try {
  client = await patiently(() => connect());
  send();
  for await (const message of client.mailbox(`chat/${me}`).subscribe()) hear(message);
} catch (error) {
  fail(error);
}

/** Shows a line and acknowledges it, once it is kept: when this process dies on the way, it comes again, and is known. */
function hear(message: Message): void {
  const { key = message.id, headers } = message;
  const line = { key, from: headers.from ?? 'somebody', text: message.text() };
  if (history.hear(line)) show(line);
  // When this fails the line comes again.
  message.ack().catch(() => undefined);
}

/** Sends what was said and is not sent, unless that is under way. */
function send(): void {
  if (client === undefined) return;
  sending ??= sendAll(client.mailbox(`chat/${String(peer)}`))
    .catch(fail)
    .finally(() => {
      sending = undefined;
    });
}

/** One line after the other, so that they arrive in this order. The key lets the node keep one of a line that is sent twice. */
async function sendAll(to: Mailbox): Promise<void> {
  for (let line = history.unsent; line !== undefined; line = history.unsent) {
    const { key, from, text } = line;
    await patiently(() => to.send(text, { key, group: from, headers: { from } }));
    history.sent(line);
  }
}

/** Does something as soon as the node is there and has room. */
async function patiently<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof OapError) || !(error.retryable || error.status >= 500)) throw error;
      if (attempt === 1) console.error(`--- ${error.message}`);
      await sleep(PAUSE_MS);
    }
  }
}

function show({ from, text }: Line): void {
  console.log(`${from}: ${text}`);
}

/** After the end of the input: what was said is sent first, if the node is there. */
async function leave(): Promise<void> {
  await Promise.race([sending, sleep(LEAVE_MS)]);
  await client?.close();
  if (history.unsentCount > 0) console.error(`--- ${history.unsentCount} lines are kept, and sent when you are here again`);
  process.exit();
}

function fail(error: unknown): never {
  console.error(error instanceof OapError ? `--- ${error.message}` : error);
  process.exit(1);
}
