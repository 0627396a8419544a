import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { OapError } from '@omnigate/sdk';
import type { Client } from '@omnigate/sdk';
import { FILLING_BODY_BYTES, FILLING_MESSAGES_MAX, RECOVERY_MS_MAX, SMALL_DISK_BYTES } from '../bounds.ts';
import type { Loop } from '../loop.ts';
import { LoopFilesystem } from '../machine/loop-filesystem.ts';
import { ask, peekAll } from '../mailbox/mailbox-client.ts';
import type { Message, SendReply } from '../mailbox/mailbox-client.ts';
import { bytesOf } from '../random-bytes.ts';
import { put } from '../storage/storage-client.ts';
import { Tally } from '../tally.ts';
import { NodeSubject } from './node-subject.ts';

const TOPIC = 'full';

/** The disk of a node fills up: new things are refused by name, old ones can be taken away, and room is used when it is there again. */
export const nodeDiskFull: Loop = {
  name: 'node: disk full',
  needs: ['power cuts'],
  rounds: 1,
  async run(rounds) {
    const tally = new Tally();
    for (let round = 0; round < rounds; round++) {
      await using disk = await LoopFilesystem.create(SMALL_DISK_BYTES);
      await fillUp(disk, tally);
    }
    return tally;
  },
};

async function fillUp(disk: LoopFilesystem, tally: Tally): Promise<void> {
  const subject = new NodeSubject('node', []);
  const ballast = join(disk.path, 'ballast');
  const kept = new Set<string>();
  let running = await subject.start(disk.path);
  try {
    kept.add(await send(running.client, 1));
    fill(ballast);
    await sendUntilRefused(running.client, kept, tally);
    await expectRefusal(put(running.client, bytesOf(1, FILLING_BODY_BYTES * 10)), 'storage_full', tally);
    await takeAway(running.client, kept, tally);
    rmSync(ballast);
    const sent = await sendWhenThereIsRoom(running.client);
    if (sent === undefined) tally.count('wrong', `SEND is refused ${RECOVERY_MS_MAX} ms after there was room again`);
    else kept.add(sent);
    await running.kill();
    running = await subject.start(disk.path);
    await compare(running.client, kept, tally);
    tally.acknowledged += kept.size;
  } finally {
    await running.kill();
  }
}

async function send(client: Client, number: number): Promise<string> {
  return (await ask<SendReply>(client, 'SEND', { topic: TOPIC, body: bytesOf(number, FILLING_BODY_BYTES) })).id;
}

async function sendUntilRefused(client: Client, kept: Set<string>, tally: Tally): Promise<void> {
  for (let number = 2; number <= FILLING_MESSAGES_MAX; number++) {
    try {
      kept.add(await send(client, number));
    } catch (error) {
      const { reason } = OapError.from(error);
      if (reason !== 'mailbox_full') tally.count('wrong', `SEND on a full disk is ${reason}`);
      return;
    }
  }
  tally.count('wrong', `a full disk took ${FILLING_MESSAGES_MAX} messages`);
}

/** ACK and DELETE of one message each. */
async function takeAway(client: Client, kept: Set<string>, tally: Tally): Promise<void> {
  const { messages } = await ask<{ messages: Message[] }>(client, 'RECV', { topic: TOPIC });
  const [received] = messages;
  const { outcomes } = await ask<{ outcomes: string[] }>(client, 'ACK', { topic: TOPIC, receipts: [received?.receipt] });
  if (outcomes[0] === 'ok') kept.delete(received?.id ?? '');
  else tally.count('wrong', `ACK on a full disk is ${outcomes[0] ?? 'nothing'}`);
  const [id = ''] = kept;
  const { outcome } = await ask<{ outcome: string }>(client, 'DELETE', { topic: TOPIC, id });
  if (outcome === 'deleted') kept.delete(id);
  else tally.count('wrong', `DELETE on a full disk is ${outcome}`);
  tally.acknowledged += 2;
}

async function compare(client: Client, kept: ReadonlySet<string>, tally: Tally): Promise<void> {
  const found = new Set((await peekAll(client, TOPIC, 'ready')).map(({ id }) => id));
  for (const id of kept) if (!found.has(id)) tally.count('lost', id);
  for (const id of found) if (!kept.has(id)) tally.count('wrong', `${id} was taken away or refused, and is there`);
}

async function sendWhenThereIsRoom(client: Client): Promise<string | undefined> {
  const deadlineMs = performance.now() + RECOVERY_MS_MAX;
  while (performance.now() < deadlineMs) {
    try {
      return await send(client, 0);
    } catch (error) {
      if (OapError.from(error).reason !== 'mailbox_full') throw error;
      await sleep(100);
    }
  }
  return undefined;
}

async function expectRefusal(asked: Promise<unknown>, reason: string, tally: Tally): Promise<void> {
  try {
    await asked;
    tally.count('wrong', `it was taken instead of refused with ${reason}`);
  } catch (error) {
    const found = OapError.from(error).reason;
    if (found !== reason) tally.count('wrong', `it was refused with ${found} instead of ${reason}`);
  }
}

/** Writes until there is no room. */
function fill(path: string): void {
  const file = openSync(path, 'w');
  try {
    for (let bytes = 1_048_576; bytes >= 1_024; ) {
      try {
        writeSync(file, Buffer.alloc(bytes, 1));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        bytes /= 2;
      }
    }
  } finally {
    closeSync(file);
  }
}
