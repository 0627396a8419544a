import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** What TypeScript made of a file, one entry for each. */
const folder = join(root, '.cache', 'typescript');
/** All that the outcome depends on besides the file. */
const setting = [import.meta.filename, join(root, 'tsconfig.base.json'), createRequire(import.meta.url).resolve('typescript/package.json')]
  .map((file) => readFileSync(file, 'utf8'))
  .join();

mkdirSync(folder, { recursive: true });

/**
 * Loads TypeScript files of this repository from the cache. The loader that tap brings starts the
 * compiler twice in every test file, and compiles all that the file imports again.
 */
export async function load(url, context, nextLoad) {
  const { protocol, pathname } = new URL(url);
  if (protocol !== 'file:' || !pathname.endsWith('.ts') || pathname.includes('/node_modules/')) return nextLoad(url, context);
  const path = fileURLToPath(url);
  const source = readFileSync(path, 'utf8');
  const entry = join(folder, `${hashOf(path)}.js`);
  const key = `// ${hashOf(setting, source)}\n`;
  const cached = readIfThere(entry);
  if (cached?.endsWith(key)) return { format: 'module', shortCircuit: true, source: cached };
  const compiled = `${await compile(path, source)}\n${key}`;
  // Other tests read it meanwhile: it is there as a whole, or not at all.
  const unfinished = `${entry}.${process.pid}.${threadId}`;
  writeFileSync(unfinished, compiled);
  renameSync(unfinished, entry);
  return { format: 'module', shortCircuit: true, source: compiled };
}

async function compile(path, source) {
  const { default: ts } = await import('typescript');
  const { compilerOptions } = JSON.parse(readFileSync(join(root, 'tsconfig.base.json'), 'utf8'));
  const { target } = ts.convertCompilerOptionsFromJson({ target: compilerOptions.target }, root).options;
  const { outputText } = ts.transpileModule(source, {
    fileName: path,
    compilerOptions: { target, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true, inlineSourceMap: true, inlineSources: true },
  });
  return outputText;
}

function hashOf(...parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
