import { BYTES_PER_TURN_MAX, FRAMES_PER_TURN_MAX, PREAUTH_FRAME_BYTES_MAX } from '../limits.ts';
import type { Transport } from '../net/transport.ts';
import { FrameDecoder } from '../wire/decoder.ts';
import type { FrameHeader } from '../wire/header.ts';
import type { ReadTurns } from './read-turns.ts';
import type { RefusalBudget, Resting } from './refusal-budget.ts';

/** What the way in needs of the connection it belongs to. */
export interface InboundHost {
  /** When the current read began, monotonic milliseconds. */
  readonly nowMs: number;
  /** False once frames are of no interest any more. */
  readonly wantsFrames: boolean;
  /** Whether the peer leaves so much unread that nothing more should be started for it. */
  readonly congested: boolean;
  /** A read begins: time has passed since the last one. */
  onReadBegin(): void;
  /** The decoder's current frame. */
  onFrame(header: FrameHeader): void;
  /** The frames of a read were handed over. */
  onReadEnd(frames: number): void;
}

/**
 * The way in of one connection: cuts what arrives into frames, and stops
 * reading when other connections are due their turn, the peer does not read
 * what it is sent, or it is refused more often than there is time for.
 */
export class Inbound implements Resting {
  readonly decoder = new FrameDecoder(PREAUTH_FRAME_BYTES_MAX);
  /** Reading is stopped; frames may be waiting in the decoder. */
  held = false;

  readonly #host: InboundHost;
  readonly #transport: Transport;
  readonly #turns: ReadTurns;
  readonly #refusals: RefusalBudget;
  /** Not to be read until {@link wake}. */
  #resting = false;
  #reading = false;
  /** The loop has its turn, and reading goes on after it. */
  #waiting = false;
  /** The decoder's chunk is the buffer that all connections read into. */
  #lent = false;
  /** Bytes read since the loop last had its turn for sure. */
  #turnBytes = 0;

  constructor(host: InboundHost, transport: Transport, turns: ReadTurns, refusals: RefusalBudget) {
    this.#host = host;
    this.#transport = transport;
    this.#turns = turns;
    this.#refusals = refusals;
  }

  /** Handles what arrived. */
  receive(chunk: Uint8Array, bytes: number): void {
    this.#turnBytes += bytes;
    this.decoder.feed(chunk, bytes);
    this.#lent = true;
    this.#read();
  }

  /** A frame was refused for a reason of the node's own. */
  refused(nowMs: number): void {
    if (this.#refusals.spend(nowMs) || !this.#reading || this.#resting) return;
    this.#resting = true;
    this.#refusals.rest(this);
  }

  wake(): void {
    this.#resting = false;
    this.release();
  }

  /** Nothing that arrives is looked at any more, and so that it is thrown away, reading goes on. */
  abandon(): void {
    this.#refusals.forget(this);
    this.#setWaiting(false);
    this.#resting = false;
    if (this.held) this.#transport.resume();
  }

  /** Reads on after a stop, if nothing is in the way any more. */
  release(): void {
    if (!this.held || this.#resting || this.#host.congested || !this.#host.wantsFrames) return;
    this.held = false;
    this.#turnBytes = 0;
    this.#setWaiting(false);
    this.#read();
    if (this.#mayResume()) this.#transport.resume();
  }

  #read(): void {
    const host = this.#host;
    const { decoder } = this;
    host.onReadBegin();
    this.#reading = true;
    const endMs = this.#turns.endMs(host.nowMs);
    let frames = 0;
    // Looking at the clock after each frame would cost a tenth of an echo.
    let lookAt = 1;
    let stop = false;
    while (!stop && decoder.next()) {
      host.onFrame(decoder.header);
      stop = ++frames >= FRAMES_PER_TURN_MAX || this.#resting || host.congested || !host.wantsFrames;
      if (frames === lookAt && !stop) {
        lookAt *= 2;
        stop = this.#turns.isOver(endMs);
      }
    }
    this.#reading = false;
    host.onReadEnd(frames);
    if (!host.wantsFrames) return;
    const waiting = stop && (decoder.unreadBytes > 0 || this.#resting || host.congested);
    if (waiting || this.#turnBytes >= BYTES_PER_TURN_MAX) this.#hold();
  }

  /** Stops reading, until the loop had its turn, the peer has read or rested. */
  #hold(): void {
    if (this.#lent && this.decoder.unreadBytes > 0) this.decoder.detach();
    this.#lent = false;
    if (!this.held) this.#transport.pause();
    this.held = true;
    if (this.#resting || this.#host.congested) return;
    this.#setWaiting(true);
    setImmediate(this.#onTurn);
  }

  #setWaiting(waiting: boolean): void {
    if (this.#waiting === waiting) return;
    this.#waiting = waiting;
    this.#turns.waiting += waiting ? 1 : -1;
  }

  readonly #onTurn = (): void => {
    this.release();
  };

  /**
   * `#read()` may have stopped again; a method, since the compiler would not
   * believe it. What follows a fault is read as well: an unread byte would turn
   * the FIN behind the error frame into a reset.
   */
  #mayResume(): boolean {
    return !this.held;
  }
}
