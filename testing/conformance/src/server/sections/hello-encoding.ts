import { expectSame, expectThat } from '../../deviation.ts';
import { CONTROL, Control, ECHO, Flag, WHOLE } from '../../wire/frame.ts';
import { controlEvent, hello, ping, request } from '../../wire/frames.ts';
import { encodeMap } from '../../wire/messagepack.ts';
import type { ServerCase } from '../bench.ts';

const CORR = 1;
/** `array 32` that declares 2^32 - 1 values. */
const HUGE_ARRAY = Buffer.of(0xdd, 0xff, 0xff, 0xff, 0xff);
/** A map with one field, `x`, whose value begins behind these bytes. */
const MAP_OF_X = Buffer.of(0x81, 0xa1, 0x78);

/** §4 and §4.1: HELLO comes first, in one of three encodings. */
export const helloEncodingCases: readonly ServerCase[] = [
  notHello('a request to an application', request(CORR, 'hello'), ECHO),
  notHello('a PING', ping(CORR), CONTROL),
  notHello('an EVENT', controlEvent(Control.GOAWAY, CORR), CONTROL),
  notHello('HELLO as an EVENT', controlEvent(Control.HELLO, CORR), CONTROL),
  notHello('HELLO as a RESP', hello('', { flags: Flag.RESP | WHOLE }), CONTROL),
  notHello('HELLO without a kind', hello('', { flags: WHOLE }), CONTROL),
  notHello('HELLO as REQ and EVENT at once', hello('', { flags: Flag.REQ | Flag.EVENT | WHOLE }), CONTROL),
  notHello('HELLO to another application', hello('', { app: ECHO }), ECHO),
  ...[Flag.REQ, Flag.REQ | Flag.START, Flag.REQ | Flag.END].map(
    (flags): ServerCase => ({
      section: '4',
      title: `takes a HELLO with flags ${flags}: START and END may be left out`,
      async run(bench) {
        const link = await bench.connect();
        link.send(hello({}, { flags }));
        await bench.welcome(link);
      },
    }),
  ),
  {
    section: '4',
    title: 'answers requests that came right behind the HELLO, the HELLO first',
    async run(bench) {
      const link = await bench.connect();
      link.send(Buffer.concat([hello({ client: 'oapspec' }), ping(2, 'a'), ping(3, 'b')]));
      const order: bigint[] = [];
      link.onFrame = ({ corr }) => order.push(corr) > 0;
      await bench.welcome(link);
      await link.expectPong(2, 'a');
      await link.expectPong(3, 'b');
      expectSame('the first answer', order[0], 1n);
    },
  },
  {
    section: '4',
    title: 'refuses a second HELLO and keeps the connection',
    async run(bench) {
      const link = await bench.greet();
      link.send(hello({}, { corr: 9 }));
      await link.expectError(9, 'hello_repeated', { app: CONTROL });
      await link.expectAlive();
    },
  },
  {
    section: '4.1',
    title: 'answers an empty body in MessagePack',
    async run(bench) {
      const link = await bench.connect();
      link.send(hello(''));
      const frame = await link.take(1, 'a HELLO reply');
      expectSame('status', frame.code, 200);
      expectThat(frame.payload[0] !== 0x7b, 'MessagePack', 'JSON');
    },
  },
  {
    section: '4.1',
    title: 'answers JSON in JSON',
    async run(bench) {
      const link = await bench.connect();
      link.send(hello('{"client":"oapspec","versions":[1]}'));
      const frame = await link.take(1, 'a HELLO reply');
      expectSame('status', frame.code, 200);
      expectSame('first byte of the reply', frame.payload[0], 0x7b);
      expectSame('version', (JSON.parse(frame.payload.toString()) as Record<string, unknown>).version, 1);
    },
  },
  {
    section: '4.1',
    title: 'answers MessagePack in MessagePack',
    async run(bench) {
      const link = await bench.connect();
      link.send(hello({ client: 'oapspec' }));
      const frame = await link.take(1, 'a HELLO reply');
      expectSame('status', frame.code, 200);
      expectThat(frame.payload[0] !== 0x7b, 'MessagePack', 'JSON');
    },
  },
  {
    section: '4.1',
    title: 'takes maps and texts of each length encoding',
    async run(bench) {
      for (const body of ['81a6636c69656e74a178', 'de0001d906636c69656e74d90178', 'df00000001da0006636c69656e74db0000000178']) {
        const link = await bench.connect();
        link.send(hello(Buffer.from(body, 'hex')));
        await bench.welcome(link);
      }
    },
  },
  badHello('a MessagePack array', Buffer.of(0x91, 0x01)),
  badHello('a MessagePack integer', Buffer.of(0x01)),
  badHello('nil', Buffer.of(0xc0)),
  badHello('the byte c1, which nothing begins with', Buffer.of(0xc1)),
  badHello('a map with a byte behind it', Buffer.concat([encodeMap({ client: 'x' }), Buffer.of(0)])),
  badHello('a map that ends within a value', encodeMap({ client: 'x' }).subarray(0, -1)),
  badHello('a map that declares 2^32 - 1 fields', Buffer.of(0xdf, 0xff, 0xff, 0xff, 0xff)),
  badHello('a value that declares 2^32 - 1 items', Buffer.concat([MAP_OF_X, HUGE_ARRAY])),
  badHello('arrays 40 deep, beyond the 32 of §1', Buffer.concat([MAP_OF_X, Buffer.alloc(40, 0x91), Buffer.of(0)])),
  badHello('JSON that breaks off', '{"client":'),
  badHello('JSON with text behind the object', '{} {}'),
  badHello('a JSON array', '[1]'),
  badHello('JSON that is not UTF-8', Buffer.concat([Buffer.from('{"client":"'), Buffer.of(0xff), Buffer.from('"}')])),
  {
    section: '4.1',
    title: 'takes values 30 deep in an unknown field',
    async run(bench) {
      const link = await bench.connect();
      link.send(hello(Buffer.concat([MAP_OF_X, Buffer.alloc(30, 0x91), Buffer.of(0)])));
      await bench.welcome(link);
    },
  },
  {
    section: '4.1',
    title: 'refuses a HELLO in JSON with an error in MessagePack',
    async run(bench) {
      const link = await bench.connect();
      link.send(hello('{"client":5}'));
      await link.expectFatal('bad_hello', CORR, { app: CONTROL });
    },
  },
];

function notHello(what: string, bytes: Buffer, app: number): ServerCase {
  return {
    section: '4',
    title: `refuses ${what} as the first frame: hello_required`,
    async run(bench) {
      const link = await bench.connect();
      link.send(bytes);
      await link.expectFatal('hello_required', CORR, { app });
    },
  };
}

function badHello(what: string, body: Buffer | string): ServerCase {
  return {
    section: '4.1',
    title: `refuses ${what}: bad_hello`,
    async run(bench) {
      const link = await bench.connect();
      link.send(hello(body));
      await link.expectFatal('bad_hello', CORR, { app: CONTROL });
    },
  };
}
