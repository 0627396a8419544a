// Preloaded by every test: TypeScript files become modules that Node.js can run.
import { register } from 'node:module';

register('./typescript-hooks.js', import.meta.url);
