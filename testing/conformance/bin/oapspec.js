#!/usr/bin/env node
// Plain JavaScript, committed: npm links it at install time, before any build.
import { existsSync } from 'node:fs';

const program = new URL('../dist/main.js', import.meta.url);
if (existsSync(program)) {
  await import(program.href);
} else {
  process.stderr.write('oapspec is not built yet: run `npm run build` once.\n');
  process.exitCode = 1;
}
