import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { CapabilityStore } from '@omnigate/capability';
import type { AuditVerdict } from '@omnigate/capability';
import { addDataOption, explained, storeFolder } from '../data-folder.ts';
import type { DataFlags } from '../data-folder.ts';
import { BadAnswer } from '../exit-code.ts';
import { printJson } from '../output.ts';

const EXAMPLE = `
Finds the first line of each log that was changed, dropped, put elsewhere or
repeated, and an end that is missing. What it cannot see is a log that was replaced
by an older copy of itself: note count and MAC elsewhere from time to time, and look
for that MAC in the log later.

Example:
  $ ronctl audit verify --data /var/lib/omnigate
`;

interface VerifyFlags extends DataFlags {
  readonly json?: boolean;
}

/** `ronctl audit verify`: whether the audit logs are what was written. */
export function addAuditVerifyCommand(group: Command): void {
  const command = group.command('verify').description('find out whether anybody touched the audit logs');
  addDataOption(command).option('--json', 'print JSON').addHelpText('after', EXAMPLE).action(verify);
}

async function verify(flags: VerifyFlags): Promise<void> {
  const folder = storeFolder(flags);
  const verdicts = [...(await explained(folder, verdictsOf(folder)))];
  const bad = verdicts.filter(([, { ok }]) => !ok);
  if (flags.json === true) {
    printJson({ ok: bad.length === 0, logs: verdicts.map(([log, verdict]) => verdictJson(log, verdict)) });
  } else {
    if (verdicts.length === 0) process.stdout.write('There is no audit log yet.\n');
    for (const [log, verdict] of verdicts) process.stdout.write(`${log}: ${describe(verdict)}\n`);
  }
  if (bad.length === 0) return;
  const names = bad.map(([log]) => log).join(', ');
  throw new BadAnswer(`somebody touched ${names}; find out who, and keep the folder ${CapabilityStore.auditFolder(folder)} as evidence`, flags.json === true);
}

async function verdictsOf(folder: string): Promise<Map<string, AuditVerdict>> {
  const audit = CapabilityStore.auditFolder(folder);
  const verdicts = existsSync(audit) ? CapabilityStore.verifyAudit(folder) : undefined;
  if (verdicts !== undefined) return verdicts;
  // Says what is wrong with the store, if it is not only the logs that are missing.
  await CapabilityStore.readVerifier(folder);
  throw new BadAnswer(`the folder ${audit} is gone, and all audit logs with it; find out who removed it`);
}

function verdictJson(log: string, { ok, lines, position, fault, torn }: AuditVerdict) {
  return {
    log,
    ok,
    lines,
    count: position.count,
    mac: position.mac,
    fault: fault === undefined ? null : { kind: fault.kind, file: fault.path ?? null, line: fault.lineNumber ?? null, message: fault.message },
    torn: torn === undefined ? null : { file: torn.path, line: torn.lineNumber, bytes: torn.bytes },
  };
}

function describe({ lines, position, fault, torn }: AuditVerdict): string {
  if (fault !== undefined) {
    const where = fault.path === undefined ? '' : ` ${fault.path}:${fault.lineNumber ?? 0}:`;
    return `${fault.kind}:${where} ${fault.message}`;
  }
  const end = torn === undefined ? '' : `, and ${torn.bytes} bytes of a line that a crash cut off, or that is just being written`;
  return `${lines} records, all right${end}; the last one is ${position.count}, MAC ${position.mac}`;
}
