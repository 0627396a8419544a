import { decodeErrorBody, Flag, rejectByReason } from '@omnigate/kernel/wire';
import type { Frame } from '@omnigate/kernel/wire';
import { ping, WHOLE } from './frames.ts';
import { Peer } from './peer.ts';
import type { GreetingOptions, PeerOptions } from './peer.ts';
import type { Scale } from './scale.ts';
import type { Target } from './target.ts';

/** corr_id of the PING that is sent behind an attack. */
const PING_BEHIND = 0xfeed_beef_feed_beefn;
const RETRY_AFTER_MS = { min: 1_000, max: 5_000 };

/** What to expect beside the reaction. */
export interface Wanted {
  /** The reason where nothing on the wire tells it: X and D. */
  readonly silent?: string;
  /** False where the stream is out of step, so that a PING would be taken for something else. */
  readonly ping?: boolean;
  /** What the error frame repeats. */
  readonly to?: { readonly corr: bigint | number; readonly app: number; readonly tenant?: string };
  readonly withinMs?: number;
}

/** One row being played: what was seen, what it should have counted, and what went wrong. */
export class Trial {
  readonly target: Target;
  readonly scale: Scale;
  /** How often each answer was seen. */
  readonly seen = new Map<string, number>();
  /** By reason, what `rejected_total` must have grown by; `undefined` for a number that nobody can know. */
  readonly counts = new Map<string, number | undefined>();
  readonly facts: string[] = [];
  readonly complaints: string[] = [];
  readonly #peers = new Set<Peer>();

  constructor(target: Target, scale: Scale) {
    this.target = target;
    this.scale = scale;
  }

  /** A connection to the plain port whose HELLO was answered. */
  async greeted(options: GreetingOptions = {}): Promise<Peer> {
    return this.keep(await Peer.greeted(this.target.oap, options));
  }

  /** A connection to the plain port that has sent nothing. */
  async connected(options: PeerOptions = {}): Promise<Peer> {
    return this.keep(await Peer.connect(this.target.oap, options));
  }

  /** Sees to it that a connection is closed at the end, and not before the node was looked at. */
  keep(peer: Peer): Peer {
    this.#peers.add(peer);
    return peer;
  }

  /** Closes a connection that the node would keep. */
  drop(peer: Peer): void {
    peer.destroy();
    this.#peers.delete(peer);
  }

  /** Closes those that are left. */
  dropAll(): void {
    for (const peer of this.#peers) peer.destroy();
    this.#peers.clear();
  }

  /** Notes an answer; a refusal counts in the metrics, unless `counted` says how often it does. */
  saw(answer: string, times = 1, counted: number | undefined = times): void {
    this.seen.set(answer, (this.seen.get(answer) ?? 0) + times);
    const [, , reason] = /^([KCXD]) (\d{3}) (\w+)$/.exec(answer)?.slice(1) ?? [];
    if (reason !== undefined) this.counted(reason, counted);
  }

  /** Notes refusals that were counted and not answered. */
  counted(reason: string, times: number | undefined): void {
    const before = this.counts.has(reason) ? this.counts.get(reason) : 0;
    this.counts.set(reason, times === undefined || before === undefined ? undefined : before + times);
  }

  fact(text: string): void {
    this.facts.push(text);
  }

  /** Complains unless it is so. */
  ensure(condition: boolean, what: string): void {
    if (!condition) this.complaints.push(what);
  }

  /**
   * Looks at what the node makes of what a peer sent, and notes it: the letter of
   * the reaction, status and reason. A connection that goes on is closed.
   */
  async reaction(peer: Peer, { silent, ping: behind = true, to, withinMs }: Wanted = {}): Promise<string> {
    if (behind) peer.send(ping(PING_BEHIND));
    const isPong = ({ corrId, app }: Frame): boolean => corrId === PING_BEHIND && app === 0;
    const goesOn = (await peer.takeOrEnd(behind ? isPong : () => false, withinMs)) !== undefined;
    const isReply = ({ flags, corrId }: Frame): boolean => (flags & Flag.RESP) !== 0 && corrId !== PING_BEHIND;
    // A service may take its time, in which the PING passes the request.
    if (goesOn && silent === undefined) await peer.takeOrEnd(isReply, withinMs);
    const [error, ...more] = peer.inbox.filter((frame) => isReply(frame) && frame.code >= 400);
    if (more.length > 0) this.complaints.push(`${more.length + 1} error frames`);
    if (error !== undefined) this.#judge(error, to);
    const reason = error === undefined ? silent : reasonOf(error);
    const letter = goesOn ? (error === undefined ? 'D' : 'K') : error === undefined ? 'X' : 'C';
    const status = error?.code ?? rejectByReason(reason ?? '')?.status ?? 0;
    const answer = reason === undefined ? (goesOn ? 'no refusal' : 'closed') : `${letter} ${status} ${reason}`;
    this.saw(answer);
    if (goesOn) this.drop(peer);
    return answer;
  }

  /** Complains about an error frame that is not as it has to be (specs/oap-1.md §8.1). */
  #judge(frame: Frame, to: Wanted['to']): void {
    if (frame.flags !== (Flag.RESP | WHOLE)) this.complaints.push(`an error frame with flags ${frame.flags}`);
    const { message, retryAfterMs, retryable } = decodeErrorBody(frame.code, frame.payload, '');
    if (message === '') this.complaints.push('an error without a message');
    if (retryAfterMs !== undefined && (retryAfterMs < RETRY_AFTER_MS.min || retryAfterMs > RETRY_AFTER_MS.max)) this.complaints.push(`retry_after_ms is ${retryAfterMs}`);
    if (retryAfterMs !== undefined && !retryable) this.complaints.push('retry_after_ms for what cannot be retried');
    if (to === undefined) return;
    const { corr, app, tenant = '0'.repeat(32) } = to;
    if (frame.corrId !== BigInt(corr) || frame.app !== app || frame.tenant !== tenant) {
      this.complaints.push(`the error is about ${frame.corrId}, ${frame.app}, ${frame.tenant}`);
    }
  }
}

/** The reason that an error frame tells. */
export function reasonOf(frame: Frame): string {
  return decodeErrorBody(frame.code, frame.payload, '').reason;
}

/** An error frame of a connection that goes on, as an answer. */
export function refusalOf(frame: Frame): string {
  return frame.code < 400 ? 'no refusal' : `K ${frame.code} ${reasonOf(frame)}`;
}
