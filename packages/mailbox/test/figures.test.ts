import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { encode } from '@msgpack/msgpack';
import type { Service, ServiceHistogram, ServiceReply, ServiceRequest } from '@omnigate/kernel';
import t from 'tap';
import { MailboxOp } from '../src/broker/call.ts';
import { mailboxService } from '../src/service.ts';
import { COMMIT_BOUNDS_SECONDS, StoreFigures } from '../src/store/store-figures.ts';
import { Bench, bytes, FaultStore } from './bench.ts';
import { TemporaryStore } from './temporary-store.ts';

await t.test('a time is counted in the first bucket whose bound it does not exceed', (t) => {
  const bucketOf = (seconds: number): number => {
    const figures = new StoreFigures();
    figures.committed(seconds * 1_000, 0);
    return figures.commits.indexOf(1);
  };
  COMMIT_BOUNDS_SECONDS.forEach((bound, index) => {
    t.equal(bucketOf(bound), index, `${bound} s`);
    t.equal(bucketOf(bound + 1e-6), index + 1, `a microsecond more than ${bound} s`);
  });
  t.equal(bucketOf(0), 0);
  t.equal(bucketOf(60), COMMIT_BOUNDS_SECONDS.length);
  t.end();
});

await t.test('a broker counts over all topics, and deliveries that are not the first', (t) => {
  const bench = new Bench(new FaultStore());
  bench.call('SEND', { topic: 'a', body: bytes('x') });
  bench.call('SEND', { topic: 'b', body: bytes('y'), delay_ms: 1_000 });
  bench.call('RECV', { topic: 'a', visibility_ms: 10 });
  bench.tick(10);
  bench.calls([['RECV', { topic: 'none', wait_ms: 1_000 }]]);
  t.match(bench.engine.figures, { topics: 2, receivers: 1, redelivered: 0, counters: { ready: 1, delayed: 1, admitted: 2, delivered: 1 } });
  bench.call('RECV', { topic: 'a', ack: 'auto' });
  t.match(bench.engine.figures, { redelivered: 1, counters: { ready: 0, delivered: 2, acked: 1 } });
  t.end();
});

await t.test('a store counts its commits, what is in the journal, and checkpoints', (t) => {
  using temporary = new TemporaryStore();
  const { figures } = temporary.store;
  const before = figures.checkpoints;
  for (const key of ['r1', 'r2']) {
    temporary.store.put(key, bytes('x'));
    temporary.store.commit();
  }
  t.equal(figures.commits.reduce((sum, count) => sum + count), 2);
  t.ok(figures.commitsMs > 0 && figures.journalBytes > 0 && figures.treeBytes > 0 && figures.hasRoom);
  for (let index = 0; figures.checkpoints === before && index < 100; index++) {
    temporary.store.put('r3', Buffer.alloc(1_000_000, index));
    temporary.store.commit();
  }
  t.match(figures, { checkpoints: before + 1, journalBytes: 0 });
  t.end();
});

const numberOf = (service: Service, name: string): number | undefined => {
  const metric = service.metrics?.find((each) => each.name === name);
  return metric === undefined || metric.type === 'histogram' ? Number.NaN : metric.read();
};

await t.test('the service tells what its thread counted', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'omnigate-mailbox-'));
  const service = mailboxService({ path: join(folder, 'mailbox'), logger: { error: () => undefined } });
  t.teardown(async () => {
    await service.stop?.();
    rmSync(folder, { recursive: true, force: true });
  });
  await service.start?.({ fail: (error) => t.fail(String(error)) });
  t.equal(numberOf(service, 'mailbox_ready'), undefined, 'nothing before it is used');
  const reply = { ended: false, roomBytes: 1_000_000, end: () => undefined, write: () => true, fail: (error) => t.fail(error.message), consumed: () => undefined } satisfies ServiceReply;
  const request: ServiceRequest = {
    app: 16, code: MailboxOp.SEND, flags: 0, tenant0: 1, tenant1: 2, tenant2: 3, tenant3: 4, corrHi: 0, corrLo: 1, complete: true, oneWay: false,
    payload: encode({ topic: 'a', body: bytes('x') }), checkTopic: () => undefined,
  };
  service.onRequest(request, reply);
  t.equal(numberOf(service, 'mailbox_waiting_requests'), 1, 'until the thread is ready');
  for (let tries = 0; numberOf(service, 'mailbox_admitted_total') !== 1 && tries < 600; tries++) await sleep(50);
  t.equal(numberOf(service, 'mailbox_admitted_total'), 1);
  t.equal(numberOf(service, 'mailbox_ready'), 1);
  t.equal(numberOf(service, 'mailbox_full'), 0);
  t.equal(numberOf(service, 'mailbox_waiting_requests'), 0);
  const commits = service.metrics?.find((metric): metric is ServiceHistogram => metric.type === 'histogram');
  t.equal(commits?.read()?.counts.reduce((sum, count) => sum + count), 1);
});
