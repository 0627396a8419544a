export {
  CAPABILITY_BYTES_MAX,
  COMP_BLOCKS_MAX,
  COMP_RATIO_FLOOR_BYTES,
  COMP_WINDOW_BYTES_MAX,
  FRAME_BYTES_MAX,
  HEADER_BYTES,
  PREAUTH_FRAME_BYTES_MAX,
  READ_BUFFER_BYTES,
  STREAM_FRAME_BYTES,
  STREAM_WINDOW_BYTES,
} from '../limits.ts';
export { checkCompressed, COMPRESSION_LIMITS } from './compression-guard.ts';
export type { CompressionLimits } from './compression-guard.ts';
export {
  APP_CONTROL,
  ControlOp,
  CREDIT_BYTES,
  decodeGoAway,
  decodeRevoked,
  encodeCredit,
  encodeGoAway,
  encodeRevoked,
  Status,
} from './control.ts';
export type { GoAway } from './control.ts';
export { ReceiveCredit, SendCredit } from './credit.ts';
export { FrameDecoder } from './decoder.ts';
export { decodeErrorBody, encodeError, encodeErrorBody } from './error-body.ts';
export type { ErrorFields } from './error-body.ts';
export { FrameWriter, WriteBufferPool } from './frame-writer.ts';
export { decodeFrame, encodeFrame, TENANT_NONE } from './frame.ts';
export type { DecodeResult, Frame } from './frame.ts';
export { createHeader, Flag, headerReject, KIND_MASK, readHeader, VERSION, writeHeader } from './header.ts';
export type { FrameAddress, FrameHeader } from './header.ts';
export {
  decodeHelloReply,
  decodeHelloRequest,
  encodeHelloReply,
  encodeHelloRequest,
  negotiateHello,
} from './hello.ts';
export type { HelloOffer, HelloReply, HelloRequest, Negotiated } from './hello.ts';
export { corrToBigInt, corrToText, parseTenant, setCorr, tenantToHex } from './identifiers.ts';
export type { TenantWords } from './identifiers.ts';
export { decodeMap } from './messagepack.ts';
export { OapError } from './oap-error.ts';
export type { ErrorOrigin, OapErrorOptions } from './oap-error.ts';
export { defineReject, Reject, rejectByReason } from './reject.ts';
export type { Reaction } from './reject.ts';
