/**
 * The seam for compressed payloads (specs/oap-1.md §11). The kernel guards what
 * goes in; who implements this bounds what comes out.
 */
export interface PayloadCodec {
  /**
   * The content of one zstd frame that passed the guard.
   *
   * @param contentBytes size the frame promised; the result has exactly this many bytes
   * @throws OapError comp_malformed
   */
  decompress(bytes: Uint8Array, contentBytes: number): Uint8Array;
  /** One zstd frame that a guard would accept, or `undefined` when compressing does not help. */
  compress(bytes: Uint8Array): Uint8Array | undefined;
}
