import t from 'tap';
import { xxh64Low32 } from '../../src/zstd/xxh64.ts';
import { noZstd, prose, zstdFrame } from '../zstd-frames.ts';

await t.test('published values', (t) => {
  const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
  t.equal(xxh64Low32(ascii('')), 0x51d8e999);
  t.equal(xxh64Low32(ascii('a')), 0xa98c6e5b);
  t.equal(xxh64Low32(ascii('abc')), 0xad770999);
  t.end();
});

await t.test('the checksum that the zstd command writes, at every length up to two stripes', { skip: noZstd }, (t) => {
  for (const length of [...Array(70).keys(), 1_000, 4_096, 70_001]) {
    const content = prose(length, length + 1);
    const checksum = Buffer.from(zstdFrame(content, '-1', '--check').slice(-4)).readUInt32LE();
    // A view that does not begin where its buffer does.
    const shifted = new Uint8Array(length + 3).subarray(3);
    shifted.set(content);
    if (xxh64Low32(shifted) !== checksum) t.fail(`${length} bytes`);
  }
  t.pass('73 lengths');
  t.end();
});
