import { FRAME_BYTES_MAX, HEADER_BYTES, PARTIAL_FRAME_BYTES_INITIAL } from '../limits.ts';
import { createHeader, headerReject, lengthReject, readHeader, VERSION } from './header.ts';
import type { FrameHeader } from './header.ts';
import { Reject } from './reject.ts';

const NOTHING = new Uint8Array(0);
const NO_VIEW = new DataView(NOTHING.buffer);

/**
 * Cuts a byte stream into frames, whatever the sizes of the chunks.
 *
 * Pull style: `feed()` lends a chunk, then each `next()` that returns true has
 * put one frame into the public fields. A frame that lies whole in the chunk is
 * handed out where it lies; one that is cut is assembled in a buffer of its own
 * (`owned`), which the decoder never touches again. A bad length is refused on
 * its fourth byte and any other fault on the last of the header, before a byte
 * of the body is kept (specs/oap-1.md §3.3).
 *
 * Call `next()` until it returns false before lending the next chunk, or
 * `detach()` to keep the rest of a chunk whose memory is about to be reused.
 */
export class FrameDecoder {
  /** Header of the current frame; overwritten by the next one. */
  readonly header: FrameHeader = createHeader();
  /** Memory the current frame lies in, and a view of all of it. */
  buffer: Uint8Array = NOTHING;
  view: DataView = NO_VIEW;
  /** Where in `buffer` the capability starts (the payload does when there is none). */
  capStart = 0;
  /** Where in `buffer` the payload starts and the frame ends. */
  payloadStart = 0;
  payloadEnd = 0;
  /** True when `buffer` belongs to this frame alone and may be kept without a copy. */
  owned = false;
  /** Why decoding stopped for good; `next()` returns false from then on. */
  reject: Reject | undefined;

  #frameBytesMax: number;
  #chunk: Uint8Array = NOTHING;
  #chunkView: DataView = NO_VIEW;
  #at = 0;
  #end = 0;
  #partial: Uint8Array | undefined;
  #partialBytes = 0;
  #partialLength = 0;

  /** @param frameBytesMax longest frame accepted, bytes, header included */
  constructor(frameBytesMax: number = FRAME_BYTES_MAX) {
    this.#frameBytesMax = frameBytesMax;
  }

  /** Longest frame accepted from now on, bytes. */
  set frameBytesMax(bytes: number) {
    this.#frameBytesMax = bytes;
  }

  /** Bytes kept of a frame that is not complete yet; 0 between frames. */
  get partialBytes(): number {
    return this.#partialBytes;
  }

  /** Whole length of the incomplete frame, 0 while its header is incomplete. */
  get partialLength(): number {
    return this.#partialLength;
  }

  /** Bytes lent and not yet looked at. */
  get unreadBytes(): number {
    return this.#end - this.#at;
  }

  /** Lends `chunk[0..bytes)`; it must stay unchanged until `next()` is false or `detach()`. */
  feed(chunk: Uint8Array, bytes: number = chunk.length): void {
    if (this.#at !== this.#end) throw new Error('feed() before the last chunk was drained');
    if (chunk !== this.#chunk) {
      this.#chunk = chunk;
      this.#chunkView = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    }
    this.#at = 0;
    this.#end = bytes;
  }

  /** Copies what is left of the lent chunk, so that its memory can be reused. */
  detach(): void {
    const rest = this.#chunk.slice(this.#at, this.#end);
    this.#at = this.#end;
    this.feed(rest);
  }

  /** Puts the next frame into the public fields; false when more bytes are needed, or on a reject. */
  next(): boolean {
    if (this.reject !== undefined) return false;
    if (this.#partial !== undefined) return this.#nextFromPartial();
    const at = this.#at;
    const available = this.#end - at;
    if (available < HEADER_BYTES) return available === 0 ? false : this.#nextFromPartial();
    const header = this.header;
    readHeader(this.#chunkView, at, header);
    const reject = headerReject(header, this.#frameBytesMax);
    if (reject !== undefined) return this.#refuse(reject);
    if (header.len > available) return this.#nextFromPartial();
    this.buffer = this.#chunk;
    this.view = this.#chunkView;
    this.owned = false;
    this.capStart = at + HEADER_BYTES;
    this.payloadStart = at + HEADER_BYTES + header.capLen;
    this.payloadEnd = at + header.len;
    this.#at = this.payloadEnd;
    return true;
  }

  #refuse(reject: Reject): false {
    this.reject = reject;
    this.#at = this.#end;
    this.#partial = undefined;
    this.#partialBytes = 0;
    return false;
  }

  #nextFromPartial(): boolean {
    let partial = (this.#partial ??= new Uint8Array(HEADER_BYTES));
    if (this.#partialLength === 0) {
      this.#take(partial, HEADER_BYTES);
      const reject = this.#headReject(partial);
      if (reject !== undefined) return this.#refuse(reject);
      if (this.#partialBytes < HEADER_BYTES) return false;
      this.#partialLength = this.header.len;
    }
    const length = this.#partialLength;
    const wanted = Math.min(length, this.#partialBytes + this.unreadBytes);
    if (partial.length < wanted) partial = this.#grow(partial, wanted, length);
    this.#take(partial, length);
    if (this.#partialBytes < length) return false;
    this.#partial = undefined;
    this.#partialBytes = 0;
    this.#partialLength = 0;
    this.buffer = partial;
    this.view = new DataView(partial.buffer, partial.byteOffset, partial.byteLength);
    this.owned = true;
    this.capStart = HEADER_BYTES;
    this.payloadStart = HEADER_BYTES + this.header.capLen;
    this.payloadEnd = length;
    return true;
  }

  /** Moves lent bytes into `partial` until it holds `upTo`. */
  #take(partial: Uint8Array, upTo: number): void {
    const bytes = Math.min(upTo - this.#partialBytes, this.unreadBytes);
    partial.set(this.#chunk.subarray(this.#at, this.#at + bytes), this.#partialBytes);
    this.#at += bytes;
    this.#partialBytes += bytes;
  }

  /** Judges as much of the header as there is. */
  #headReject(partial: Uint8Array): Reject | undefined {
    const view = new DataView(partial.buffer, partial.byteOffset, partial.byteLength);
    if (this.#partialBytes >= HEADER_BYTES) {
      readHeader(view, 0, this.header);
      return headerReject(this.header, this.#frameBytesMax);
    }
    if (this.#partialBytes >= 4) {
      const reject = lengthReject(view.getUint32(0), this.#frameBytesMax);
      if (reject !== undefined) return reject;
    }
    if (this.#partialBytes >= 6 && view.getUint16(4) !== VERSION) return Reject.bad_version;
    return undefined;
  }

  /** Memory follows the bytes that came, not the length that was claimed. */
  #grow(partial: Uint8Array, wanted: number, length: number): Uint8Array {
    const capacity = Math.max(wanted, partial.length * 2, PARTIAL_FRAME_BYTES_INITIAL);
    const grown = new Uint8Array(Math.min(length, capacity));
    grown.set(partial.subarray(0, this.#partialBytes));
    this.#partial = grown;
    return grown;
  }
}
