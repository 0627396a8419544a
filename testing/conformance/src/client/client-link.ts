import type { Socket } from 'node:net';
import { Deviation, expectBytes, expectSame, expectThat, textOf } from '../deviation.ts';
import { Link } from '../link.ts';
import type { Trace } from '../trace.ts';
import { CONTROL, Control, describeFrame, encodeFrame, Flag, WHOLE } from '../wire/frame.ts';
import type { Body, Frame, FrameFields } from '../wire/frame.ts';
import { credit } from '../wire/frames.ts';
import { encodeMap } from '../wire/messagepack.ts';
import type { Packable } from '../wire/messagepack.ts';
import { readHelloRequest } from './hello-request.ts';
import type { HelloRequest } from './hello-request.ts';

/** A message of the client, as far as it came. */
export interface Message {
  readonly first: Frame;
  readonly corr: bigint;
  payload: Buffer;
  /** Payload bytes that the client may still send; one-frame messages need none. */
  credit: number;
  complete: boolean;
  /** Replied to in full, refused, or cancelled. */
  over: boolean;
}

/** Fields of a HELLO reply that hold what a node has by default. */
const DEFAULT_REPLY = {
  server: 'oapspec',
  version: 1,
  versions: [1],
  max_frame: 1_048_576,
  max_inflight: 1_024,
  max_inflight_bytes: 16_777_216,
  supported_flags: 191,
  transports: ['tcp'],
  initial_window: 1_048_576,
  max_ratio: 10,
  max_decompressed: 8_388_608,
  revocation_seq: 0,
  idle_timeout_ms: 120_000,
} as const;

type Fields = Readonly<Record<string, Packable | undefined>>;

const MESSAGE_BYTES_MAX = 16_777_216;
const CLIENT_EVENTS: ReadonlySet<number> = new Set([Control.GOAWAY, Control.CANCEL, Control.CREDIT]);

/** A connection of the client under test, with what a client owes to any server. */
export class ClientLink extends Link {
  /** Its HELLO, once it came. */
  hello: HelloRequest | undefined;
  /** Messages in the order of their START. */
  readonly messages: Message[] = [];
  /** Bytes granted by CREDIT, by corr_id. */
  readonly granted = new Map<bigint, number>();
  readonly cancelled = new Set<bigint>();
  /** Most messages that were in flight at one time. */
  mostInFlight = 0;
  readonly #taken = new Set<Message>();
  #window = 0;
  #agreedFlags = 0xff & ~Flag.COMP;
  #first = true;
  #inFlight = 0;

  constructor(socket: Socket, trace: Trace, patienceMs: number) {
    super(socket, trace, patienceMs);
    this.onFrame = (frame) => {
      this.#inspect(frame);
      return false;
    };
  }

  /** The HELLO, checked by §4. */
  async takeHello(): Promise<HelloRequest> {
    return this.until(() => this.hello, 'a HELLO');
  }

  /** Takes the HELLO and answers it; a field given as `undefined` is left out. */
  async welcome(fields: Fields = {}): Promise<HelloRequest> {
    const hello = await this.takeHello();
    this.send(this.helloReply(hello, fields));
    return hello;
  }

  /** The bytes of a HELLO reply in the encoding of the request (§4.1); what it agrees holds from here on. */
  helloReply(hello: HelloRequest, fields: Fields = {}): Buffer {
    const reply: Record<string, Packable> = {};
    const stated: Fields = { ...DEFAULT_REPLY, ...fields };
    for (const [name, value] of Object.entries(stated)) if (value !== undefined) reply[name] = value;
    const count = (name: 'max_frame' | 'initial_window' | 'supported_flags') => {
      const value = reply[name];
      return typeof value === 'number' ? value : DEFAULT_REPLY[name];
    };
    this.frameBytesMax = Math.min(count('max_frame'), hello.maxFrame);
    this.#window = count('initial_window');
    this.#agreedFlags = hello.supportedFlags & count('supported_flags');
    const payload = hello.json ? JSON.stringify(reply) : encodeMap(reply);
    return this.answerTo(hello.frame, payload);
  }

