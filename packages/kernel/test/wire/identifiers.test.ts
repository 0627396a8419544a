import fc from 'fast-check';
import t from 'tap';
import { createHeader } from '../../src/wire/header.ts';
import { corrToBigInt, corrToText, parseTenant, setCorr, tenantToHex } from '../../src/wire/identifiers.ts';
import type { TenantWords } from '../../src/wire/identifiers.ts';
import { anyCorrId, anyTenant, holds } from './frame-samples.ts';

void t.test('a tenant is four signed words, most significant first', (t) => {
  t.strictSame(parseTenant('00000001 7fffffff 80000000 ffffffff'.replaceAll(' ', '')), {
    tenant0: 1,
    tenant1: 2 ** 31 - 1,
    tenant2: -(2 ** 31),
    tenant3: -1,
  });
  t.strictSame(parseTenant('ABCDEFabcdef00112233445566778899'), parseTenant('abcdefABCDEF00112233445566778899'), 'either case');
  t.equal(tenantToHex({ tenant0: 0, tenant1: 10, tenant2: -1, tenant3: -(2 ** 31) }), '000000000000000affffffff80000000');
  for (const digit of [0, 7, 15, 23, 31]) {
    const other = `${'0'.repeat(digit)}1${'0'.repeat(31 - digit)}`;
    for (const hex of [other, '0'.repeat(32), other, other]) t.equal(tenantToHex(parseTenant(hex) as TenantWords), hex, 'whichever was before');
  }
  t.end();
});

void t.test('what is not 32 hexadecimal digits is no tenant', (t) => {
  const digits = '0123456789abcdef0123456789abcde';
  for (const text of ['', digits, `${digits}f0`, `${digits}g`, `${digits} `, `-${digits}`, `0x${digits.slice(1)}`, `${digits}f\n`]) {
    t.equal(parseTenant(text), undefined, JSON.stringify(text));
  }
  t.end();
});

void t.test('a corr_id is two signed words that stand for an unsigned number', (t) => {
  const cases: readonly (readonly [bigint, number, number])[] = [
    [0n, 0, 0],
    [1n, 0, 1],
    [2n ** 31n, 0, -(2 ** 31)],
    [2n ** 32n - 1n, 0, -1],
    [2n ** 32n, 1, 0],
    [2n ** 53n + 1n, 2 ** 21, 1],
    [2n ** 63n, -(2 ** 31), 0],
    [2n ** 64n - 1n, -1, -1],
  ];
  for (const [corrId, corrHi, corrLo] of cases) {
    const header = createHeader();
    setCorr(header, corrId);
    t.strictSame([header.corrHi, header.corrLo], [corrHi, corrLo], `${corrId} in words`);
    t.equal(corrToBigInt({ corrHi, corrLo }), corrId, `${corrId} from words`);
    t.equal(corrToText(corrHi, corrLo), corrId.toString(), `${corrId} as text`);
  }
  t.end();
});

void t.test('all 64 and 128 bits survive', (t) => {
  const property = fc.property(anyCorrId, anyTenant, (corrId, tenant) => {
    const header = createHeader();
    setCorr(header, corrId);
    const words = parseTenant(tenant);
    return corrToBigInt(header) === corrId && words !== undefined && tenantToHex(words) === tenant;
  });
  holds(t, property, 5_000);
  t.end();
});
