import { nodeDiskFull } from '../src/node/disk-full.ts';
import { nodeClock, nodeIoErrors } from '../src/node/fault-loops.ts';
import { tryLoops } from './try-loops.ts';

await tryLoops([nodeIoErrors, nodeClock, nodeDiskFull]);
