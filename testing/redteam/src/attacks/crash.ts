import { ping, request } from '../frames.ts';
import { until } from '../patience.ts';
import type { Attack } from '../play.ts';
import { refusalOf } from '../trial.ts';

/** The application of src/services/faulty.ts. */
const FAULTY = 40_003;
const FaultyOp = { THROW: 0, WORK: 1 } as const;

export const crash: Attack = {
  row: 74,
  play: async (trial) => {
    const peer = await trial.greeted();
    peer.send(request(5, '', { app: FAULTY, code: FaultyOp.THROW }));
    const error = await peer.take(5);
    trial.saw(refusalOf(error));
    const told = Buffer.from(error.payload).toString('latin1');
    trial.ensure(!/secret|stack|\.ts|\.js/.test(told), `the caller is told ${told}`);
    trial.counted('service_crashed', 1);
    // The service is started again, and callers that come meanwhile are told to wait.
    await until('the service to be back', async () => {
      peer.send(request(6, '', { app: FAULTY, code: FaultyOp.WORK }));
      const reply = await peer.take(6);
      if (reply.code !== 200) trial.saw(refusalOf(reply));
      return reply.code === 200;
    });
    peer.send(ping(7));
    await peer.take(7);
    trial.drop(peer);
  },
};
