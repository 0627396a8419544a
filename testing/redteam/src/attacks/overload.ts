import { writeFileSync } from 'node:fs';
import { askAdmin, TemporaryFolder } from '@omnigate/harness';
import type { Frame } from '@omnigate/kernel/wire';
import { ALICE, BOB, credit, ECHO, event, last, part, ping, request, start, textOf } from '../frames.ts';
import { pause, until } from '../patience.ts';
import type { Peer } from '../peer.ts';
import type { Attack, Scene } from '../play.ts';
import { Target } from '../target.ts';
import { refusalOf } from '../trial.ts';
import type { Trial } from '../trial.ts';

const BUSY = 40_004;
const BusyOp = { BURN: 0, TOUCH: 1 } as const;
/** Requests that each of the attackers keeps waiting; together seconds of work. */
const WAITING = 100;
const ATTACKERS = 4;
/** How long the node may take to notice, and to recover; it looks at a window of some seconds. */
const NOTICED_WITHIN_MS = 60_000;
const PAUSE_MS = 20;
/** Looks at the order of shedding. */
const LOOKS = 40;

/** Keeps requests waiting until told to stop; those that are refused are sent again at once, against the advice. */
async function press(trial: Trial, stopped: () => boolean): Promise<number> {
  const peer = await trial.greeted({ capability: await trial.target.desk.mint({ tenant: BOB }), tenant: BOB });
  let served = 0;
  let next = 1;
  const burn = (): Uint8Array => request(next++, '', { app: BUSY, code: BusyOp.BURN, tenant: BOB });
  peer.send(...Array.from({ length: WAITING }, burn));
  for (let open = WAITING; open > 0; ) {
    const reply = await peer.take(({ app }) => app === BUSY, NOTICED_WITHIN_MS);
    const answer = refusalOf(reply);
    if (answer === 'no refusal') served++;
    else {
      trial.saw(answer);
      await pause(PAUSE_MS);
    }
    if (stopped()) open--;
    else peer.send(burn());
  }
  trial.drop(peer);
  return served;
}

/** An EVENT, a batch request and an interactive one in one segment: none may be refused while one that goes before it is taken. */
async function order(trial: Trial, peer: Peer, batch: Uint8Array, n: number): Promise<string> {
  const [first, second, third] = [3 * n + 1, 3 * n + 2, 3 * n + 3];
  const touch = { app: BUSY, code: BusyOp.TOUCH, tenant: ALICE };
  peer.send(event(first, '', touch), request(second, '', { ...touch, capability: batch }), request(third, '', touch), ping(n));
  const own = ({ app, corrId }: Frame): boolean => app === BUSY && corrId > BigInt(3 * n) && corrId <= BigInt(third);
  await peer.take(({ app, corrId }) => app === 0 && corrId === BigInt(n), NOTICED_WITHIN_MS);
  await until('the replies', () => [second, third].every((id) => peer.inbox.some((frame) => own(frame) && frame.corrId === BigInt(id))));
  const refused = new Set<number>();
  for (const reply of peer.inbox.splice(0).filter(own)) {
    if (reply.code < 400) continue;
    trial.saw(refusalOf(reply));
    refused.add(Number(reply.corrId));
  }
  const pattern = [first, second, third].map((id) => (refused.has(id) ? 'x' : '-')).join('');
  trial.ensure(/^x*-*$/.test(pattern), `event, batch and interactive were refused as ${pattern}`);
  return pattern;
}

const tenfold: Attack = {
  row: 60,
  play: async (trial) => {
    const { target } = trial;
    const bystander = await trial.greeted();
    bystander.send(start(1, 'before'), ping(2));
    await bystander.take(2);
    await bystander.take(1);
    const peer = await trial.greeted({ capability: await target.desk.mint(), tenant: ALICE });
    const batch = await target.desk.mint({ rateClass: 'night' });

    let stopped = false;
    const pressing = Promise.all(Array.from({ length: ATTACKERS }, () => press(trial, () => stopped)));
    const readiness = () => askAdmin(target.node.adminUrl, '/readyz');
    try {
      await until('/readyz 503', async () => (await readiness()).status === 503, NOTICED_WITHIN_MS);
      const { body } = await readiness();
      trial.ensure(JSON.stringify(body).includes('"overload"'), `/readyz says ${JSON.stringify(body)}`);

      const patterns = new Map<string, number>();
      for (let n = 0; n < LOOKS; n++) {
        const pattern = await order(trial, peer, batch, n);
        patterns.set(pattern, (patterns.get(pattern) ?? 0) + 1);
        await pause(PAUSE_MS);
      }
      trial.fact(`refused of EVENT, batch, interactive: ${[...patterns].map(([pattern, times]) => `${pattern} ${times} times`).join(', ')}`);
      trial.ensure([...patterns.keys()].some((pattern) => pattern.startsWith('x')), 'an EVENT was refused');

      const late = await trial.connected();
      late.send(request(1, '', { app: 0 }));
      await trial.reaction(late, { ping: false, withinMs: NOTICED_WITHIN_MS });

      // Control frames and the rest of what is under way are never refused.
      bystander.send(credit(1, 1_000), part(1, ', during'), last(1, ' and at the end'), ping(9));
      await bystander.take(9, NOTICED_WITHIN_MS);
      const replies: Frame[] = [];
      await until('the end of the stream', () => {
        replies.push(...bystander.inbox.splice(0).filter(({ app }) => app === ECHO));
        return replies.map(textOf).join('').endsWith('end');
      });
      trial.ensure(replies.every(({ code }) => code === 200), 'a stream that was begun before is served');
    } finally {
      stopped = true;
    }
    for (const asked of [bystander, peer]) trial.drop(asked);
    const served = (await pressing).reduce((sum, count) => sum + count, 0);
    trial.ensure(served > 0, 'nothing was served');
    await target.ready();
    trial.fact(`${served} served meanwhile; /readyz 503 and back`);
  },
};

export const overloadScene: Scene = {
  name: 'overload',
  start: async () => {
    const folder = new TemporaryFolder();
    writeFileSync(folder.file('quotas.json'), JSON.stringify({ classes: { night: { batch: true } } }));
    const args = ['--quotas', folder.file('quotas.json')];
    // The harness turns this off for all others, since the machine may be busy with something else.
    return Target.start({ services: ['busy'], args, env: { OMNIGATE_LOAD_SHEDDING: 'on' }, belongings: folder });
  },
  attacks: [tenfold],
  neighbour: 'ping',
};
