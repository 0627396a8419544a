import { OapError, Reject } from '@omnigate/kernel';
import type { Mailbox, TopicStats } from '@omnigate/sdk';
import t from 'tap';
import { Chance } from '../src/chance.ts';
import { Letters } from '../src/load/letters.ts';
import { compareCounts } from '../src/load/mailbox-count.ts';
import { Pace } from '../src/load/pace.ts';
import { Tally } from '../src/load/tally.ts';

await t.test('the same seed makes the same choices', (t) => {
  const [one, same, other] = [new Chance(7), new Chance(7), new Chance(8)];
  const some = (chance: Chance): readonly number[] => Array.from({ length: 1_000 }, () => chance.next());
  const first = some(one);
  t.same(some(same), first);
  t.not(some(other)[0], first[0]);
  t.ok(first.every((value) => value >= 0 && value < 1));
  t.ok(Math.abs(first.reduce((sum, value) => sum + value, 0) / 1_000 - 0.5) < 0.05, 'evenly spread');
  t.end();
});

await t.test('a letter is known by its body, and only while it is live', (t) => {
  const letters = new Letters();
  const letter = letters.write(true);
  const body = letters.bodyOf(letter.number);
  t.equal(letters.recognise(body), letter);
  const damaged = Uint8Array.from(body);
  damaged[200] = (damaged[200] ?? 0) ^ 1;
  t.equal(letters.recognise(damaged), 'foreign');
  t.equal(letters.recognise(new Letters().bodyOf(letter.number)), 'foreign', 'of another run');
  t.equal(letters.recognise(letters.doomedBody()), 'doomed');
  letters.live.delete(letter.number);
  t.equal(letters.recognise(body), 'done');
  t.end();
});

/** A topic that says one thing and shows another. */
function topicOf(stats: Partial<TopicStats>, found: Partial<Record<string, number>>): Mailbox {
  const none = { topic: 'work', admitted: 0, acked: 0, deleted: 0, expired: 0, deadLettered: 0, redriven: 0, ready: 0, blocked: 0, delayed: 0, leased: 0 };
  const topic = {
    stats: () => Promise.resolve({ ...none, ...stats }),
    peek: ({ state, after }: { state: string; after?: Uint8Array }) => {
      // One message a page, so that pages are put together.
      const count = found[state] ?? 0;
      const at = after === undefined ? 0 : (after[0] ?? 0);
      return Promise.resolve({ messages: count > at ? [{}] : [], next: count > at + 1 ? Uint8Array.of(at + 1) : undefined });
    },
  };
  return topic as unknown as Mailbox;
}

await t.test('counters that differ from a scan are found', async (t) => {
  const right = topicOf({ admitted: 9, acked: 3, ready: 4, blocked: 1, leased: 2 }, { ready: 3, blocked: 1, leased: 2 });
  t.same(await compareCounts([right]), { messages: 6, complaints: [] });
  const wrong = topicOf({ admitted: 9, acked: 4, ready: 4, leased: 2 }, { ready: 4, leased: 1 });
  t.same((await compareCounts([wrong])).complaints, ['work: 9 admitted, and 10 accounted for', 'work: 2 leased by the counter, 1 by a scan']);
});

await t.test('what became of a request is told apart', async (t) => {
  const tally = new Tally();
  const fail = (reject: Reject) => () => Promise.reject(new OapError(reject));
  t.same(await tally.ask('echo', () => Promise.resolve(1)), { ok: true, answer: 1 });
  await tally.ask('echo', fail(Reject.draining));
  await tally.ask('echo', fail(Reject.connection_lost));
  await tally.ask('echo', () => Promise.reject(new Error('a defect of the load')));
  tally.wrong('echo', 'other bytes');
  t.match(tally.counts.kinds.echo, { asked: 4, answered: 1, refused: { draining: 1 }, failed: { connection_lost: 1, internal: 1 }, wrong: 1 });
  t.match(tally.counts.notes.join('\n'), /a defect of the load/);
});

await t.test('a pace holds back when nothing is answered, and lets go of what is too old', async (t) => {
  let begun = 0;
  let answer: (() => void) | undefined;
  const held = new Promise<void>((resolve) => (answer = resolve));
  const pace = new Pace(20_000, () => {
    begun++;
    return held;
  });
  while (pace.skipped === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  t.equal(begun, 256, 'as many as may be under way');
  answer?.();
  await pace.stop();
});
