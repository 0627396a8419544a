import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The package, seen from src/ and from dist/. */
const PACKAGE = new URL('../../', import.meta.url);

/** Folders of inputs, one for each target; files are called by the SHA-256 of what is in them. */
export const Folder = {
  /** Inputs that reach what the test vectors do not; part of the repository. */
  CORPUS: 'corpus',
  /** Inputs that were dealt with wrongly once; part of the repository. */
  CRASHES: 'crashes',
  /** Everything that searches on this machine found. */
  FOUND: '.cache/found',
} as const;
export type Folder = (typeof Folder)[keyof typeof Folder];

export function folderOf(folder: Folder, target: string): string {
  return fileURLToPath(new URL(`${folder}/${target}/`, PACKAGE));
}

/** All inputs of a folder, in the order of their names; none when it is not there. */
export function readInputs(folder: Folder, target: string): Uint8Array[] {
  const path = folderOf(folder, target);
  if (!existsSync(path)) return [];
  return readdirSync(path)
    .sort()
    .map((name) => new Uint8Array(readFileSync(path + name)));
}

/** Keeps an input. @returns the path of its file, relative to the repository */
export function keepInput(folder: Folder, target: string, input: Uint8Array): string {
  const path = folderOf(folder, target);
  mkdirSync(path, { recursive: true });
  const name = nameOf(input);
  writeFileSync(path + name, input);
  return `testing/fuzz/${folder}/${target}/${name}`;
}

/** Makes a folder hold these inputs and no others. */
export function replaceInputs(folder: Folder, target: string, inputs: readonly Uint8Array[]): void {
  rmSync(folderOf(folder, target), { recursive: true, force: true });
  for (const input of inputs) keepInput(folder, target, input);
}

function nameOf(input: Uint8Array): string {
  return createHash('sha256').update(input).digest('hex').slice(0, 32);
}
