import { rejectByReason } from '@omnigate/kernel/wire';
import t from 'tap';
import { GatewayReject } from '../src/rejects.ts';

await t.test('the reasons of admission stand for themselves and beside those of the protocol', (t) => {
  for (const [name, { reason, status, retryable, reaction }] of Object.entries(GatewayReject)) {
    t.equal(name, reason);
    t.equal(rejectByReason(reason), undefined, `${reason} is in one table only`);
    t.equal(retryable, status === 429 || status === 503, `${reason}: a client that does not know it judges it by its status`);
    t.equal(reaction, 'K', reason);
  }
  t.same(
    Object.values(GatewayReject).filter(({ retryable }) => retryable).map(({ reason }) => reason),
    ['quota_tenant', 'quota_app', 'quota_bytes', 'overload'],
  );
  t.end();
});
