import fc from 'fast-check';
import t from 'tap';
import { FairShare, Urgency } from '../../src/overload/fair-share.ts';

/** A share with its parties' requests in flight. */
class Parties {
  readonly share: FairShare;
  readonly own = new Map<number, number>();

  constructor(limit: number) {
    this.share = new FairShare(limit);
  }

  offer(party: number, urgency: Urgency = Urgency.INTERACTIVE): boolean {
    const own = this.own.get(party) ?? 0;
    if (this.share.tight && !this.share.admits(urgency, own)) return false;
    this.own.set(party, own + 1);
    this.share.began(own + 1);
    return true;
  }

  end(party: number): void {
    const own = this.own.get(party) ?? 0;
    if (own === 0) return;
    this.own.set(party, own - 1);
    this.share.ended(own - 1);
  }
}

await t.test('EVENTs stop first, then batch, then the rest', (t) => {
  const parties = new Parties(100);
  const fill = (urgency: Urgency) => {
    while (parties.offer(1, urgency));
    return parties.share.inflight;
  };
  t.equal(fill(Urgency.EVENT), 80);
  t.equal(parties.share.tight, true);
  t.equal(fill(Urgency.BATCH), 90);
  t.equal(parties.offer(2, Urgency.EVENT), false);
  t.equal(fill(Urgency.INTERACTIVE), 100);
  t.equal(parties.share.peak, 100);
  t.end();
});

await t.test('whoever comes late gets an equal part, and whoever has more waits', (t) => {
  const parties = new Parties(100);
  while (parties.offer(1));
  for (let i = 0; i < 50; i++) t.ok(parties.offer(2));
  t.notOk(parties.offer(2), 'half is half');
  t.notOk(parties.offer(1));
  t.equal(parties.share.parties, 2);
  for (let i = 0; i < 49; i++) parties.end(1);
  t.notOk(parties.offer(1), 'still 101 in flight');
  parties.end(1);
  parties.end(1);
  t.ok(parties.offer(1), 'room below the limit is for everybody');
  for (let i = 0; i < 50; i++) parties.end(2);
  t.equal(parties.share.parties, 1);
  t.end();
});

await t.test('a neighbour of one who asks for a hundred times as much loses nothing', (t) => {
  const parties = new Parties(64);
  const running: { party: number; until: number }[] = [];
  const lost = [0, 0];
  const offered = [0, 0];
  for (let tick = 0; tick < 20_000; tick++) {
    while ((running[0]?.until ?? Infinity) <= tick) parties.end((running.shift() as (typeof running)[number]).party);
    for (const [party, count] of [
      [0, 100],
      [1, 1],
    ] as const) {
      for (let i = 0; i < count; i++) {
        offered[party] = (offered[party] ?? 0) + 1;
        if (parties.offer(party)) running.push({ party, until: tick + 20 });
        else lost[party] = (lost[party] ?? 0) + 1;
      }
    }
  }
  t.equal(lost[1], 0, `of ${offered[1]}`);
  t.ok((lost[0] ?? 0) > 0.9 * (offered[0] ?? 0), `${lost[0]} of ${offered[0]}`);
  t.end();
});

await t.test('there are never more than twice the limit, the counts are right, and nobody below an equal part is refused before', (t) => {
  const steps = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 20 })), { maxLength: 600 });
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 40 }), (series, limit) => {
      const parties = new Parties(limit);
      const { share } = parties;
      for (const [begins, party] of series) {
        const own = parties.own.get(party) ?? 0;
        const before = share.inflight;
        const others = share.parties - (own > 0 ? 1 : 0);
        if (!begins) parties.end(party);
        else if (!parties.offer(party) && before < 2 * limit && own < limit / (others + 1)) return false;
        const counts = [...parties.own.values()];
        if (share.inflight !== counts.reduce((sum, count) => sum + count, 0)) return false;
        if (share.parties !== counts.filter((count) => count > 0).length) return false;
        if (share.inflight > 2 * limit) return false;
      }
      return true;
    }),
  );
  t.pass('in every case');
  t.end();
});
