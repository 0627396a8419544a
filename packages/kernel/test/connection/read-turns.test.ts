import t from 'tap';
import { READ_TURN_MS_MAX } from '../../src/limits.ts';
import { request } from '../fixtures/frames.ts';
import { TestNode } from '../fixtures/node.ts';
import { Peer } from '../fixtures/peer.ts';
import { HELD, HeldService } from '../fixtures/services.ts';
import { until } from '../fixtures/until.ts';

const WORK_MS = 5;
const REQUESTS = 200;

void t.test('a service that takes long for each frame leaves others their turn', async (t) => {
  const slow = new HeldService();
  const other = new HeldService(HELD + 1);
  await using node = await TestNode.start({ services: [slow, other] });
  await using peer = await Peer.open(node.address);
  await using bystander = await Peer.open(node.address);
  const started = new Promise<void>((resolve) => {
    slow.onCall = ({ reply }) => {
      for (const endMs = performance.now() + WORK_MS; performance.now() < endMs; );
      reply.end(200);
      resolve();
    };
  });
  let before = REQUESTS;
  other.onCall = ({ reply }) => {
    before = slow.calls.length;
    reply.end(200);
  };
  peer.send(...Array.from({ length: REQUESTS }, (_, n) => request(n + 1, '', { app: HELD })));
  // Both are in this process, so this is sent in the first turn in which the node lets the loop go on.
  await started;
  bystander.send(request(1, '', { app: HELD + 1 }));
  await bystander.take(1);
  // The clock is looked at after 1, 2, 4 ... frames, so that a turn is at most twice as long as it should be.
  const most = (2 * READ_TURN_MS_MAX) / WORK_MS;
  t.ok(before > 0 && before <= 2 * most, `${before} of ${REQUESTS} frames before another connection was read`);
  await until('all answers', () => peer.inbox.length === REQUESTS);
  t.equal(node.metrics.inflight, 0);
});
