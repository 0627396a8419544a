import { randomBytes } from 'node:crypto';
import { expectSame, expectThat, textOf } from '../../deviation.ts';
import { CONTROL, Flag } from '../../wire/frame.ts';
import { hello, ping } from '../../wire/frames.ts';
import type { Packable } from '../../wire/messagepack.ts';
import type { ServerCase } from '../bench.ts';

type Fields = Readonly<Record<string, Packable>>;

const COUNTS = ['max_frame', 'max_inflight', 'initial_window', 'supported_flags'] as const;
/** 4,096 in each MessagePack encoding that holds it. */
const ENCODINGS_OF_4096 = ['cd1000', 'ce00001000', 'cf0000000000001000', 'd11000', 'd200001000', 'd30000000000001000'] as const;

const isInteger = (value: unknown) => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
const isText = (value: unknown) => typeof value === 'string';
const REPLY_FIELDS: Readonly<Record<string, (value: unknown) => boolean>> = {
  server: isText,
  version: (value) => value === 1,
  versions: (value) => Array.isArray(value) && value.includes(1),
  max_frame: (value) => isInteger(value) && (value as number) >= 4_096,
  max_inflight: (value) => isInteger(value) && (value as number) >= 1,
  max_inflight_bytes: isInteger,
  supported_flags: (value) => value === 255 || value === 191,
  transports: (value) => Array.isArray(value) && value.every((item) => item === 'tcp' || item === 'tls'),
  initial_window: isInteger,
  max_ratio: (value) => typeof value === 'number' && value > 0,
  max_decompressed: isInteger,
  revocation_seq: isInteger,
  idle_timeout_ms: isInteger,
};

