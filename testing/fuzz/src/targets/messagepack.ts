import { isDeepStrictEqual } from 'node:util';
import { decode, encode } from '@msgpack/msgpack';
import { decodeMap } from '@omnigate/kernel/wire';
import { expect } from '../engine/target.ts';
import type { Target } from '../engine/target.ts';
import { loadInternal, modulesOf } from '../internals.ts';
import { vectorBytes } from '../vectors.ts';
import { messagePackWords, randomMap } from './messagepack-maker.ts';
import { readShape } from './messagepack-shape.ts';

interface MessagePackModule {
  readonly isDecodable: (bytes: Uint8Array) => boolean;
}

interface Limits {
  readonly MESSAGEPACK_DEPTH_MAX: number;
  readonly MESSAGEPACK_ITEMS_MAX: number;
}

const FIELDS = ['reason', 'message', 'detail', 'topic', 'body'];

/**
 * The check in front of the MessagePack decoder, against a recursive reader of
 * its own, and the decoder behind it: what passes costs little, nothing is
 * thrown, and a map is read back as it was.
 */
export async function openMessagePack(): Promise<Target> {
  const { isDecodable } = await loadInternal<MessagePackModule>('kernel', 'wire/messagepack');
  const { MESSAGEPACK_DEPTH_MAX, MESSAGEPACK_ITEMS_MAX } = await loadInternal<Limits>('kernel', 'limits');
  return {
    name: 'messagepack',
    covers: [modulesOf('kernel', 'wire/messagepack'), new URL('.', import.meta.resolve('@msgpack/msgpack')).href],
    seeds: [...vectorBytes('errors', 'body'), ...vectorBytes('hello', 'request'), encode({ detail: [[[1]], { a: new Date(0) }, new Uint8Array(3), 1.5, -70_000, 2 ** 40] })],
    dictionary: messagePackWords(FIELDS),
    generate: (random) => randomMap(random, FIELDS),
    run(input) {
      const shape = readShape(input);
      const allowed = shape !== undefined && !shape.hasBadText && shape.depth <= MESSAGEPACK_DEPTH_MAX && shape.items <= MESSAGEPACK_ITEMS_MAX;
      const passes = isDecodable(input);
      expect(passes === allowed, 'shape', () => `${passes ? 'passes' : 'is refused'}; by another reader ${JSON.stringify(shape) || 'it is no value'}`);
      const map = decodeMap(input);
      if (map === undefined) return false;
      expect(passes && shape?.isMap === true, 'shape', () => 'a map comes out of bytes that are none');
      const encoded = encode(map);
      const again = decodeMap(encoded);
      // Bytes that are no UTF-8 may be read as a text with a mark in front, which is refused when it comes in its right spelling.
      const isSame = again === undefined ? readShape(encoded)?.hasBadText === true : isDeepStrictEqual(plain(again), plain(map));
      expect(isSame, 'round-trip', () => `${JSON.stringify(map)} is read back as ${JSON.stringify(again)}`);
      return true;
    },
  };
}

/** Without negative zeros, which have no encoding among the integers. */
function plain(value: unknown): unknown {
  return decode(encode(value));
}
