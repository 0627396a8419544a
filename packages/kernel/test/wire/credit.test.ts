import fc from 'fast-check';
import t from 'tap';
import { STREAM_WINDOW_BYTES } from '../../src/limits.ts';
import { ReceiveCredit, SendCredit } from '../../src/wire/credit.ts';
import { holds } from './frame-samples.ts';

void t.test('a sender takes what there is and no more', (t) => {
  const credit = new SendCredit(100);
  t.equal(credit.take(60), 60);
  t.equal(credit.take(60), 40, 'only the rest is granted');
  t.equal(credit.take(1), 0);
  t.equal(credit.take(0), 0, 'empty frames are free');
  credit.grant(5);
  credit.grant(7);
  t.equal(credit.available, 12, 'grants add up');
  t.equal(credit.take(12), 12);
  t.equal(credit.available, 0);
  t.end();
});

void t.test('endless grants are clamped and stay exact below', (t) => {
  const credit = new SendCredit(0);
  credit.grant(Number.MAX_SAFE_INTEGER);
  credit.grant(0xffff_ffff);
  t.equal(credit.available, Number.MAX_SAFE_INTEGER);
  t.equal(credit.take(1), 1);
  t.equal(credit.available, Number.MAX_SAFE_INTEGER - 1);
  t.end();
});

void t.test('a receiver notices the first byte beyond the window', (t) => {
  const credit = new ReceiveCredit(100);
  t.equal(credit.receive(0), true);
  t.equal(credit.receive(100), true, 'the window to its last byte');
  t.equal(credit.receive(0), true, 'an empty frame at the end of it');
  t.equal(credit.receive(1), false);
  t.equal(new ReceiveCredit(100).receive(101), false, 'also in one frame');
  t.end();
});

void t.test('credit is returned when half of the window was consumed', (t) => {
  const credit = new ReceiveCredit(100);
  credit.receive(100);
  t.equal(credit.consume(49), 0);
  t.equal(credit.consume(1), 50, 'all that was consumed');
  t.equal(credit.receive(51), false, 'what was granted is the bound');
  t.end();
});

void t.test('a peer that asks gets at once what was consumed', (t) => {
  const credit = new ReceiveCredit(100);
  credit.receive(30);
  t.equal(credit.release(), 0, 'received is not consumed');
  credit.consume(30);
  t.equal(credit.release(), 30);
  t.equal(credit.release(), 0, 'once');
  t.end();
});

void t.test('what is outstanding and what is not consumed are told, never below 0', (t) => {
  const credit = new ReceiveCredit(100);
  credit.receive(70);
  t.strictSame([credit.outstanding, credit.unconsumed], [30, 70]);
  t.equal(credit.consume(1_000), 70, 'more than what came cannot be consumed');
  t.strictSame([credit.outstanding, credit.unconsumed], [100, 0]);
  t.equal(credit.consume(1_000), 0);
  credit.receive(150);
  t.strictSame([credit.outstanding, credit.unconsumed], [0, 150]);
  t.end();
});

void t.test('the example of the specification, §7.7', (t) => {
  const client = new SendCredit(262_144);
  const node = new ReceiveCredit(262_144);
  const frames = [65_536, 65_536, 65_536, 65_536];
  t.strictSame(frames.map((bytes) => [client.take(bytes), node.receive(bytes), client.available]), [
    [65_536, true, 196_608],
    [65_536, true, 131_072],
    [65_536, true, 65_536],
    [65_536, true, 0],
  ]);
  t.equal(client.take(37_856), 0, 'it must wait');
  t.equal(node.consume(65_536), 0);
  const grant = node.consume(65_536);
  t.equal(grant, 131_072);
  client.grant(grant);
  t.equal(client.take(37_856), 37_856);
  t.equal(client.available, 93_216);
  t.equal(node.receive(37_856), true);
  t.end();
});

/** A sender that obeys and a receiver that reads now and then, on a wire that delivers in order. */
void t.test('two sides that obey never fall out, keep within the window, and never get stuck', (t) => {
  const anyStep = fc.record({
    does: fc.constantFrom('send' as const, 'consume' as const, 'deliver' as const, 'ask' as const),
    bytes: fc.oneof(fc.nat({ max: 100 }), fc.nat({ max: 70_000 })),
  });
  const anyWindow = fc.constantFrom(1, 2, 3, 1_024, 65_536, STREAM_WINDOW_BYTES);
  const property = fc.property(anyWindow, fc.array(anyStep, { maxLength: 200, size: 'max' }), (window, steps) => {
    const sender = new SendCredit(window);
    const receiver = new ReceiveCredit(window);
    const grants: number[] = [];
    let buffered = 0;
    let sent = 0;
    let granted = window;
    const give = (grant: number): void => {
      granted += grant;
      if (grant > 0) grants.push(grant);
    };
    for (const { does, bytes } of steps) {
      if (does === 'send') {
        const taken = sender.take(bytes);
        sent += taken;
        buffered += taken;
        if (!receiver.receive(taken)) return false;
      } else if (does === 'consume') {
        const consumed = Math.min(bytes, buffered);
        buffered -= consumed;
        give(receiver.consume(consumed));
      } else if (does === 'ask') {
        give(receiver.release());
      } else {
        sender.grant(grants.shift() ?? 0);
      }
      const underWay = grants.reduce((sum, grant) => sum + grant, 0);
      if (buffered > window || sent + sender.available + underWay !== granted) return false;
    }
    give(receiver.consume(buffered));
    for (const grant of grants) sender.grant(grant);
    return sender.available * 2 >= window;
  });
  holds(t, property, 2_000);
  t.end();
});
