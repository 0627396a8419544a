import { spawn, spawnSync } from 'node:child_process';
import { PROGRAM_TIMEOUT_MS } from '../bounds.ts';

/** What the zstd command said of some bytes; `tooMuch` when it began to write more than it was let. */
export type ZstdVerdict = { readonly verdict: 'ok'; readonly content: Uint8Array } | { readonly verdict: 'refused' | 'tooMuch' };

/** Why there is no zstd command here; undefined when there is one. */
export function zstdMissing(): string | undefined {
  return spawnSync('zstd', ['--version']).status === 0 ? undefined : 'THERE IS NO zstd COMMAND: nothing was compared with it; apt-get install zstd';
}

/**
 * Asks `zstd -d`.
 *
 * @param contentBytesMax ends it when it writes more
 */
export function askZstd(frame: Uint8Array, contentBytesMax: number): Promise<ZstdVerdict> {
  return new Promise((resolve, reject) => {
    const child = spawn('zstd', ['-d', '-q', '-c', '--no-sparse'], { stdio: ['pipe', 'pipe', 'ignore'], timeout: PROGRAM_TIMEOUT_MS });
    const parts: Buffer[] = [];
    let bytes = 0;
    child.on('error', reject);
    child.stdout.on('data', (part: Buffer) => {
      parts.push(part);
      bytes += part.length;
      if (bytes > contentBytesMax) child.kill('SIGKILL');
    });
    // It may refuse before it has read everything.
    child.stdin.on('error', () => undefined);
    child.stdin.end(frame);
    child.on('close', (code, signal) => {
      if (bytes > contentBytesMax) resolve({ verdict: 'tooMuch' });
      else if (signal !== null) reject(new Error(`zstd ended by ${signal}`));
      else resolve(code === 0 ? { verdict: 'ok', content: Buffer.concat(parts) } : { verdict: 'refused' });
    });
  });
}
