import type { Socket } from 'node:net';
import { mapOf } from '../body.ts';
import { CLOCK_TOLERANCE_MS } from '../bounds.ts';
import { Deviation, expectBytes, expectSame, expectThat, textOf } from '../deviation.ts';
import { Link } from '../link.ts';
import type { Trace } from '../trace.ts';
import { CONTROL, Control, describeFrame, ECHO, Flag, flagNames, NO_TENANT, WHOLE } from '../wire/frame.ts';
import type { Body, Frame } from '../wire/frame.ts';
import { credit, ping } from '../wire/frames.ts';
import type { HelloReply } from './hello-reply.ts';
import { isRetryable, isUnaddressed, REASON_STATUSES } from './reasons.ts';
import type { Reason } from './reasons.ts';

/** Header fields that an answer must repeat. */
export interface Address {
  readonly app?: number;
  readonly tenant?: string;
  /** A reason of §8.1 that mostly names no frame, and does so here. */
  readonly named?: boolean;
}

/** What an expected reply holds, beside its corr_id. */
export interface Expected extends Address {
  readonly status?: number;
  readonly payload?: Body;
  /** Flags beside RESP, START and END; COMP is left to the server. */
  readonly more?: number;
}

const CLOSE_MS = 250;
const RETRY_AFTER_MS_MIN = 1_000;
const RETRY_AFTER_MS_MAX = 5_000;
const MESSAGE_CHARS_MAX = 1_024;
/** corr_ids of the tool's own PINGs, away from those of the cases. */
const FENCE_CORR = 0xfe00_0000_0000_0000n;

/** A connection to the server under test, with what a server owes to any client. */
export class ServerLink extends Link {
  /** The HELLO reply; only on a connection that was greeted. */
  hello: HelloReply | undefined;
  /** Flags that both sides may use. */
  agreedFlags = 0xff & ~Flag.COMP;
  /** Error frames received. */
  errors = 0;
  readonly #credit = new Map<bigint, number>();
  #fences = 0n;

  constructor(socket: Socket, trace: Trace, patienceMs: number) {
    super(socket, trace, patienceMs);
    this.onFrame = (frame) => this.#inspect(frame);
  }

  /** The HELLO reply of a connection that was greeted. */
  get agreed(): HelloReply {
    if (this.hello === undefined) throw new Error('this connection was not greeted');
    return this.hello;
  }

  /** Bytes granted by CREDIT for a request stream so far. */
  granted(corr: bigint | number): number {
    return this.#credit.get(BigInt(corr)) ?? 0;
  }

  /** One whole reply frame. */
  async expectReply(corr: bigint | number, { app = ECHO, tenant = NO_TENANT, status = 200, payload, more = 0 }: Expected = {}): Promise<Frame> {
    const frame = await this.take(corr, `a reply with status ${status} to corr ${corr}`);
    if (frame.code !== status) throw new Deviation(`a reply with status ${status}`, `${describeFrame(frame)}${reasonIn(frame)}`);
    expectSame('flags of the reply', flagNames(frame.flags & ~Flag.COMP), flagNames(Flag.RESP | WHOLE | more), '6.2');
    this.#expectAddress(frame, app, tenant);
    if (payload !== undefined) expectBytes('a payload', frame.payload, Buffer.from(payload));
    return frame;
  }

  /** The answer to a PING (§5.2). */
  async expectPong(corr: bigint | number, payload: Body = '', tenant = NO_TENANT): Promise<void> {
    await this.expectReply(corr, { app: CONTROL, tenant, payload });
  }

  /** An error reply of the form of §8.1; answers its body. */
  async expectError(corr: bigint | number, reason: Reason, { app = ECHO, tenant = NO_TENANT, named = false }: Address = {}): Promise<Record<string, unknown>> {
    const status = REASON_STATUSES[reason];
    const nobody = isUnaddressed(reason) && !named;
    const what = `an error ${status} ${reason}`;
    const frame = await this.take(nobody ? 0 : corr, `${what} with corr ${nobody ? 0 : corr}`);
    if (frame.code !== status) throw new Deviation(what, `${describeFrame(frame)}${reasonIn(frame)}`);
    const body = this.#errorBody(frame);
    expectSame('the reason', body.reason, reason);
    this.#expectAddress(frame, nobody ? 0 : app, nobody ? NO_TENANT : tenant);
    return body;
  }

  /** An error of reaction C: the error reply, then the end of the connection and nothing else (§8.2). */
  async expectFatal(reason: Reason, corr: bigint | number = 0, address: Address = {}): Promise<void> {
    await this.expectError(corr, reason, address);
    await this.ended(CLOSE_MS + CLOCK_TOLERANCE_MS);
    this.expectNothing('after an error that ends the connection', '8.2');
  }

  /** The end of the connection, without a frame before it. */
  async expectEnd(withinMs?: number): Promise<void> {
    await this.ended(withinMs);
    this.expectNothing('before the end of the connection');
  }

  /** The connection is still of use, and nothing came that was not taken. */
  async expectAlive(): Promise<void> {
    await this.expectAliveBeside();
  }

