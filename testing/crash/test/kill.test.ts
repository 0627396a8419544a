import { nodeKill } from '../src/node/node-loops.ts';
import { tryLoops } from './try-loops.ts';

await tryLoops([nodeKill]);
