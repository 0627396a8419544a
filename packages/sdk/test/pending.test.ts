import fc from 'fast-check';
import t from 'tap';
import { Flag, OapError, Reject } from '@omnigate/kernel/wire';
import { CancelPacer } from '../src/cancel-pacer.ts';
import { YOUNG_CANCEL_MS } from '../src/limits.ts';
import { PendingTable } from '../src/pending.ts';
import { ReplyChunks } from '../src/reply-chunks.ts';
import { decideRetry, fullJitterMs } from '../src/retry.ts';
import { Upload } from '../src/upload.ts';
import { failure } from './fixtures/session.ts';

interface Entry {
  corrHi: number;
  corrLo: number;
}

const key = ({ corrHi, corrLo }: Entry): string => `${corrHi} ${corrLo}`;

await t.test('the table finds what it holds, whatever comes and goes', (t) => {
  fc.assert(
    fc.property(fc.array(fc.nat(99), { maxLength: 600 }), (steps) => {
      const table = new PendingTable<Entry>();
      const model = new Map<string, Entry>();
      const given = new Set<string>();
      for (const step of steps) {
        const held = [...model.values()];
        if (step < 60 || held.length === 0) {
          const entry = { corrHi: 0, corrLo: 0 };
          table.add(entry);
          if (given.has(key(entry)) || key(entry) === '0 0') return false;
          given.add(key(entry));
          model.set(key(entry), entry);
        } else {
          const entry = held[(step * 7) % held.length] as Entry;
          if (!table.remove(entry) || table.remove(entry)) return false;
          model.delete(key(entry));
          if (table.find(entry.corrHi, entry.corrLo) !== undefined) return false;
        }
        if (table.size !== model.size) return false;
      }
      const found = [...model.values()].every((entry) => table.find(entry.corrHi, entry.corrLo) === entry);
      return found && table.all().length === model.size;
    }),
  );
  t.end();
});

await t.test('a request that lives long keeps its slot while thousands pass', (t) => {
  const table = new PendingTable<Entry>();
  const old = { corrHi: 0, corrLo: 0 };
  table.add(old);
  for (let i = 0; i < 10_000; i++) {
    const entry = { corrHi: 0, corrLo: 0 };
    table.add(entry);
    table.remove(entry);
  }
  t.equal(table.find(old.corrHi, old.corrLo), old);
  t.equal(table.find(old.corrHi + 1, old.corrLo), undefined, 'all 64 bits are compared');
  t.equal(table.find(old.corrHi, old.corrLo + 32), undefined);
  t.end();
});

await t.test('CANCELs of young requests stay below what a node puts up with', (t) => {
  fc.assert(
    fc.property(fc.array(fc.nat(40), { minLength: 1, maxLength: 400 }), (gaps) => {
      const pacer = new CancelPacer();
      const sent: number[] = [];
      let now = 5_000;
      for (const gap of gaps) {
        now += gap;
        if (pacer.allows(now - 1, now)) sent.push(now);
      }
      return sent.every((at) => sent.filter((other) => other >= at && other < at + 1_000).length <= 41);
    }),
  );
  const pacer = new CancelPacer();
  for (let i = 0; i < 100; i++) pacer.allows(999, 1_000);
  t.notOk(pacer.allows(999, 1_000), 'the budget is used up');
  t.ok(pacer.allows(1_000, 1_000 + YOUNG_CANCEL_MS), 'an old request needs none');
  t.end();
});

await t.test('an upload is the bytes written, in frames within credit', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(5_000), { maxLength: 12 }),
      fc.integer({ min: 100, max: 3_000 }),
      fc.array(fc.integer({ min: 1, max: 4_000 }), { minLength: 1, maxLength: 40 }),
      (sizes, frameBytesMax, grants) => {
        const writes = sizes.map((size, seed) => new Uint8Array(size).fill(seed + 1));
        const upload = new Upload();
        let resolved = 0;
        for (const bytes of writes) upload.push(bytes, () => resolved++);
        upload.finish(() => resolved++);
        const windowBytes = 2_048;
        upload.open(windowBytes);
        let granted = windowBytes;
        let sent = 0;
        const frames: { flags: number; bytes: Uint8Array }[] = [];
        for (let turn = 0; !upload.finished; turn++) {
          while (upload.next(frameBytesMax)) {
            const bytes = upload.bytes.slice(upload.start, upload.end);
            frames.push({ flags: upload.flags, bytes });
            sent += bytes.length;
            if (bytes.length > frameBytesMax - 38) return false;
            if (sent > granted && frames.length > 1) return false;
          }
          const grant = grants[turn % grants.length] as number;
          granted += grant;
          upload.grant(grant);
        }
        const starts = frames.map(({ flags }) => (flags & Flag.START) !== 0);
        const ends = frames.map(({ flags }) => (flags & Flag.END) !== 0);
        return (
          starts.every((isStart, index) => isStart === (index === 0)) &&
          ends.every((isEnd, index) => isEnd === (index === frames.length - 1)) &&
          Buffer.concat(frames.map(({ bytes }) => bytes)).equals(Buffer.concat(writes)) &&
          resolved === writes.length + 1
        );
      },
    ),
  );
  t.end();
});

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

await t.test('chunks come in order, then the end, and then the end again', async (t) => {
  const chunks = new ReplyChunks<number>();
  const early = chunks.next();
  chunks.push(1);
  t.same(await early, { done: false, value: 1 });
  for (let i = 2; i <= 9; i++) chunks.push(i);
  for (let i = 2; i <= 9; i++) t.same(await chunks.next(), { done: false, value: i });
  const waiting = chunks.next();
  await t.rejects(chunks.next(), TypeError, 'one reader at a time');
  chunks.end();
  t.equal((await waiting).done, true);
  t.equal((await chunks.next()).done, true);
  const failing = new ReplyChunks<number>();
  failing.push(1);
  failing.end(new OapError(Reject.internal));
  t.equal((await failing.next()).value, 1);
  for (let i = 0; i < 2; i++) t.equal((await failure(failing.next())).reason, 'internal');
});
