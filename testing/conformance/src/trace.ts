import { TRACE_BYTES_SHOWN, TRACE_FRAMES_MAX } from './bounds.ts';
import { decodeFrame, describeFrame, faultOf, HEADER_BYTES } from './wire/frame.ts';

const ROW_BYTES = 16;

/** What went over the connections of one case, for people. */
export class Trace {
  readonly #lines: string[] = [];
  #left = TRACE_FRAMES_MAX;

  /** Bytes as they were written or read. */
  bytes(direction: '>' | '<', bytes: Buffer): void {
    if (this.#left === 0) return;
    this.#left -= 1;
    this.#lines.push(`${direction} ${summaryOf(bytes)}`);
    for (let at = 0; at < Math.min(bytes.length, TRACE_BYTES_SHOWN); at += ROW_BYTES) {
      const row = bytes.subarray(at, Math.min(at + ROW_BYTES, TRACE_BYTES_SHOWN));
      this.#lines.push(`    ${at.toString(16).padStart(4, '0')}  ${row.toString('hex').replace(/..(?=.)/g, '$& ')}`);
    }
    if (bytes.length > TRACE_BYTES_SHOWN) this.#lines.push(`    ... ${bytes.length - TRACE_BYTES_SHOWN} more bytes`);
    if (this.#left === 0) this.#lines.push('... what followed is not shown');
  }

  note(text: string): void {
    if (this.#left > 0) this.#lines.push(`- ${text}`);
  }

  get lines(): readonly string[] {
    return this.#lines;
  }
}

function summaryOf(bytes: Buffer): string {
  const len = bytes.length >= HEADER_BYTES ? bytes.readUInt32BE(0) : undefined;
  return len === bytes.length && faultOf(bytes, len) === undefined ? describeFrame(decodeFrame(bytes)) : `${bytes.length} bytes`;
}
