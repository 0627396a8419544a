import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The repository's folder, ending in a slash. */
export const root = fileURLToPath(new URL('../../../', import.meta.url));

/** Every file that is, or is about to be, in the repository: paths relative to {@link root}. */
export const files = execFileSync(
  'git',
  ['ls-files', '-z', '--cached', '--others', '--exclude-standard'],
  { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
)
  .split('\0')
  .filter((path) => path !== '' && existsSync(root + path))
  .sort();

/** Workspace packages: folders relative to {@link root}. */
export const packages = ['packages', 'tools', 'examples', 'testing']
  .filter((group) => existsSync(root + group))
  .flatMap((group) => readdirSync(root + group).map((name) => `${group}/${name}`))
  .filter((folder) => existsSync(`${root}${folder}/package.json`));

export function read(path: string): string {
  return readFileSync(root + path, 'utf8');
}

export function bytesOf(path: string): number {
  return statSync(root + path).size;
}

/** Files read as text; the lock file and the licence are other people's words. */
export const texts = files.filter(
  (path) => !['package-lock.json', 'LICENSE'].includes(path) && !isBinary(path),
);

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly license?: string;
  readonly type?: string;
  readonly engines?: Readonly<Record<string, string>>;
  readonly files?: readonly string[];
  readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly nx?: { readonly tags?: readonly string[] };
}

export function manifestOf(folder: string): Manifest {
  return JSON.parse(read(`${folder}/package.json`)) as Manifest;
}

function isBinary(path: string): boolean {
  return readFileSync(root + path).subarray(0, 8_000).includes(0);
}
