import fc from 'fast-check';
import t from 'tap';
import { Flag, OapError, Reject } from '@omnigate/kernel/wire';
import { ReplyChunks } from '../src/reply-chunks.ts';
import { Upload } from '../src/upload.ts';
import { failure } from './fixtures/session.ts';

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
