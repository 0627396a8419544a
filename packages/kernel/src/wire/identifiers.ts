import type { FrameHeader } from './header.ts';

/** The four words of a tenant_id, most significant first, each a signed 32-bit integer. */
export interface TenantWords {
  tenant0: number;
  tenant1: number;
  tenant2: number;
  tenant3: number;
}

/** The tenant that was written last: the next request is most likely of the same. */
let last: TenantWords = { tenant0: 0, tenant1: 0, tenant2: 0, tenant3: 0 };
let lastHex = '0'.repeat(32);

/** A 128-bit tenant_id as 32 lower-case hex digits. */
export function tenantToHex({ tenant0, tenant1, tenant2, tenant3 }: TenantWords): string {
  const isLast = tenant3 === last.tenant3 && tenant2 === last.tenant2 && tenant1 === last.tenant1 && tenant0 === last.tenant0;
  if (isLast) return lastHex;
  last = { tenant0, tenant1, tenant2, tenant3 };
  lastHex = wordToHex(tenant0) + wordToHex(tenant1) + wordToHex(tenant2) + wordToHex(tenant3);
  return lastHex;
}

/** Words of a tenant_id given as 32 hex digits; `undefined` when it is not that. */
export function parseTenant(hex: string): TenantWords | undefined {
  if (!/^[0-9a-fA-F]{32}$/.test(hex)) return undefined;
  return {
    tenant0: Number.parseInt(hex.slice(0, 8), 16) | 0,
    tenant1: Number.parseInt(hex.slice(8, 16), 16) | 0,
    tenant2: Number.parseInt(hex.slice(16, 24), 16) | 0,
    tenant3: Number.parseInt(hex.slice(24, 32), 16) | 0,
  };
}

/** A corr_id as the unsigned 64-bit number it is. */
export function corrToBigInt(corr: Pick<FrameHeader, 'corrHi' | 'corrLo'>): bigint {
  return (BigInt(corr.corrHi >>> 0) << 32n) | BigInt(corr.corrLo >>> 0);
}

/** A corr_id in decimal, as logs and errors show it. */
export function corrToText(corrHi: number, corrLo: number): string {
  return corrToBigInt({ corrHi, corrLo }).toString();
}

/** Sets the corr_id of a header from an unsigned 64-bit number; higher bits are cut off. */
export function setCorr(header: FrameHeader, corrId: bigint): void {
  header.corrHi = Number(BigInt.asIntN(32, corrId >> 32n));
  header.corrLo = Number(BigInt.asIntN(32, corrId));
}

function wordToHex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
