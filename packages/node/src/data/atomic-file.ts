import { closeSync, fsyncSync, linkSync, openSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { ulid } from 'ulid';

/**
 * Creates `path` with its whole content, or not at all: no reader ever sees half
 * a file, and of two who create it at the same time one fails with EEXIST.
 */
export function createAtomically(path: string, content: string): void {
  const draft = `${path}.${ulid()}.tmp`;
  try {
    const file = openSync(draft, 'wx', 0o600);
    try {
      writeSync(file, content);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    linkSync(draft, path);
  } finally {
    rmSync(draft, { force: true });
  }
  const folder = openSync(dirname(path), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
