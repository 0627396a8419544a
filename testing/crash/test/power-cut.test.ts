import { nodePowerCut, nodePowerCutUnflushed } from '../src/node/node-loops.ts';
import { tryLoops } from './try-loops.ts';

await tryLoops([nodePowerCut, nodePowerCutUnflushed]);
