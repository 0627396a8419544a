import { FRAME_BYTES_MAX, HEADER_BYTES, PARTIAL_FRAME_BYTES_INITIAL } from '../limits.ts';
import { copyBytes } from './copy-bytes.ts';
import { createHeader, headerReject, lengthReject, Offset, readHeader, VERSION } from './header.ts';
import type { FrameHeader } from './header.ts';
import { Reject } from './reject.ts';

const NOTHING = new Uint8Array(0);
const NO_VIEW = new DataView(NOTHING.buffer);
/** Where a header that came in pieces is read from. */
const scratch = new DataView(new ArrayBuffer(HEADER_BYTES));
const scratchBytes = new Uint8Array(scratch.buffer);
/** The view made last: connections share one read buffer, and a view costs as much as eight frames. */
let viewed: Uint8Array = NOTHING;
let view: DataView = NO_VIEW;

function viewOf(bytes: Uint8Array): DataView {
  if (bytes !== viewed) {
    view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    viewed = bytes;
  }
  return view;
}

/**
 * Cuts a byte stream into frames, whatever the sizes of the chunks.
 *
 * Pull style: `feed()` lends a chunk, then each `next()` that returns true has
 * put one frame into the public fields, which hold until the following `next()`.
 * A frame that lies whole in the chunk is handed out where it lies; one that is
 * cut is assembled in a buffer of its own (`owned`), which the decoder never
 * touches again. A bad length is refused on its fourth byte, a bad version on
 * its sixth and any other fault on the last byte of the header, before a byte of
 * the body is kept (specs/oap-1.md §3.3).
 *
 * Call `next()` until it returns false before lending the next chunk, or
 * `detach()` to keep the rest of a chunk whose memory is about to be reused. A
 * decoder whose `next()` returned false holds nothing but the bytes of the
 * frame that is not complete yet.
 */
export class FrameDecoder {
  /** Header of the current frame; overwritten by the next one. After a reject, its `len` is what the frame claimed. */
  readonly header: FrameHeader = createHeader();
  /** Memory the current frame lies in. */
  buffer: Uint8Array = NOTHING;
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
  readonly #partialBytesInitial: number;
  #chunk: Uint8Array = NOTHING;
  #chunkView: DataView = NO_VIEW;
  #at = 0;
  #end = 0;
  /** The incomplete frame: its first bytes, how many there are, and its length once that is known to be good. */
  #partial: Uint8Array = NOTHING;
  #partialBytes = 0;
  #partialLength = 0;

  /**
   * @param frameBytesMax longest frame accepted, bytes, header included
   * @param partialBytesInitial reserved at once for a frame that comes in pieces, if it claims to be so long
   */
  constructor(frameBytesMax: number = FRAME_BYTES_MAX, partialBytesInitial: number = PARTIAL_FRAME_BYTES_INITIAL) {
    this.#frameBytesMax = frameBytesMax;
    this.#partialBytesInitial = partialBytesInitial;
  }

  /** Longest frame accepted from now on, bytes. */
  set frameBytesMax(bytes: number) {
    this.#frameBytesMax = bytes;
  }

  /** A view of all of `buffer`. */
  get view(): DataView {
    return viewOf(this.buffer);
  }

  /** Bytes kept of a frame that is not complete yet; 0 between frames. */
  get partialBytes(): number {
    return this.#partialBytes;
  }

  /** Whole length of the incomplete frame, 0 while its header is incomplete. */
  get partialLength(): number {
    return this.#partialLength;
  }

  /** Bytes reserved for the incomplete frame; 0 between frames. */
  get partialCapacity(): number {
    return this.#partial.length;
  }

  /** Bytes lent and not yet looked at. */
  get unreadBytes(): number {
    return this.#end - this.#at;
  }

