import { REPLY_BYTES_HELD_MAX, WRITE_FLUSH_BYTES, WRITE_PAUSE_BYTES, WRITE_PENDING_BYTES_MAX } from '../limits.ts';
import type { Metrics } from '../metrics.ts';
import type { Transport } from '../net/transport.ts';
import { FrameWriter } from '../wire/frame-writer.ts';
import type { WriteBufferPool } from '../wire/frame-writer.ts';
import type { FrameAddress } from '../wire/header.ts';
import { Flag } from '../wire/header.ts';
import type { Exchange } from './exchange.ts';

/** Writes what connections collected outside of a read, once per turn for all of them. */
export class FlushQueue {
  #waiting: Outbound[] = [];

  add(outbound: Outbound): void {
    if (this.#waiting.length === 0) process.nextTick(this.#flush);
    this.#waiting.push(outbound);
  }

  readonly #flush = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const outbound of waiting) outbound.flush();
  };
}

/** Payload of one reply within one write. */
interface Share {
  readonly exchange: Exchange;
  bytes: number;
}

const NO_SHARES: readonly Share[] = [];

/** What the way out has to tell its connection. */
export interface OutboundHost {
  /** There is room again although nothing had to wait for the operating system. */
  onRoom(): void;
  /** The peer leaves more unread than any bound allows. */
  onOverflow(): void;
}

/**
 * The way out of one connection: frames are collected, written together, and
 * held back while the peer does not read.
 */
export class Outbound {
  /** Set while a read is processed: its replies leave together at the end. */
  corked = false;

  readonly #transport: Transport;
  readonly #writer: FrameWriter;
  readonly #metrics: Metrics;
  readonly #flushQueue: FlushQueue;
  readonly #host: OutboundHost;
  /** Bytes of the last write that the operating system has not taken yet. */
  #unsentBytes = 0;
  /** What was collected of reply queues, and what the operating system has not taken yet. */
  #collected: Share[] = [];
  #leaving: readonly Share[] = NO_SHARES;
  /** Exchanges with frames that only congestion holds back, in turn. */
  #waiting = new Set<Exchange>();
  #heldBytes = 0;
  #scheduled = false;
  /** A FIN follows what was collected. */
  #ending = false;
  #ended = false;

  constructor(
    transport: Transport,
    pool: WriteBufferPool,
    flushQueue: FlushQueue,
    metrics: Metrics,
    host: OutboundHost,
  ) {
    this.#transport = transport;
    this.#writer = new FrameWriter(pool);
    this.#flushQueue = flushQueue;
    this.#metrics = metrics;
    this.#host = host;
  }

  /** Whether the peer leaves so much unread that nothing more should be started for it. */
  get congested(): boolean {
    return this.roomBytes <= 0;
  }

  /** Bytes until then. */
  get roomBytes(): number {
    return Math.max(0, WRITE_PAUSE_BYTES - this.#writer.pendingBytes - this.#unsentBytes);
  }

  /** True when everything is with the operating system. */
  get empty(): boolean {
    return this.#writer.pendingBytes === 0 && this.#unsentBytes === 0 && this.#waiting.size === 0;
  }

  /** Bytes the peer has not taken: they shrink as long as it reads at all. */
  get unsentBytes(): number {
    return this.#unsentBytes === 0 ? 0 : this.#transport.unsentBytes;
  }

  /** Collects one frame; see `FrameWriter.append` for `keep`. */
  append(to: FrameAddress, flags: number, code: number, payload: Uint8Array, keep: boolean): void {
    this.#writer.append(to, flags, code, payload, 0, payload.length, keep);
    if (!this.corked) this.#schedule();
    else if (this.#writer.pendingBytes >= WRITE_FLUSH_BYTES) this.flush();
  }

  /** Sends of a reply queue what congestion and credit allow; true when the queue is empty afterwards. */
  pump(exchange: Exchange): boolean {
    while (this.#pumpOne(exchange)) {
      if (exchange.queue?.empty !== false) return true;
    }
    return false;
  }

  /** Books what a reply holds back. */
  held(bytes: number): void {
    this.#heldBytes += bytes;
    if (this.#heldBytes > REPLY_BYTES_HELD_MAX) this.#host.onOverflow();
  }

  /** The exchange is over; nothing of it is to be sent. */
  forget(exchange: Exchange): void {
    if (exchange.queue === undefined) return;
    this.#heldBytes -= exchange.queue.bytes;
    this.#waiting.delete(exchange);
  }

  /** Writes what was collected, unless an earlier write is still on its way. */
  flush(): void {
    this.#scheduled = false;
    const bytes = this.#writer.pendingBytes;
    if (this.#transport.blocked) {
      if (bytes + this.#unsentBytes > WRITE_PENDING_BYTES_MAX) this.#host.onOverflow();
      return;
    }
    if (this.#ended) return;
    if (bytes > 0) this.#write(bytes);
    if (this.#ending) {
      this.#ended = true;
      this.#transport.end();
    }
  }

  /** Sends a FIN behind everything collected; what is appended from here on leads nowhere. */
  end(): void {
    this.#ending = true;
    this.flush();
  }

  /** The last write left: send what waited for it. */
  drained(): void {
    this.#unsentBytes = 0;
    this.#writer.recycle();
    const left = this.#leaving;
    this.#leaving = NO_SHARES;
    tellSent(left);
    this.flush();
    this.serveWaiting();
  }

  /** The connection is gone, and nobody reads the memory of what did not leave. */
  closed(): void {
    const left = [...this.#leaving, ...this.#collected];
    this.#leaving = NO_SHARES;
    this.#collected = [];
    tellSent(left);
  }

  /** Sends what only congestion held back, one frame of each exchange in turn. */
  serveWaiting(): void {
    for (const exchange of this.#waiting) {
      if (this.congested) break;
      this.#waiting.delete(exchange);
      if (this.#pumpOne(exchange)) {
        if (exchange.queue?.empty === true) exchange.drained();
        // Set iteration visits what is added behind, so that all take turns.
        else this.#waiting.add(exchange);
      }
    }
  }

  /** Sends one frame; false when congestion or credit forbids it. */
  #pumpOne(exchange: Exchange): boolean {
    if (this.congested) {
      this.#waiting.add(exchange);
      return false;
    }
    const frame = exchange.queue?.next();
    if (frame === undefined) return false;
    this.#heldBytes -= frame.payload.length;
    this.#share(exchange, frame.payload.length);
    this.append(exchange, frame.flags | Flag.RESP, frame.status, frame.payload, true);
    return true;
  }

  /** Notes whose payload is collected next. */
  #share(exchange: Exchange, bytes: number): void {
    const last = this.#collected.at(-1);
    if (last?.exchange === exchange) last.bytes += bytes;
    else this.#collected.push({ exchange, bytes });
  }

  #write(bytes: number): void {
    this.#metrics.bytesOut += bytes;
    const shares = this.#collected;
    if (shares.length > 0) this.#collected = [];
    if (!this.#transport.write(this.#writer.take())) {
      this.#unsentBytes = bytes;
      this.#leaving = shares;
      return;
    }
    this.#writer.recycle();
    tellSent(shares);
    // So much was congestion, and since all of it left at once no drain will tell those who were turned away.
    if (bytes >= WRITE_PAUSE_BYTES) setImmediate(this.#onRoom);
  }

  readonly #onRoom = (): void => {
    this.#host.onRoom();
  };

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#flushQueue.add(this);
  }
}

function tellSent(shares: readonly Share[]): void {
  for (const { exchange, bytes } of shares) exchange.sent(bytes);
}