  /** The connection is still of use, and nothing came but data of these replies. */
  async expectAliveBeside(...corrs: readonly (bigint | number)[]): Promise<void> {
    const fence = FENCE_CORR + this.#fences++;
    this.send(ping(fence, 'still there?'));
    await this.expectPong(fence, 'still there?');
    const expected = new Set(corrs.map(BigInt));
    const other = this.inbox.find(({ corr, code }) => !expected.has(corr) || code >= 300);
    if (other !== undefined) throw new Deviation('no other frame', `${describeFrame(other)}${reasonIn(other)}`);
  }

  expectNothing(when: string, section?: string): void {
    this.check();
    const [first] = this.inbox;
    if (first !== undefined) throw new Deviation(`no frame ${when}`, `${describeFrame(first)}${reasonIn(first)}`, section);
  }

  /**
   * A whole reply message, of one frame or many (§6.2): its payloads joined.
   * Gives credit back as it reads, unless told otherwise.
   */
  async collect(corr: bigint | number, { app = ECHO, tenant = NO_TENANT, status = 200 }: Expected = {}, grant = true): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let first = true; ; first = false) {
      const frame = await this.take(corr, `a frame of the reply to corr ${corr}`);
      if (frame.code !== status) throw new Deviation(`a reply with status ${status}`, `${describeFrame(frame)}${reasonIn(frame)}`);
      expectSame('START on a frame of the reply', (frame.flags & Flag.START) !== 0, first, '6.2');
      this.#expectAddress(frame, app, tenant);
      const whole = first && (frame.flags & Flag.END) !== 0;
      expectThat(whole || frame.payload.length <= 65_536, 'stream frames of at most 65,536 payload bytes', describeFrame(frame), '7.6');
      parts.push(frame.payload);
      if ((frame.flags & Flag.END) !== 0) return Buffer.concat(parts);
      if (grant && frame.payload.length > 0) this.send(credit(corr, frame.payload.length));
    }
  }

  /** The reply of echo: the same bytes, in one frame or many (§15.1). */
  async expectEcho(corr: bigint | number, payload: Body, expected: Expected = {}): Promise<void> {
    expectBytes('an echo', await this.collect(corr, expected), Buffer.from(payload), '15.1');
  }

  #expectAddress(frame: Frame, app: number, tenant: string): void {
    expectSame('app_proto_id of the answer', frame.app, app, '6.4');
    expectSame('tenant_id of the answer', frame.tenant, tenant, '6.4');
  }

  #errorBody(frame: Frame): Record<string, unknown> {
    expectSame('flags of an error', flagNames(frame.flags), flagNames(Flag.RESP | WHOLE), '8.1');
    expectThat(frame.payload[0] !== 0x7b, 'an error body in MessagePack', 'JSON', '8.1');
    const body = mapOf(frame.payload, 'an error body', '8.1');
    const { reason, message, retry_after_ms: retryAfterMs } = body;
    expectThat(typeof reason === 'string', 'a string reason in the error body', textOf(reason), '8.1');
    expectThat(typeof message === 'string' && message.length <= MESSAGE_CHARS_MAX, 'a message of at most 1,024 characters', textOf(message), '8.1');
    if (isRetryable(String(reason)) || retryAfterMs !== undefined) {
      expectThat(frame.code === 429 || frame.code === 503, 'retry_after_ms only with 429 and 503', `it with ${frame.code}`, '8.1');
      const holds = typeof retryAfterMs === 'number' && retryAfterMs >= RETRY_AFTER_MS_MIN && retryAfterMs <= RETRY_AFTER_MS_MAX;
      expectThat(holds, 'retry_after_ms from 1,000 to 5,000', textOf(retryAfterMs), '8.1');
    }
    return body;
  }

  /** What no server may send at any time; true for a reply, since an event may come at any time. */
  #inspect(frame: Frame): boolean {
    const { flags, app, code } = frame;
    expectThat((flags & Flag.REQ) === 0, 'no request from a server', describeFrame(frame), '6.1');
    if ((flags & Flag.COMP) !== 0 && app !== CONTROL) {
      expectThat((this.agreedFlags & Flag.COMP) !== 0, 'no COMP, which was not negotiated', describeFrame(frame), '4.3');
    }
    if ((flags & Flag.RESP) !== 0) {
      if (code >= 300) this.errors += 1;
      return true;
    }
    expectSame('app_proto_id of an EVENT from a server', app, CONTROL, '6.5');
    if (code === Control.CREDIT) {
      expectSame('bytes of a CREDIT payload', frame.payload.length, 4, '5');
      this.#credit.set(frame.corr, this.granted(frame.corr) + frame.payload.readUInt32BE());
    }
    return false;
  }
}

/** The reason in an error frame, to be shown. */
function reasonIn(frame: Frame): string {
  if (frame.code < 300 || (frame.flags & Flag.RESP) === 0) return '';
  try {
    const { reason, message } = mapOf(frame.payload, 'an error body', '8.1');
    return `: ${textOf(reason)}, "${textOf(message)}"`;
  } catch {
    return '';
  }
}
