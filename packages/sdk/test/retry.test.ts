import t from 'tap';
import { OapError, Reject } from '@omnigate/kernel/wire';
import { decideRetry, fullJitterMs } from '../src/retry.ts';

await t.test('what is retried, and how', (t) => {
  const policy = { attempts: 3, pauseMs: 100, pauseMsMax: 1_000 };
  const call = (attempts: number, repeatable = false, retry = true) => ({ attempts, terms: { retry, repeatable } });
  const refused = new OapError(Reject.inflight);
  const again = (attempts: number, error: OapError, outcome: 'unsent' | 'refused' | 'unknown', repeatable = false, retry = true): boolean =>
    decideRetry(call(attempts, repeatable, retry), error, outcome, policy).again;
  t.ok(again(1, refused, 'refused'));
  t.ok(again(2, refused, 'refused'));
  t.notOk(again(3, refused, 'refused'), 'the third was the last');
  t.notOk(again(1, refused, 'refused', false, false), 'retry off');
  for (const reject of Object.values(Reject)) {
    const error = new OapError(reject);
    if (!reject.retryable) t.notOk(again(1, error, 'refused', true), reject.reason);
  }
  const lost = new OapError(Reject.connection_lost);
  t.notOk(again(1, lost, 'unknown'));
  t.ok(again(1, lost, 'unknown', true));
  t.notOk(again(3, lost, 'unknown', true));
  t.same(decideRetry(call(99), lost, 'unsent', policy), { again: true, pauseMs: 0, counts: false });
  t.same(decideRetry(call(99), new OapError(Reject.draining), 'refused', policy), { again: true, pauseMs: 0, counts: false });
  for (let i = 0; i < 200; i++) {
    const asked = decideRetry(call(1), new OapError(Reject.inflight, { retryAfterMs: 500 }), 'refused', policy);
    t.ok(asked.again && asked.pauseMs >= 500 && asked.pauseMs <= 750);
    const [first, second] = [fullJitterMs(0, 100, 1_000), fullJitterMs(9, 100, 1_000)];
    t.ok(first >= 1 && first <= 100 && second >= 1 && second <= 1_000);
  }
  t.end();
});
