import { mkdtempSync, rmSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DISK_WRITE_BYTES } from '../bounds.ts';
import { payloadOf } from '../clients/framing.ts';
import { answerParent } from '../process/worker-loop.ts';

/** What putting a blob costs at least: files that are written, synced and renamed, and their folder synced. */
const folder = mkdtempSync(join(tmpdir(), 'omnigate-performance-'));
process.on('exit', () => {
  rmSync(folder, { recursive: true, force: true });
});

let files = 0;

answerParent({
  /** Seconds for `count` files of `sizeBytes`, `atOnce` of them side by side. */
  write: async ({ sizeBytes, count, atOnce }: { sizeBytes: number; count: number; atOnce: number }): Promise<number> => {
    const bytes = payloadOf(Math.min(sizeBytes, DISK_WRITE_BYTES));
    const startMs = performance.now();
    let left = count;
    const writeInTurn = async (): Promise<void> => {
      while (left-- > 0) await writeFile(bytes, sizeBytes);
    };
    await Promise.all(Array.from({ length: atOnce }, writeInTurn));
    return (performance.now() - startMs) / 1_000;
  },
});

async function writeFile(bytes: Uint8Array, sizeBytes: number): Promise<void> {
  const path = join(folder, String(files++));
  const file = await open(`${path}.part`, 'w');
  for (let at = 0; at < sizeBytes; at += bytes.length) await file.write(bytes, 0, Math.min(bytes.length, sizeBytes - at), at);
  await file.datasync();
  await file.close();
  await rename(`${path}.part`, path);
  const directory = await open(folder, 'r');
  await directory.sync();
  await directory.close();
}
