import * as zlib from 'node:zlib';
import { compressUsingDict, createCCtx, createDCtx, decompressUsingDict, init } from '@bokuweb/zstd-wasm';
import type { PayloadCodec } from '@omnigate/kernel';
import { checkCompressed, COMPRESSION_LIMITS, OapError, Reject } from '@omnigate/kernel/wire';

/** Fast, and its window of 512 KiB stays within the profile whatever the payload's size. */
const LEVEL = 1;
/** A payload has to shrink to this fraction to be worth the receiver's work. */
const SIZE_FRACTION_MAX = 0.9;
/** The first use compiles the WASM functions, which must not be on a peer's time. */
const WARM_UP_BYTES = 4_096;
const NO_DICTIONARY = new Uint8Array(0);

type Encode = (bytes: Uint8Array) => Uint8Array;
type Decode = (bytes: Uint8Array) => Uint8Array;

/** What node:zlib has from Node 22.15 on. */
interface ZlibWithZstd {
  readonly constants: { readonly ZSTD_c_compressionLevel: number };
  readonly zstdCompressSync: (bytes: Uint8Array, options: { params: Record<number, number> }) => Uint8Array;
}

/** Settings of the codec. */
export interface ZstdCodecOptions {
  /** Compress with the zstd of node:zlib where this Node has one; true unless told otherwise. */
  readonly useZlib?: boolean;
}

/**
 * The codec for COMP payloads (specs/oap-1.md §11).
 *
 * Peers' bytes are decoded by libzstd as WASM on every Node: a fault in it stays
 * in its sandbox, its memory is flat however many frames are bad, and up to 4 KiB
 * it is two to four times as fast as node:zlib, whose decoder is twice as fast
 * above 64 KiB but keeps its context, 100 KB, of each frame it refuses until the
 * event loop turns. Our own bytes are compressed by node:zlib where it can.
 */
export async function createZstdCodec({ useZlib = true }: ZstdCodecOptions = {}): Promise<PayloadCodec> {
  const wasm = await loadWasm();
  const encode = (useZlib ? zlibEncoder() : undefined) ?? wasm.encode;
  const sample = new Uint8Array(WARM_UP_BYTES);
  decompress(wasm.decode, encode(sample), sample.length);
  return {
    decompress: (bytes, contentBytes) => decompress(wasm.decode, bytes, contentBytes),
    compress: (bytes) => compress(encode, bytes),
  };
}

/** libzstd allocates the content size the guard has seen, writes no more, and compares checksums. */
function decompress(decode: Decode, bytes: Uint8Array, contentBytes: number): Uint8Array {
  let content: Uint8Array;
  try {
    content = decode(bytes);
  } catch (cause) {
    throw new OapError(Reject.comp_malformed, { message: 'The compressed payload does not decode.', cause });
  }
  if (content.length === contentBytes) return content;
  throw new OapError(Reject.comp_malformed, {
    message: `The compressed payload promised ${contentBytes} bytes and decodes to ${content.length}.`,
  });
}

function compress(encode: Encode, bytes: Uint8Array): Uint8Array | undefined {
  const frame = encode(bytes);
  if (frame.length > bytes.length * SIZE_FRACTION_MAX) return undefined;
  if (bytes.length > frame.length * COMPRESSION_LIMITS.ratioMax) return undefined;
  const verdict = checkCompressed(frame, 0, frame.length, COMPRESSION_LIMITS);
  return verdict === bytes.length ? frame : undefined;
}

function zlibEncoder(): Encode | undefined {
  if (!('zstdCompressSync' in zlib)) return undefined;
  const { constants, zstdCompressSync } = zlib as unknown as ZlibWithZstd;
  const options = { params: { [constants.ZSTD_c_compressionLevel]: LEVEL } };
  return (bytes) => zstdCompressSync(bytes, options);
}

let wasm: Promise<{ encode: Encode; decode: Decode }> | undefined;

/**
 * The one instance of this process, read from its package and never fetched.
 * init() must not be called again: it would take the memory away from functions
 * that were already used. The contexts are kept for good, which saves allocating
 * up to 1.5 MiB in each call; libzstd resets them at the start of a frame.
 */
function loadWasm(): Promise<{ encode: Encode; decode: Decode }> {
  wasm ??= init().then(() => {
    const decoder = createDCtx();
    const encoder = createCCtx();
    return {
      decode: (bytes) => decompressUsingDict(decoder, bytes, NO_DICTIONARY),
      encode: (bytes) => compressUsingDict(encoder, bytes, NO_DICTIONARY, LEVEL),
    };
  });
  return wasm;
}