  /** The next whole message of this size, checked; messages of other sizes wait their turn. */
  async takeRequest(bytes: number): Promise<Message> {
    const message = await this.#takeMessage(({ complete, payload }) => complete && payload.length === bytes, `a request of ${bytes} bytes`);
    expectBytes('a payload', message.payload, patternOf(bytes), '15.1');
    return message;
  }

  /** The next message, as soon as its first frame is there. */
  async takeStart(): Promise<Message> {
    return this.#takeMessage(() => true, 'the first frame of a message');
  }

  /** The next whole message of any size. */
  async takeWhole(): Promise<Message> {
    return this.#takeMessage(({ complete }) => complete, 'a whole message');
  }

  /** Grants credit as payload comes, as a node does that consumes it at once. */
  grantAsItComes(): void {
    const before = this.onFrame;
    this.onFrame = (frame) => {
      const keep = before(frame);
      if (frame.app !== CONTROL && frame.payload.length > 0 && (frame.flags & Flag.END) === 0) this.grant(frame.corr, frame.payload.length);
      return keep;
    };
  }

  grant(corr: bigint, bytes: number): void {
    const message = this.messages.find((candidate) => candidate.corr === corr && !candidate.complete);
    if (message !== undefined) message.credit += bytes;
    this.send(credit(corr, bytes));
  }

  /** A one-frame reply with the same bytes. */
  echo(message: Message): void {
    this.send(this.replyTo(message, message.payload));
  }

  /** A reply of many frames, as far as the client grants credit for them. */
  async echoInFrames(message: Message, frameBytes: number): Promise<void> {
    const { payload, corr } = message;
    const window = this.hello?.initialWindow ?? 0;
    for (let at = 0; at === 0 || at < payload.length; at += frameBytes) {
      const chunk = payload.subarray(at, at + frameBytes);
      const due = at + chunk.length;
      await this.until(() => (window + (this.granted.get(corr) ?? 0) >= due ? true : undefined), `CREDIT for byte ${due} of a reply, of which ${at} were sent`);
      const flags = Flag.RESP | (at === 0 ? Flag.START : 0) | (due >= payload.length ? Flag.END : 0);
      this.send(this.replyTo(message, chunk, { flags }));
    }
  }

  /** Answers whatever comes, as echo does, until the connection ends. */
  async serve(): Promise<void> {
    for (;;) this.echo(await this.takeWhole());
  }

  /** The bytes of a reply frame; the exchange is over when it has END. */
  replyTo(message: Message, payload: Body = '', more: Partial<FrameFields> = {}): Buffer {
    if (((more.flags ?? Flag.END) & Flag.END) !== 0) this.#end(message);
    return this.answerTo(message.first, payload, more);
  }

  /** The bytes of an error (§8.1). */
  errorTo(message: Message, code: number, reason: string, more: Readonly<Record<string, Packable>> = {}): Buffer {
    return this.replyTo(message, encodeMap({ reason, message: `The test says ${reason}.`, ...more }), { code });
  }

  answerTo({ app, tenant, corr }: Frame, payload: Body, more: Partial<FrameFields> = {}): Buffer {
    return encodeFrame({ flags: Flag.RESP | WHOLE, code: 200, app, tenant, corr, ...more, payload });
  }

  async #takeMessage(wanted: (message: Message) => boolean, what: string): Promise<Message> {
    const find = () => this.messages.find((message) => !this.#taken.has(message) && wanted(message));
    const message = await this.until(() => {
      if (this.end !== undefined && find() === undefined) throw new Deviation(what, `the end of the connection (${this.end})`);
      return find();
    }, what);
    this.#taken.add(message);
    return message;
  }

