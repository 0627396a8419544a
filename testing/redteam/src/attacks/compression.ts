import { randomBytes } from 'node:crypto';
import { Flag } from '@omnigate/kernel/wire';
import { ECHO, frame, WHOLE } from '../frames.ts';
import { until } from '../patience.ts';
import type { Attack } from '../play.ts';
import type { Trial } from '../trial.ts';
import { bomb, farMatch, longMatches, ofRatio, raw, repeat, rle, zstd } from '../zstd-bombs.ts';

const OFFER = { supported_flags: 255 };
const BLOCK_BYTES = 131_072;
const SKIPPABLE = Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0);

function comp(payload: Uint8Array, flags = 0): Uint8Array {
  return frame(5, Flag.REQ | WHOLE | Flag.COMP | flags, payload);
}

/** 28 B5 2F FD, then these bytes. */
function magic(digits: string): Uint8Array {
  return Buffer.from(`28b52ffd${digits}`, 'hex');
}

/** Sends one compressed payload. */
async function explode(trial: Trial, payload: Uint8Array, flags = 0, negotiated = true): Promise<void> {
  const peer = await trial.greeted(negotiated ? { hello: OFFER } : {});
  peer.send(comp(payload, flags));
  await trial.reaction(peer, { to: { corr: 5, app: ECHO } });
}

function bombs(row: number, make: () => readonly Uint8Array[]): Attack {
  return {
    row,
    play: async (trial) => {
      for (const payload of make()) await explode(trial, payload);
    },
  };
}

const small = bomb({ contentBytes: 3 }, raw(3, true));
const tiny = bomb({ contentBytes: 1, sizeBytes: 1 }, raw(1, true));

const notNegotiated: Attack = { row: 62, play: async (trial) => explode(trial, small, 0, false) };
const ciphertext: Attack = { row: 72, play: async (trial) => explode(trial, small, Flag.APP_E2E) };

/** The beginning of what the command writes for a window of 2 GiB fits a frame. */
function longRange(): Uint8Array {
  return zstd(randomBytes(3_000_000), '--ultra', '-22', '--long=31').subarray(0, 900_000);
}

/** A good frame of the command, with its checksum changed. */
function badChecksum(): Uint8Array {
  const good = zstd(randomBytes(5_000), '--check');
  good[good.length - 1] = (good.at(-1) ?? 0) ^ 1;
  return good;
}

const ratio: Attack = {
  row: 73,
  play: async (trial) => {
    await explode(trial, ofRatio(10.1));
    const peer = await trial.greeted({ hello: { ...OFFER, initial_window: 16_777_216 } });
    peer.send(comp(ofRatio(9.9)));
    const reply = await until('the reply', () => peer.inbox.some(({ flags }) => (flags & Flag.END) !== 0) && peer.inbox);
    if (reply.every(({ code }) => code === 200)) trial.saw('accepted');
    trial.drop(peer);
  },
};

/** Rows 62 to 73. */
export const compressionAttacks: readonly Attack[] = [
  notNegotiated,
  bombs(63, () => [magic('00af00000000')]),
  bombs(64, () => [longRange()]),
  bombs(65, () => [magic('a00000008001000000')]),
  bombs(66, () => [bomb({ contentBytes: 8 * BLOCK_BYTES, window: true }, repeat(7, rle(BLOCK_BYTES)), rle(BLOCK_BYTES, true))]),
  bombs(67, () => [
    bomb({ contentBytes: 262_000, window: true }, repeat(261_999, rle(1)), rle(1, true)),
    bomb({ contentBytes: 0, window: true }, repeat(344_999, raw(0)), raw(0, true)),
  ]),
  bombs(68, () => [bomb({ contentBytes: BLOCK_BYTES, window: true }, raw(10), longMatches(32_000))]),
  bombs(69, () => [repeat(100_000, tiny), repeat(131_000, SKIPPABLE), Buffer.concat([SKIPPABLE, tiny])]),
  bombs(70, () => [
    bomb({ contentBytes: 1, bits: 1 }, raw(1, true)),
    badChecksum(),
    Buffer.concat([tiny, Buffer.of(0)]),
    bomb({ contentBytes: 9 }, raw(9, true)).subarray(0, 15),
    new Uint8Array(0),
  ]),
  bombs(71, () => [bomb({ contentBytes: 9 }, raw(8, true)), bomb({ contentBytes: 4, window: true }, farMatch())]),
  ciphertext,
  ratio,
];
