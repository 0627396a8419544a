import { isUtf8 as isUtf8OfNode } from 'node:buffer';
import t from 'tap';
import { isUtf8 } from '../../src/wire/utf8.ts';

const whole = (bytes: Uint8Array): boolean => isUtf8(bytes, 0, bytes.length);

void t.test('every code point, and none of the surrogates', (t) => {
  let faults = 0;
  for (let point = 0; point <= 0x10ffff; point += point < 0x3000 || (point >= 0xd700 && point < 0xe100) ? 1 : 61) {
    const isSurrogate = point >= 0xd800 && point < 0xe000;
    const bytes = isSurrogate ? Buffer.of(0xe0 | (point >> 12), 0x80 | ((point >> 6) & 0x3f), 0x80 | (point & 0x3f)) : Buffer.from(String.fromCodePoint(point));
    if (whole(bytes) === isSurrogate) faults++;
  }
  t.equal(faults, 0);
  t.end();
});

void t.test('all first and second bytes, with every number of others behind them, as Node.js judges them', (t) => {
  const different: string[] = [];
  for (let first = 0; first < 256; first++) {
    for (let second = 0; second < 256; second++) {
      for (const more of [[], [0x80], [0x80, 0xbf], [0x7f], [0x80, 0xc0], [0xbf, 0x80, 0x61]]) {
        const bytes = Buffer.of(first, second, ...more);
        if (whole(bytes) !== isUtf8OfNode(bytes)) different.push(bytes.toString('hex'));
      }
    }
  }
  t.strictSame(different, []);
  t.end();
});

void t.test('only what is between its bounds', (t) => {
  const bytes = Buffer.from('ffc3a9ff', 'hex');
  t.ok(isUtf8(bytes, 1, 3));
  t.notOk(isUtf8(bytes, 1, 2), 'a character that is cut');
  t.notOk(isUtf8(bytes, 2, 3), 'the rest of one');
  t.ok(isUtf8(bytes, 3, 3));
  t.end();
});