  #end(message: Message): void {
    if (!message.over) this.#inFlight -= 1;
    message.over = true;
  }

  /** What no client may send at any time. */
  #inspect(frame: Frame): void {
    const { flags, app } = frame;
    if (this.#first) {
      this.#first = false;
      this.hello = readHelloRequest(frame);
      return;
    }
    expectThat((flags & Flag.RESP) === 0, 'no RESP from a client', describeFrame(frame), '6.1');
    if (app === CONTROL) this.#inspectControl(frame);
    else this.#inspectMessage(frame);
  }

  #inspectControl(frame: Frame): void {
    const { flags, code, corr, payload } = frame;
    if ((flags & Flag.REQ) !== 0) {
      expectSame('code of a control request after HELLO', code, Control.PING, code === Control.HELLO ? '4' : '5.7');
      this.send(this.answerTo(frame, payload));
      return;
    }
    expectThat(CLIENT_EVENTS.has(code), 'a control event of §5', describeFrame(frame), '5.7');
    if (code === Control.CREDIT) {
      expectSame('bytes of a CREDIT payload', payload.length, 4, '5');
      this.granted.set(corr, (this.granted.get(corr) ?? 0) + payload.readUInt32BE());
    } else if (code === Control.CANCEL) {
      this.cancelled.add(corr);
      const message = this.messages.find((candidate) => candidate.corr === corr && !candidate.over);
      if (message !== undefined) this.#end(message);
    }
  }

  #inspectMessage(frame: Frame): void {
    const { flags, corr, payload } = frame;
    expectThat((flags & Flag.COMP) === 0 || (this.#agreedFlags & Flag.COMP) !== 0, 'no COMP, which was not negotiated', describeFrame(frame), '11.1');
    expectThat((flags & (Flag.COMP | Flag.APP_E2E)) !== (Flag.COMP | Flag.APP_E2E), 'no COMP together with APP_E2E', describeFrame(frame), '11.6');
    const open = this.messages.findLast((message) => message.corr === corr);
    if ((flags & Flag.START) !== 0) {
      expectThat(open === undefined || open.over, 'a corr_id that is not in flight', describeFrame(frame), '6.3');
      expectThat(open === undefined || open.complete, 'no START before the END of the message before', describeFrame(frame), '6.2');
      const whole = (flags & Flag.END) !== 0;
      const message = { first: frame, corr, payload: Buffer.alloc(0), credit: whole ? Infinity : this.#window, complete: false, over: false };
      this.messages.push(message);
      this.#inFlight += 1;
      this.mostInFlight = Math.max(this.mostInFlight, this.#inFlight);
      this.#add(message, frame, payload);
      return;
    }
    if (open === undefined) throw new Deviation('START on the first frame of a message', describeFrame(frame), '6.2');
    expectThat(!open.over, 'nothing more of an exchange that was ended', describeFrame(frame), '6.2');
    expectThat(!open.complete, 'nothing behind END', describeFrame(frame), '6.2');
    for (const field of ['app', 'code', 'tenant'] as const) expectSame(`${field} of a continuation`, frame[field], open.first[field], '6.2');
    const kinds = Flag.REQ | Flag.EVENT;
    expectSame('kind of a continuation', flags & kinds, open.first.flags & kinds, '6.2');
    this.#add(open, frame, payload);
  }

  #add(message: Message, { flags }: Frame, payload: Buffer): void {
    message.credit -= payload.length;
    expectThat(message.credit >= 0, 'no more payload than there is credit for', `${-message.credit} bytes more`, '7.2');
    message.payload = Buffer.concat([message.payload, payload]);
    expectThat(message.payload.length <= MESSAGE_BYTES_MAX, 'a message of the size that was asked for', textOf(message.payload.length));
    message.complete = (flags & Flag.END) !== 0;
  }
}

/** The payload of so many bytes that a client under test sends: byte i is i mod 251. */
export function patternOf(bytes: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: bytes }, (_, at) => at % 251));
}
