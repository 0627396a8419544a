import type { FrameAddress, FrameHeader } from '../wire/header.ts';
import { Flag, KIND_MASK } from '../wire/header.ts';
import type { Exchange } from './exchange.ts';

/** COMP and APP_E2E exclude each other (specs/oap-1.md §11.6). */
export function isCompressedCiphertext(flags: number): boolean {
  return (flags & (Flag.COMP | Flag.APP_E2E)) === (Flag.COMP | Flag.APP_E2E);
}

/** Whether a continuation repeats what the START frame of its message said. */
export function belongsTo(header: FrameHeader, exchange: Exchange): boolean {
  return (
    header.app === exchange.app &&
    header.code === exchange.code &&
    header.tenant0 === exchange.tenant0 &&
    header.tenant1 === exchange.tenant1 &&
    header.tenant2 === exchange.tenant2 &&
    header.tenant3 === exchange.tenant3 &&
    ((header.flags ^ exchange.flags) & KIND_MASK) === 0
  );
}

/** An address of its own for a frame of an exchange. */
export function addressOf(exchange: Exchange): FrameAddress {
  const { app, tenant0, tenant1, tenant2, tenant3, corrHi, corrLo } = exchange;
  return { app, tenant0, tenant1, tenant2, tenant3, corrHi, corrLo };
}
