import { CONTROL, Flag, UNDEFINED_FLAGS } from '../../wire/frame.ts';
import { hello, ping } from '../../wire/frames.ts';
import type { Bench, ServerCase } from '../bench.ts';
import type { Reason } from '../reasons.ts';
import type { ServerLink } from '../server-link.ts';

const CORR = 7n;
const START_END = Flag.START | Flag.END;

/** §3.3: each check, alone and before the ones behind it; the bytes that a check does not need are not sent. */
export const decodingCases: readonly ServerCase[] = [
  ...[0, 1, 37].map((len) => refused(`len ${len}`, 'bad_length', () => ping(CORR, '', { len }))),
  refused('len 37, with no byte behind it', 'bad_length', () => ping(CORR, '', { len: 37 }).subarray(0, 4)),
  refused('len max_frame + 1', 'frame_too_large', (link) => ping(CORR, '', { len: link.agreed.maxFrame + 1 })),
  refused('len max_frame + 1, with no byte behind it', 'frame_too_large', (link) => ping(CORR, '', { len: link.agreed.maxFrame + 1 }).subarray(0, 4)),
  refused('len 0xffffffff', 'frame_too_large', () => ping(CORR, '', { len: 0xffff_ffff })),
  refused('len 0x80000000, which is negative to some', 'frame_too_large', () => ping(CORR, '', { len: 0x8000_0000 })),
  first('a first frame of 4,097 bytes', 'preauth_too_large', hello(padding(4_097 - 38))),
  first('a first frame that says 4,097 bytes and ends there', 'preauth_too_large', hello(padding(4_097 - 38)).subarray(0, 4)),
  first('a first frame of 0xffffffff bytes (step 2 before step 3)', 'frame_too_large', hello('', { len: 0xffff_ffff })),
  first('a first frame with len 0 (step 1)', 'bad_length', hello('', { len: 0 })),
  first('an HTTP request', 'frame_too_large', Buffer.from('GET / HTTP/1.1\r\nHost: example\r\n\r\n')),
  ...[0, 2, 0x0100, 0xffff].map((ver) => refused(`ver ${ver}`, 'bad_version', () => ping(CORR, '', { ver }))),
  refused('ver 2, with no byte behind it', 'bad_version', () => ping(CORR, '', { ver: 2 }).subarray(0, 6)),
  first('a first frame with ver 2', 'bad_version', hello('', { ver: 2 })),
  refused('undefined flags, with the payload still to come', 'bad_flags', () => ping(CORR, 'to come', { flags: Flag.REQ | START_END | 0x100 }).subarray(0, 38)),
  refused('a capability without START', 'cap_on_nonstart', () => ping(CORR, '', { flags: Flag.REQ | Flag.END, capability: Buffer.of(1) })),
  refused('cap_len 4,097', 'cap_too_large', () => ping(CORR, '', { capability: Buffer.alloc(4_097) })),
  refused('cap_len one beyond the frame', 'bad_cap_len', () => ping(CORR, '', { capability: Buffer.alloc(4), capLen: 5 })),
  refused('cap_len in a frame without a body', 'bad_cap_len', () => ping(CORR, '', { capLen: 1 })),
  refused('len before ver', 'bad_length', () => ping(CORR, '', { len: 37, ver: 2 })),
  refused('ver before flags', 'bad_version', () => ping(CORR, '', { ver: 2, flags: UNDEFINED_FLAGS })),
  refused('flags before a capability without START', 'bad_flags', () => ping(CORR, '', { flags: UNDEFINED_FLAGS | Flag.REQ, capLen: 1 })),
  refused('a capability without START before its length', 'cap_on_nonstart', () => ping(CORR, '', { flags: Flag.REQ, capLen: 5_000 })),
  refused('the length of a capability before its end', 'cap_too_large', () => ping(CORR, '', { capLen: 0xffff })),
  {
    section: '3.3',
    title: 'carries on at the byte behind len',
    async run(bench) {
      const link = await bench.greet();
      link.send(Buffer.concat([ping(2, ping(99, 'not a frame')), ping(3, 'a frame')]));
      await link.expectPong(2, ping(99, 'not a frame'));
      await link.expectPong(3, 'a frame');
      await link.expectAlive();
    },
  },
  {
    section: '3.3',
    title: 'answers what came before the fault, and nothing behind it',
    async run(bench) {
      const link = await bench.greet();
      link.send(Buffer.concat([ping(2, 'before'), ping(CORR, '', { ver: 2 }), ping(3, 'behind')]));
      await link.expectPong(2, 'before');
      await link.expectFatal('bad_version');
    },
  },
  {
    section: '3.3',
    title: 'takes a first frame of exactly 4,096 bytes',
    async run(bench) {
      const link = await bench.connect();
      link.send(hello(padding(4_096 - 38)));
      await bench.welcome(link);
    },
  },
  {
    section: '3.3',
    title: 'no longer holds the second frame to 4,096 bytes',
    async run(bench) {
      const link = await bench.greet({ max_frame: 8_192 });
      link.send(ping(2, Buffer.alloc(6_000, 1)));
      await link.expectPong(2, Buffer.alloc(6_000, 1));
    },
  },
];

/** A JSON object of so many bytes, with one unknown field. */
function padding(bytes: number): string {
  const frame = '{"padding":""}';
  return `{"padding":"${'p'.repeat(bytes - frame.length)}"}`;
}

function refused(title: string, reason: Reason, bytes: (link: ServerLink) => Buffer): ServerCase {
  return {
    section: '3.3',
    title: `${title}: ${reason}`,
    async run(bench: Bench) {
      const link = await bench.greet();
      link.send(bytes(link));
      await link.expectFatal(reason, CORR, { app: CONTROL });
    },
  };
}

function first(title: string, reason: Reason, bytes: Buffer): ServerCase {
  return {
    section: '3.3',
    title: `${title}: ${reason}`,
    async run(bench: Bench) {
      const link = await bench.connect();
      link.send(bytes);
      await link.expectFatal(reason);
    },
  };
}
