import { BYTES_PER_TURN_MAX, FRAMES_PER_TURN_MAX, PREAUTH_FRAME_BYTES_MAX } from '../limits.ts';
import type { Transport } from '../net/transport.ts';
import { FrameDecoder } from '../wire/decoder.ts';
import type { FrameHeader } from '../wire/header.ts';

/** What the way in needs of the connection it belongs to. */
export interface InboundHost {
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
 * reading when other connections are due their turn or the peer does not read
 * what it is sent.
 */
export class Inbound {
  readonly decoder = new FrameDecoder(PREAUTH_FRAME_BYTES_MAX);
  /** Reading is stopped; frames may be waiting in the decoder. */
  held = false;

  readonly #host: InboundHost;
  readonly #transport: Transport;
  /** Bytes read since the loop last had its turn for sure. */
  #turnBytes = 0;

  constructor(host: InboundHost, transport: Transport) {
    this.#host = host;
    this.#transport = transport;
  }

  /** Handles what arrived. */
  receive(chunk: Uint8Array, bytes: number): void {
    this.#turnBytes += bytes;
    this.decoder.feed(chunk, bytes);
    this.#read();
  }

  /** Reads on after a stop, if nothing is in the way any more. */
  release(): void {
    if (!this.held || this.#host.congested || !this.#host.wantsFrames) return;
    this.held = false;
    this.#turnBytes = 0;
    this.#read();
    if (this.#mayResume()) this.#transport.resume();
  }

  #read(): void {
    const host = this.#host;
    const { decoder } = this;
    host.onReadBegin();
    let frames = 0;
    let stop = false;
    while (!stop && decoder.next()) {
      host.onFrame(decoder.header);
      stop = ++frames >= FRAMES_PER_TURN_MAX || host.congested || !host.wantsFrames;
    }
    host.onReadEnd(frames);
    if (!host.wantsFrames) return;
    const waiting = stop && (decoder.unreadBytes > 0 || host.congested);
    if (waiting || this.#turnBytes >= BYTES_PER_TURN_MAX) this.#hold();
  }

  /** Stops reading, until the loop had its turn or the peer has read. */
  #hold(): void {
    if (this.decoder.unreadBytes > 0) this.decoder.detach();
    if (!this.held) this.#transport.pause();
    this.held = true;
    if (!this.#host.congested) setImmediate(this.#onTurn);
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
