import t from 'tap';
import { INFLIGHT_BYTES_MAX, INFLIGHT_REQUESTS_MAX } from '../../src/limits.ts';
import { OapError } from '../../src/wire/oap-error.ts';
import { Reject } from '../../src/wire/reject.ts';
import { errorOf, rightError } from '../fixtures/attack.ts';
import { cancel, ECHO, last, part, ping, request, start, textOf } from '../fixtures/frames.ts';
import { assertServed, TestClock, TestNode } from '../fixtures/node.ts';
import { Peer } from '../fixtures/peer.ts';
import { HELD, HeldService } from '../fixtures/services.ts';
import { until } from '../fixtures/until.ts';

const atHeld = { app: HELD };

void t.test('in flight', async (t) => {
  const held = new HeldService();
  await using node = await TestNode.start({ services: [held] });
  await using bystander = await Peer.open(node.address);

  await t.test('10,000 streams begun, none ended', async (t) => {
    await using peer = await Peer.open(node.address);
    peer.send(...Array.from({ length: 10_000 }, (_, n) => start(n + 1, '', { app: ECHO })), ping(20_000));
    await peer.take(20_000);
    t.equal(node.metrics.inflight, INFLIGHT_REQUESTS_MAX);
    t.equal(node.rejected('inflight'), 10_000 - INFLIGHT_REQUESTS_MAX);
    const told = await peer.take(INFLIGHT_REQUESTS_MAX + 1);
    t.strictSame(errorOf(told), rightError('inflight', { corr: INFLIGHT_REQUESTS_MAX + 1, app: ECHO }));
    t.equal(peer.inbox.length, 10_000 - INFLIGHT_REQUESTS_MAX - 1, 'all are told');
    t.equal(node.metrics.glitches, 0, 'and none is a fault');
    await assertServed(bystander);
    peer.send(last(1, 'over'), request(1, 'again'));
    t.equal(textOf(await peer.take(1)), 'over');
    await peer.take(1);
    t.equal(textOf(await peer.take(1)), 'again', 'the place is free again');
    peer.reset();
    await node.calm(1);
  });

  await t.test('payload bytes', async (t) => {
    await using peer = await Peer.open(node.address);
    const body = new Uint8Array(1_000_000);
    const fit = Math.floor(INFLIGHT_BYTES_MAX / body.length);
    for (let n = 1; n <= fit; n++) peer.send(request(n, body, atHeld));
    await held.call(fit - 1);
    peer.send(request(50, body, atHeld));
    t.strictSame(errorOf(await peer.take(50)), rightError('inflight_bytes', { corr: 50, app: HELD }));
    await assertServed(bystander);
    held.calls[0]?.reply.end(200);
    await peer.take(1);
    peer.send(request(51, body, atHeld));
    await held.call(fit);
    t.equal(node.metrics.inflight, fit);
    t.equal(node.metrics.glitches, 0);
    peer.reset();
    await node.calm(1);
  });

  await t.test('payload bytes of streams that nobody reads', async (t) => {
    held.calls.length = 0;
    await using peer = await Peer.open(node.address);
    const body = new Uint8Array(1_000_000);
    for (let n = 1; n <= 17; n++) {
      peer.send(start(n, '', atHeld), part(n, body, atHeld));
    }
    t.strictSame(errorOf(await peer.take(17)), rightError('inflight_bytes', { corr: 17, app: HELD }));
    t.strictSame(held.calls[16]?.heard, ['cancel']);
    held.calls[0]?.reply.consumed(1_000_000);
    peer.send(start(18, '', atHeld), part(18, body, atHeld), ping(99));
    await peer.take(({ corrId, app, code }) => corrId === 99n && app === 0 && code === 200);
    t.equal(node.metrics.inflight, 17, 'what was consumed counts no longer');
    peer.reset();
    await node.calm(1);
  });

  await t.test('no ending of a request keeps its bytes', async (t) => {
    held.calls.length = 0;
    // Time stands still, so cancelling by and by would be a rapid reset; hence 20 of each only.
    await using patient = await TestNode.start({ services: [held], clock: new TestClock() });
    await using peer = await Peer.open(patient.address);
    const body = new Uint8Array(1_000_000);
    const endings: Record<string, (corr: number) => Promise<void>> = {
      answered: async () => {
        held.calls.at(-1)?.reply.end(200);
        return Promise.resolve();
      },
      'failed in mid-reply': async () => {
        held.calls.at(-1)?.reply.write(200, body);
        held.calls.at(-1)?.reply.fail(new OapError(Reject.bad_payload));
        return Promise.resolve();
      },
      'cancelled by the peer': async (corr) => {
        peer.send(cancel(corr));
        return Promise.resolve();
      },
      aborted: async (corr) => {
        peer.send(start(corr, '', atHeld));
        return Promise.resolve();
      },
      'answered after its end': async (corr) => {
        peer.send(last(corr, '', atHeld));
        await until('the end', () => held.calls.at(-1)?.heard.includes('end') === true);
        held.calls.at(-1)?.reply.end(200);
      },
    };
    let corr = 1;
    for (const [name, finish] of Object.entries(endings)) {
      for (let round = 0; round < 20; round++, corr++) {
        const calls = held.calls.length;
        peer.send(start(corr, body.subarray(0, 500_000), atHeld), part(corr, body.subarray(0, 500_000), atHeld));
        const call = await held.call(calls);
        await until('the second part', () => call.parts.length === 2);
        await finish(corr);
        await until(`the end of ${name}`, () => patient.metrics.inflight === 0);
      }
      peer.inbox.length = 0;
    }
    t.equal(patient.rejected('inflight_bytes'), 0);
  });
});
