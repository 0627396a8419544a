import fc from 'fast-check';
import t from 'tap';

import { isPrefix, isTopic, prefixAdmits } from '../../src/caveat/topic.ts';
import { TOPIC_CHARS_MAX } from '../../src/limits.ts';
import { anyPrefix, anySegment } from './any-caveat.ts';

const anyTopic = fc.array(anySegment, { minLength: 1, maxLength: 5 }).map((segments) => segments.join('/'));

/** The rule of the specification in other words: whole segments, compared one by one. */
function admitsBySegments(prefix: string, topic: string): boolean {
  const below = prefix.endsWith('/');
  const wanted = (below ? prefix.slice(0, -1) : prefix).split('/');
  const segments = topic.split('/');
  return segments.length >= wanted.length + (below ? 1 : 0) && wanted.every((segment, index) => segments[index] === segment);
}

await t.test('a prefix admits by whole segments', (t) => {
  let admitted = 0;
  fc.assert(
    fc.property(anyPrefix, anyTopic, fc.boolean(), (prefix, other, related) => {
      const topic = related ? (prefix.endsWith('/') ? prefix : `${prefix}/`) + other : other;
      t.ok(isPrefix(prefix) && isTopic(topic));
      const expected = admitsBySegments(prefix, topic);
      if (expected) admitted += 1;
      return prefixAdmits(prefix, topic) === expected;
    }),
    { numRuns: 2_000 },
  );
  t.ok(admitted > 200, `${admitted} were admitted`);
  t.end();
});

await t.test('what normalising would change is no topic', (t) => {
  t.notOk(isTopic('a/../b'));
  const broken = fc.tuple(fc.array(anySegment, { maxLength: 3 }), fc.constantFrom('', '.', '..', 'a\\b', 'a\u0000', '\u007f', '\u0085', '\ud800', '\udc00\ud800'), fc.array(anySegment, { maxLength: 3 }));
  fc.assert(fc.property(broken, ([front, wrong, back]) => !isTopic([...front, wrong, ...back].join('/'))));
  // A service that normalises after the check finds nothing left to do.
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom('a', '/', '.', 'b') }), (text) => !isTopic(text) || new URL(text, 'file:///').pathname === `/${text}`));
  t.end();
});

await t.test('bounds and surrogates', (t) => {
  t.ok(isTopic('a'.repeat(TOPIC_CHARS_MAX)));
  t.notOk(isTopic('a'.repeat(TOPIC_CHARS_MAX + 1)));
  t.ok(isPrefix(`${'a'.repeat(TOPIC_CHARS_MAX)}/`));
  t.ok(isTopic('\u{1f600}/\u{10ffff}'));
  for (const text of ['\ud83d', '\ude00', 'a\ud83d/b', '\ud83d\ud83d', '\ude00\ud83d', '']) t.notOk(isTopic(text), JSON.stringify(text));
  t.notOk(isPrefix('a,b'));
  t.notOk(isPrefix('/'));
  t.end();
});
