import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { CapabilityStore, listAuditLogs, readAuditTail } from '@omnigate/capability';
import { count } from '../arguments.ts';
import { addDataOption, explained, storeFolder } from '../data-folder.ts';
import type { DataFlags } from '../data-folder.ts';
import { FOLLOW_POLL_MS, TAIL_RECORDS_MAX } from '../limits.ts';
import { LogFollower } from './log-follower.ts';
import { readRecord, recordJson, recordText } from './record-text.ts';
import type { ShownRecord } from './record-text.ts';

const EXAMPLE = `
Shows the records of all processes that write one, oldest first, as they are in the
files: "ronctl audit verify" says whether they are what was written.

Example:
  $ ronctl audit tail -n 50
  $ ronctl audit tail --follow --log node --json
`;

interface TailFlags extends DataFlags {
  readonly lines: number;
  readonly log?: string;
  readonly follow?: boolean;
  readonly json?: boolean;
}

/** `ronctl audit tail`: the last records of the audit logs. */
export function addAuditTailCommand(group: Command): void {
  const command = group
    .command('tail')
    .description('show the last records of the audit logs')
    .option('-n, --lines <n>', `how many, at most ${TAIL_RECORDS_MAX}`, records, 20)
    .option('--log <name>', 'only the log of one kind of process: node or ronctl')
    .option('-f, --follow', 'wait for new records and show them, until it is stopped');
  addDataOption(command).option('--json', 'print one JSON object a line').addHelpText('after', EXAMPLE).action(tail);
}

async function tail(flags: TailFlags): Promise<void> {
  const store = storeFolder(flags);
  const folder = CapabilityStore.auditFolder(store);
  // Says what is wrong where there is no store.
  if (!existsSync(folder)) await explained(store, CapabilityStore.readVerifier(store));
  const names = async (): Promise<string[]> => (await listAuditLogs(folder)).filter((log) => flags.log === undefined || log === flags.log);
  const found = await names();
  if (found.length === 0 && flags.log !== undefined && flags.follow !== true) {
    throw new Error(`there is no audit log of that name; there are: ${(await listAuditLogs(folder)).join(', ') || 'none'}`);
  }
  const show = flags.json === true ? recordJson : recordText;

  // Followers first: what is written in between is seen twice, and shown once.
  const followers = new Map<string, LogFollower>();
  for (const log of found) followers.set(log, await LogFollower.create(folder, log, false));
  const shown = (await Promise.all(found.map((log) => lastRecords(folder, log, flags.lines)))).flat();
  shown.sort((a, b) => a.atMs - b.atMs || a.number - b.number);
  const seen = new Map<string, number>();
  for (const record of shown.slice(-flags.lines)) {
    await print(show(record));
    if (record.number > (seen.get(record.log) ?? 0)) seen.set(record.log, record.number);
  }
  if (flags.follow !== true) return;

  for (;;) {
    for (const log of await names()) {
      let follower = followers.get(log);
      if (follower === undefined) followers.set(log, (follower = await LogFollower.create(folder, log, true)));
      for await (const line of follower.lines()) {
        const record = readRecord(log, line);
        if (!(record.number <= (seen.get(log) ?? 0))) await print(show(record));
      }
    }
    await sleep(FOLLOW_POLL_MS);
  }
}

async function lastRecords(folder: string, log: string, lines: number): Promise<ShownRecord[]> {
  return (await readAuditTail(folder, log, lines)).map((line) => readRecord(log, line));
}

async function print(line: string): Promise<void> {
  if (!process.stdout.write(`${line}\n`)) await once(process.stdout, 'drain');
}

function records(text: string): number {
  const value = count(text);
  if (value > TAIL_RECORDS_MAX) throw new InvalidArgumentError(`It must be at most ${TAIL_RECORDS_MAX}; read the files for more.`);
  return value;
}
