import { encode } from '@msgpack/msgpack';
import t from 'tap';
import { APP_CONTROL, ControlOp, CREDIT_BYTES, decodeGoAway, decodeRevoked, encodeCredit, encodeGoAway, encodeRevoked, Status } from '../../src/wire/control.ts';
import { bytesOf, hexOf } from './frame-samples.ts';

void t.test('operations and status codes are those of the specification', (t) => {
  t.equal(APP_CONTROL, 0);
  t.strictSame(ControlOp, { HELLO: 0, PING: 1, GOAWAY: 2, CANCEL: 3, CREDIT: 4, REVOKED: 5 });
  t.strictSame(Object.values(Status), [200, 202, 206, 400, 401, 403, 404, 408, 409, 413, 429, 500, 503, 504, 507]);
  t.end();
});

void t.test('a CREDIT is four bytes and at most 2^32 - 1', (t) => {
  const cases: readonly (readonly [number, string])[] = [
    [0, '00000000'],
    [1, '00000001'],
    [1_048_576, '00100000'],
    [0xffff_ffff, 'ffffffff'],
    [2 ** 32, 'ffffffff'],
    [Number.MAX_SAFE_INTEGER, 'ffffffff'],
  ];
  for (const [bytes, hex] of cases) t.equal(hexOf(encodeCredit(bytes)), hex, String(bytes));
  t.equal(encodeCredit(1).length, CREDIT_BYTES);
  t.end();
});

void t.test('a GOAWAY by hand, and back', (t) => {
  const bytes = bytesOf('82 a6 726561736f6e a8 73687574646f776e a8 647261696e5f6d73 cd 61a8');
  t.equal(hexOf(encodeGoAway({ reason: 'shutdown', drainMs: 25_000 })), hexOf(bytes));
  t.strictSame(decodeGoAway(bytes), { reason: 'shutdown', drainMs: 25_000 });
  t.end();
});

void t.test('a GOAWAY that cannot be read is still one', (t) => {
  const unreadable = { reason: 'draining', drainMs: 0 };
  for (const payload of [bytesOf(''), bytesOf('c1'), bytesOf('90'), bytesOf('80'), bytesOf('dd 01ffffff')]) {
    t.strictSame(decodeGoAway(payload), unreadable, hexOf(payload));
  }
  for (const drain_ms of [-1, Infinity, Number.NaN, 1.5, '5', null]) {
    t.strictSame(decodeGoAway(encode({ reason: 1, drain_ms })), unreadable, String(drain_ms));
  }
  const whole = encodeGoAway({ reason: 'shutdown', drainMs: 25_000 });
  for (let length = 0; length < whole.length; length++) t.strictSame(decodeGoAway(whole.subarray(0, length)), unreadable);
  t.end();
});

void t.test('a REVOKED by hand, and back', (t) => {
  const bytes = bytesOf('81 ae 7265766f636174696f6e5f736571 2a');
  t.equal(hexOf(encodeRevoked(42)), hexOf(bytes));
  t.equal(decodeRevoked(bytes), 42);
  t.equal(decodeRevoked(encodeRevoked(Number.MAX_SAFE_INTEGER)), Number.MAX_SAFE_INTEGER);
  for (const revocation_seq of [-1, 1.5, Infinity, '1', null, undefined, 2 ** 53]) {
    t.equal(decodeRevoked(encode({ revocation_seq })), undefined, String(revocation_seq));
  }
  for (let length = 0; length < bytes.length; length++) t.equal(decodeRevoked(bytes.subarray(0, length)), undefined);
  t.end();
});
