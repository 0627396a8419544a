import { codec } from '../codec.ts';
import { echo } from './echo.ts';
import { idle } from './idle.ts';
import { latency } from './latency.ts';
import { overload } from './overload.ts';
import { mailboxDepth, mailboxEcho, mailboxSend } from './mailbox-costs.ts';
import { mailboxPeers } from './mailbox-peers.ts';
import type { Scenario } from './plan.ts';
import { restarts } from './restarts.ts';
import { slowReader } from './slow-reader.ts';
import { tenantFlood } from './tenant-flood.ts';
import { tenantIds } from './tenant-ids.ts';
import { storage } from './storage.ts';
import { tinyFrames } from './tiny-frames.ts';

/** Every scenario, in the order in which they run. */
export const scenarios: readonly Scenario[] = [
  codec,
  echo,
  latency,
  idle,
  slowReader,
  storage,
  tinyFrames,
  tenantFlood,
  tenantIds,
  overload,
  restarts,
  mailboxPeers,
  mailboxSend,
  mailboxDepth,
  mailboxEcho,
];

/** The scenario of that name, or all whose names begin with it, such as `mailbox`; throws RangeError when there are none. */
export function scenariosNamed(name: string): readonly Scenario[] {
  const found = scenarios.filter((candidate) => candidate.name === name || candidate.name.startsWith(`${name}-`));
  if (found.length === 0) throw new RangeError(`no scenario '${name}'; there are ${scenarios.map((s) => s.name).join(', ')}`);
  return found;
}
