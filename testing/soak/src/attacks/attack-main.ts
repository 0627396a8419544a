import { TELL_MS } from '../bounds.ts';
import { Chance } from '../chance.ts';
import { answerParent } from '../process/child.ts';
import type { AttackOrder } from './attack-order.ts';
import { Attacker } from './attacker.ts';

let attacker: Attacker | undefined;

answerParent({
  run: ({ target, seed, messagesPerSecond }: AttackOrder, tell) => {
    const started = new Attacker(target, new Chance(seed), messagesPerSecond);
    attacker = started;
    setInterval(() => {
      tell(started.counts);
    }, TELL_MS);
  },
  finish: async (_, tell) => {
    await attacker?.stop();
    tell(attacker?.counts);
  },
});
