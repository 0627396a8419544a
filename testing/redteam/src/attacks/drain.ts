import { askAdmin } from '@omnigate/harness';
import { ControlOp, decodeGoAway } from '@omnigate/kernel/wire';
import { ECHO, last, request, start, textOf } from '../frames.ts';
import type { Peer } from '../peer.ts';
import type { Attack, Scene } from '../play.ts';
import { Target } from '../target.ts';
import type { Trial } from '../trial.ts';

/** Time the node goes on to accept, and to wait for open requests. */
const ACCEPT_MS = 5_000;
const FINISH_MS = 20_000;

async function goAway(peer: Peer): Promise<number> {
  const frame = await peer.take(({ app, code, corrId }) => app === 0 && corrId === 0n && code === ControlOp.GOAWAY);
  return decodeGoAway(frame.payload).drainMs;
}

/** What the node says to a request that comes now. */
async function late(trial: Trial, peer: Peer): Promise<void> {
  peer.send(request(5, 'late'));
  await trial.reaction(peer, { to: { corr: 5, app: ECHO } });
}

const whileDraining: Attack = {
  row: 61,
  play: async (trial) => {
    const { target } = trial;
    const holder = await trial.greeted();
    const other = await trial.greeted();
    holder.send(start(1, 'begun before'));
    await holder.take(1);
    target.node.kill('SIGTERM');
    trial.ensure((await goAway(holder)) > 0, 'GOAWAY tells how long');
    await goAway(other);
    const { status, body } = await askAdmin(target.node.adminUrl, '/readyz');
    trial.ensure(status === 503 && JSON.stringify(body).includes('draining'), `/readyz says ${status} ${JSON.stringify(body)}`);
    await late(trial, other);
    // Nobody meets a closed port yet, but is sent elsewhere.
    await late(trial, await trial.greeted());
    holder.send(last(1, ', ended after'));
    const rest = await holder.take(1);
    trial.ensure(rest.code === 200, `the open stream ends with ${rest.code}`);
    const { draining } = Object.fromEntries(await target.rejected());
    trial.ensure(draining === 2, `draining was counted ${draining ?? 0} times`);
    trial.fact(`the open stream ended whole (${textOf(rest)})`);
    trial.dropAll();
    const { code, signal } = await target.node.exited;
    trial.ensure(code === 0, `the node ended with ${code ?? signal ?? ''}`);
  },
};

export const drainScene: Scene = {
  name: 'a drain',
  start: async () => Target.start({ env: { OMNIGATE_DRAIN_ACCEPT_MS: String(ACCEPT_MS), OMNIGATE_DRAIN_TIMEOUT_MS: String(FINISH_MS) } }),
  attacks: [whileDraining],
  ends: true,
};
