import { codec } from '../codec.ts';
import { echo } from './echo.ts';
import { idle } from './idle.ts';
import { latency } from './latency.ts';
import { overload } from './overload.ts';
import { mailbox } from './mailbox.ts';
import type { Scenario } from './plan.ts';
import { restarts } from './restarts.ts';
import { slowReader } from './slow-reader.ts';
import { tenantFlood } from './tenant-flood.ts';
import { tenantIds } from './tenant-ids.ts';
import { storage } from './storage.ts';
import { tinyFrames } from './tiny-frames.ts';

/** Every scenario, in the order in which they run. */
export const scenarios: readonly Scenario[] = [codec, echo, latency, idle, slowReader, storage, tinyFrames, tenantFlood, tenantIds, overload, restarts, mailbox];
