import { OapError, Reject } from '@omnigate/kernel/wire';
import { MAILBOX_RECORD_BYTES_MAX } from '../limits.ts';

const LENGTH_BYTES = 4;

/** Cuts the payload of a subscription, which comes in pieces of any size, into its records (specs/mailbox-1.md §7.1). */
export class RecordReader {
  readonly #length = new Uint8Array(LENGTH_BYTES);
  #lengthBytes = 0;
  /** The record that is incomplete; undefined while its length is. */
  #record: Uint8Array | undefined;
  #recordBytes = 0;

  /**
   * Takes the next bytes and calls `onRecord` for every record that they
   * complete. A record is a view of `bytes` where it lies in there as a whole.
   *
   * @throws OapError bad_response when a record is longer than any may be
   */
  push(bytes: Uint8Array, onRecord: (record: Uint8Array) => void): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#record === undefined) {
        at = this.#readLength(bytes, at);
        if (this.#lengthBytes < LENGTH_BYTES) return;
        const length = lengthOf(this.#length);
        if (length <= bytes.length - at) {
          this.#lengthBytes = 0;
          onRecord(bytes.subarray(at, at + length));
          at += length;
          continue;
        }
        this.#record = new Uint8Array(length);
      }
      const record = this.#record;
      const taken = Math.min(record.length - this.#recordBytes, bytes.length - at);
      record.set(bytes.subarray(at, at + taken), this.#recordBytes);
      this.#recordBytes += taken;
      at += taken;
      if (this.#recordBytes < record.length) return;
      this.#record = undefined;
      this.#recordBytes = 0;
      this.#lengthBytes = 0;
      onRecord(record);
    }
  }

  #readLength(bytes: Uint8Array, start: number): number {
    let at = start;
    while (this.#lengthBytes < LENGTH_BYTES && at < bytes.length) this.#length[this.#lengthBytes++] = bytes[at++] as number;
    return at;
  }
}

function lengthOf(bytes: Uint8Array): number {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  if (length > MAILBOX_RECORD_BYTES_MAX) {
    const message = `The mailbox sent a record of ${length} bytes; one has ${MAILBOX_RECORD_BYTES_MAX} at most.`;
    throw new OapError(Reject.bad_response, { message });
  }
  return length;
}