  /** Lends `chunk[0..bytes)`; it must stay unchanged until `next()` is false or `detach()`. */
  feed(chunk: Uint8Array, bytes: number = chunk.length): void {
    if (this.#at !== this.#end) throw new Error('feed() before the last chunk was drained');
    this.#chunk = chunk;
    if (bytes >= HEADER_BYTES) this.#chunkView = viewOf(chunk);
    this.#at = 0;
    this.#end = bytes;
  }

  /** Copies what is left of the lent chunk, so that its memory, the current frame included, can be reused. */
  detach(): void {
    const rest = new Uint8Array(this.unreadBytes);
    rest.set(this.#chunk.subarray(this.#at, this.#end));
    this.#pause();
    this.feed(rest);
  }

  /** Puts the next frame into the public fields; false when more bytes are needed, or on a reject. */
  next(): boolean {
    if (this.reject !== undefined) return this.#pause();
    const at = this.#at;
    const available = this.#end - at;
    if (this.#partialBytes !== 0 || available < HEADER_BYTES) return this.#assemble();
    const header = this.header;
    readHeader(this.#chunkView, at, header);
    const reject = headerReject(header, this.#frameBytesMax);
    if (reject !== undefined) return this.#refuse(reject);
    if (header.len > available) {
      this.#partialLength = header.len;
      return this.#assemble();
    }
    this.buffer = this.#chunk;
    this.owned = false;
    this.#place(at, header);
    this.#at = this.payloadEnd;
    return true;
  }

  #place(at: number, header: FrameHeader): void {
    this.capStart = at + HEADER_BYTES;
    this.payloadStart = at + HEADER_BYTES + header.capLen;
    this.payloadEnd = at + header.len;
  }

  /** Nothing to hand out: lets go of the lent chunk and of the frame before. */
  #pause(): false {
    this.#chunk = NOTHING;
    this.#chunkView = NO_VIEW;
    this.#at = 0;
    this.#end = 0;
    this.buffer = NOTHING;
    return false;
  }

  #refuse(reject: Reject): false {
    this.reject = reject;
    this.#keep(NOTHING, 0, 0);
    return this.#pause();
  }

  #keep(partial: Uint8Array, bytes: number, length: number): void {
    this.#partial = partial;
    this.#partialBytes = bytes;
    this.#partialLength = length;
  }

  /** Goes on with a frame that does not lie whole in the chunk. */
  #assemble(): boolean {
    if (this.#partialLength === 0) {
      if (this.#at === this.#end) return this.#pause();
      if (this.#partialBytes === 0) this.#partial = new Uint8Array(HEADER_BYTES);
      this.#take(HEADER_BYTES);
      const reject = this.#judgeHead();
      if (reject !== undefined) return this.#refuse(reject);
      if (this.#partialBytes < HEADER_BYTES) return this.#pause();
      this.#partialLength = this.header.len;
    }
    const length = this.#partialLength;
    this.#reserve(Math.min(length, this.#partialBytes + this.unreadBytes));
    this.#take(length);
    if (this.#partialBytes < length) return this.#pause();
    this.buffer = this.#partial;
    this.owned = true;
    this.#place(0, this.header);
    this.#keep(NOTHING, 0, 0);
    return true;
  }

  /** Judges as much of the header as there is, and reads it once it is whole. */
  #judgeHead(): Reject | undefined {
    const bytes = this.#partialBytes;
    scratchBytes.set(this.#partial);
    if (bytes >= HEADER_BYTES) {
      readHeader(scratch, 0, this.header);
      return headerReject(this.header, this.#frameBytesMax);
    }
    if (bytes >= 4) this.header.len = scratch.getUint32(Offset.LEN);
    const badLength = bytes >= 4 ? lengthReject(this.header.len, this.#frameBytesMax) : undefined;
    if (badLength !== undefined) return badLength;
    return bytes >= 6 && scratch.getUint16(Offset.VER) !== VERSION ? Reject.bad_version : undefined;
  }

  /** Makes room for `bytes` of the frame: memory follows the bytes that came, not the length that was claimed. */
  #reserve(bytes: number): void {
    const partial = this.#partial;
    if (partial.length >= bytes) return;
    const roomy = Math.max(bytes, partial.length * 2, this.#partialBytesInitial);
    const grown = new Uint8Array(bytes > HEADER_BYTES ? Math.min(this.#partialLength, roomy) : HEADER_BYTES);
    copyBytes(partial, 0, this.#partialBytes, grown, 0);
    this.#partial = grown;
  }

  /** Moves lent bytes into `#partial` until it holds `upTo`. */
  #take(upTo: number): void {
    const from = this.#at;
    const end = from + Math.min(upTo - this.#partialBytes, this.unreadBytes);
    copyBytes(this.#chunk, from, end, this.#partial, this.#partialBytes);
    this.#at = end;
    this.#partialBytes += end - from;
  }
}
