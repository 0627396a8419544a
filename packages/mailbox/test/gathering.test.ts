import t from 'tap';
import { Gathering } from '../src/engine/gathering.ts';
import { GATHER_SHARE } from '../src/limits.ts';

await t.test('a commit waits for those who were just answered, for a part of the time of the last one', (t) => {
  const gathering = new Gathering();
  t.equal(gathering.leftMs(5), 0, 'the first one for nobody');
  gathering.begin(100);
  // One that came meanwhile is in the next commit anyway, and is nobody's answer.
  gathering.asked();
  gathering.answered();
  gathering.answered();
  gathering.end(108);
  t.equal(gathering.leftMs(108), 8 * GATHER_SHARE);
  gathering.asked();
  t.equal(gathering.leftMs(109), 8 * GATHER_SHARE - 1, 'one is missing');
  t.ok(gathering.leftMs(108 + 8 * GATHER_SHARE) <= 0, 'its time is over');
  gathering.asked();
  t.equal(gathering.leftMs(109), 0, 'all are there');
  t.end();
});

await t.test('whoever asks alone waits for nobody', (t) => {
  const gathering = new Gathering();
  for (let turn = 0; turn < 3; turn++) {
    gathering.begin(turn * 10);
    gathering.answered();
    gathering.end(turn * 10 + 5);
    gathering.asked();
    t.equal(gathering.leftMs(turn * 10 + 5), 0);
  }
  gathering.begin(50);
  gathering.end(90);
  t.equal(gathering.leftMs(90), 0, 'nor does anybody after a commit that answered nobody');
  t.end();
});
