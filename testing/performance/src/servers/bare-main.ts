import { answerParent } from '../process/worker-loop.ts';
import { startBareServer } from './bare-server.ts';

const { address } = await startBareServer('127.0.0.1');
answerParent({ address: () => address });