/** §4.2, §4.3 and §4.4: the fields of HELLO, and what comes of them. */
export const helloFieldCases: readonly ServerCase[] = [
  taken('no field', {}),
  taken('unknown fields of any type', { colour: 'red', nothing: null, many: [1, [2]], map: { a: true }, f: 0.5 }),
  taken('unknown fields in JSON', '{"colour":"red","nothing":null,"many":[1,[2]],"map":{"a":true},"f":0.5}'),
  taken('a client of 128 UTF-16 code units', { client: '\u{1f980}'.repeat(64) }),
  taken('16 versions', { versions: Array.from({ length: 16 }, (_, index) => index + 1) }),
  taken('16 transports of 128 code units', { transports: Array.from({ length: 16 }, () => 't'.repeat(128)) }),
  taken('a transport it does not know', { transports: ['tcp', 'carrier-pigeon'] }),
  ...COUNTS.map((field) => taken(`${field} 2^53 - 1`, { [field]: Number.MAX_SAFE_INTEGER })),
  ...COUNTS.map((field) => taken(`${field} 0`, { [field]: 0 })),
  ...ENCODINGS_OF_4096.map(
    (hex): ServerCase => ({
      section: '4.2',
      title: `reads an integer encoded as ${hex}`,
      async run(bench) {
        const link = await bench.connect();
        link.send(hello({ max_frame: Buffer.from(hex, 'hex') }));
        expectSame('max_frame', (await bench.welcome(link)).maxFrame, 4_096);
      },
    }),
  ),
  ...COUNTS.flatMap((field) => [
    wrong(`${field} as a text`, { [field]: '4096' }),
    wrong(`${field} -1`, { [field]: -1 }),
    wrong(`${field} 2^53`, { [field]: 1n << 53n }),
    wrong(`${field} 4096.5`, { [field]: 4_096.5 }),
    wrong(`${field} null`, { [field]: null }),
  ]),
  wrong('client as a number', { client: 5 }),
  wrong('client null', { client: null }),
  wrong('a client of 129 code units', { client: 'c'.repeat(129) }),
  wrong('a client of 65 astral characters, 130 code units', { client: '\u{1f980}'.repeat(65) }),
  wrong('versions as a number', { versions: 1 }),
  wrong('versions of texts', { versions: ['1'] }),
  wrong('versions with -1', { versions: [1, -1] }),
  wrong('17 versions', { versions: Array.from({ length: 17 }, () => 1) }),
  wrong('transports as a text', { transports: 'tcp' }),
  wrong('transports of numbers', { transports: [1] }),
  wrong('17 transports', { transports: Array.from({ length: 17 }, () => 'tcp') }),
  wrong('a transport of 129 code units', { transports: ['t'.repeat(129)] }),
  wrong('a wrong type in JSON', '{"max_frame":"4096"}'),
  ...Object.entries(REPLY_FIELDS).map(
    ([field, holds]): ServerCase => ({
      section: '4.3',
      title: `tells ${field} in the reply`,
      async run(bench) {
        for (const body of ['', '{}']) {
          const link = await bench.connect();
          link.send(hello(body));
          const value = (await bench.welcome(link)).fields[field];
          expectThat(holds(value), `${field} in the HELLO reply, of its type and range`, value === undefined ? 'none' : textOf(value));
        }
      },
    }),
  ),
  {
    section: '4.3',
    title: 'repeats corr_id and tenant_id of the HELLO',
    async run(bench) {
      const link = await bench.connect();
      const tenant = randomBytes(16).toString('hex');
      link.send(hello({}, { corr: 0xffff_ffff_ffff_ffffn, tenant }));
      await link.expectReply(0xffff_ffff_ffff_ffffn, { app: CONTROL, tenant });
    },
  },
  agreed('clamps a max_frame of 4 GiB to its own', { max_frame: 4_294_967_296 }, 'max_frame', (own) => own),
  agreed('takes a smaller max_frame', { max_frame: 8_192 }, 'max_frame', () => 8_192),
  agreed('holds a max_frame below 4,096 to 4,096', { max_frame: 100 }, 'max_frame', () => 4_096),
  agreed('takes a smaller max_inflight', { max_inflight: 2 }, 'max_inflight', () => 2),
  agreed('clamps a large max_inflight to its own', { max_inflight: 4_294_967_296 }, 'max_inflight', (own) => own),
  agreed('holds a max_inflight of 0 to 1', { max_inflight: 0 }, 'max_inflight', () => 1),
  {
    section: '4.3',
    title: 'holds the client to the negotiated max_frame',
    async run(bench) {
      const link = await bench.greet({ max_frame: 8_192 });
      link.send(ping(2, Buffer.alloc(8_192 - 38)));
      await link.expectPong(2, Buffer.alloc(8_192 - 38));
      link.send(ping(3, Buffer.alloc(8_193 - 38)));
      await link.expectFatal('frame_too_large');
    },
  },
  {
    section: '4.3',
    title: 'offers the same flags whatever the client offers',
    async run(bench) {
      const all = await bench.greet({ supported_flags: 255 });
      const none = await bench.greet({ supported_flags: 0 });
      expectSame('supported_flags', none.agreed.supportedFlags, all.agreed.supportedFlags);
    },
  },
  {
    section: '4.3',
    title: 'understands the defined flags although the client offers none',
    async run(bench) {
      bench.needsEcho();
      const link = await bench.greet({ supported_flags: 0 });
      link.send(ping(2, 'x', { flags: Flag.REQ | Flag.START | Flag.END | Flag.ACK_REQ | Flag.APP_E2E }));
      await link.expectPong(2, 'x');
    },
  },
  refusedVersions('[2]', [2]),
  refusedVersions('[]', []),
  refusedVersions('[0, 2, 3]', [0, 2, 3]),
  { ...taken('version 1 among others', { versions: [7, 1, 2] }), section: '4.4' },
  {
    section: '4.4',
    title: 'lets the client try again when it refuses the capability of a HELLO',
    async run(bench) {
      const link = await bench.connect();
      link.send(hello({}, { capability: randomBytes(40) }));
      const frame = await link.take(1, 'an answer to a HELLO with a capability');
      if (frame.code === 200) return;
      expectThat([400, 401, 403].includes(frame.code), 'status 400, 401 or 403', String(frame.code));
      link.send(hello({}));
      await bench.welcome(link);
    },
  },
];

function taken(what: string, body: Fields | string): ServerCase {
  return {
    section: '4.2',
    title: `takes ${what}`,
    async run(bench) {
      const link = await bench.connect();
      link.send(hello(body));
      await bench.welcome(link);
      await link.expectAlive();
    },
  };
}

function wrong(what: string, body: Fields | string): ServerCase {
  return {
    section: '4.2',
    title: `refuses ${what}: bad_hello`,
    async run(bench) {
      const link = await bench.connect();
      link.send(hello(body));
      await link.expectFatal('bad_hello', 1, { app: CONTROL });
    },
  };
}

function agreed(title: string, fields: Fields, field: string, expected: (own: number) => number): ServerCase {
  return {
    section: '4.3',
    title,
    async run(bench) {
      const own = (await bench.greet()).agreed.fields[field];
      const { fields: reply } = (await bench.greet(fields)).agreed;
      expectSame(field, reply[field], Math.min(Number(own), expected(Number(own))));
    },
  };
}

function refusedVersions(what: string, versions: readonly number[]): ServerCase {
  return {
    section: '4.4',
    title: `refuses versions ${what}: bad_version`,
    async run(bench) {
      const link = await bench.connect();
      link.send(hello({ versions }));
      await link.expectFatal('bad_version', 1, { app: CONTROL, named: true });
    },
  };
}
