import { decode, encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import t from 'tap';
import { ERROR_TEXT_CHARS_MAX } from '../../src/limits.ts';
import { decodeErrorBody, encodeError, encodeErrorBody } from '../../src/wire/error-body.ts';
import { OapError } from '../../src/wire/oap-error.ts';
import { defineReject, Reject, rejectByReason } from '../../src/wire/reject.ts';
import { bytesOf, hexOf, holds } from './frame-samples.ts';

void t.test('a body by hand, and back', (t) => {
  const reject = defineReject('inflight', 429, true, 'K', 'Wait.');
  const body = bytesOf(
    '84 a6 726561736f6e a8 696e666c69676874 a7 6d657373616765 a4 46756c6c',
    'ae 72657472795f61667465725f6d73 cd 03e8 a6 64657461696c 81 a5 6c696d6974 cd 0400',
  );
  t.equal(hexOf(encodeErrorBody(reject, { message: 'Full', retryAfterMs: 1_000, detail: { limit: 1_024 } })), hexOf(body));
  const error = decodeErrorBody(429, body, '7');
  t.match(error, { reason: 'inflight', status: 429, retryable: true, origin: 'remote', corrId: '7', retryAfterMs: 1_000, detail: { limit: 1_024 } });
  t.match(error.message, /^Full .*corr_id 7/);
  t.end();
});

void t.test('every reason of the table comes back as itself', (t) => {
  for (const [name, reject] of Object.entries(Reject)) {
    const body = encodeErrorBody(reject);
    t.strictSame(decode(body), { reason: name, message: reject.fix }, `${name}: no other field, and the fix for people`);
    const error = decodeErrorBody(reject.status, body, '1');
    t.strictSame([error.reason, error.status, error.retryable, error.origin], [name, reject.status, reject.retryable, 'remote']);
    t.ok(error.message.includes(reject.fix) && error.message.split(reject.fix).length === 2, `${name}: the fix is said once`);
  }
  t.end();
});

void t.test('a reason nobody knows keeps its name and is judged by its status', (t) => {
  const verdicts: readonly (readonly [number, boolean])[] = [[400, false], [404, false], [429, true], [499, false], [500, false], [503, true], [504, false]];
  for (const [status, retryable] of verdicts) {
    const error = decodeErrorBody(status, encode({ reason: 'tomorrow', message: 'Later.' }), '1');
    t.strictSame([error.reason, error.status, error.retryable], ['tomorrow', status, retryable]);
  }
  const moved = decodeErrorBody(503, encode({ reason: 'internal', message: 'x' }), '1');
  t.strictSame([moved.reason, moved.status, moved.retryable], ['internal', 503, true], 'a known reason with another status as well');
  t.end();
});

void t.test('a body that says no reason is a bad response', (t) => {
  const bodies: readonly (readonly [string, Uint8Array])[] = [
    ['nothing', bytesOf('')],
    ['nil', bytesOf('c0')],
    ['an array', bytesOf('90')],
    ['a string', encode('internal')],
    ['an empty map', bytesOf('80')],
    ['JSON', new TextEncoder().encode('{"reason":"internal"}')],
    ['a number for a reason', encode({ reason: 5 })],
    ['binary for a reason', encode({ reason: new Uint8Array(3) })],
    ['an empty reason', encode({ reason: '' })],
    ['a reason with a line break', encode({ reason: 'internal\nlevel=error' })],
    ['a reason with an escape sequence', encode({ reason: '\u001b[2J' })],
    ['a reason of a megabyte', encode({ reason: 'x'.repeat(1_000_000) })],
    ['a name of Object', encode({ reason: 'toString' })],
    ['a byte behind', bytesOf(hexOf(encode({ reason: 'internal' })), '00')],
    ['an array of 33,554,431', bytesOf('82 a6 726561736f6e a8 696e7465726e616c a6 64657461696c dd 01ffffff')],
    ['the key __proto__', bytesOf('82 a6 726561736f6e a8 696e7465726e616c a9 5f5f70726f746f5f5f 80')],
  ];
  for (const [name, body] of bodies) {
    const error = decodeErrorBody(503, body, '9');
    t.strictSame([error.reason, error.origin, error.corrId, error.retryable], ['bad_response', 'remote', '9', false], name);
    t.match(error.message, /503/, `${name}: the status is told`);
  }
  const whole = encodeErrorBody(Reject.internal);
  const cut = Array.from(whole, (_, length) => decodeErrorBody(500, whole.subarray(0, length), '1').reason);
  t.strictSame(new Set(cut), new Set(['bad_response']), 'cut at every byte');
  t.end();
});

void t.test('ill-typed fields are left out', (t) => {
  for (const retry_after_ms of [-1, 1.5, Infinity, Number.NaN, '5', null, true, 2 ** 60]) {
    const error = decodeErrorBody(429, encode({ reason: 'inflight', message: 7, retry_after_ms }), '1');
    t.strictSame([error.reason, error.retryAfterMs], ['inflight', undefined], String(retry_after_ms));
    t.match(error.message, /^The node refused\. /);
  }
  t.equal(decodeErrorBody(429, encode({ reason: 'inflight', retry_after_ms: 0 }), '1').retryAfterMs, 0);
  t.end();
});

void t.test('a reason of a service brings its fix along, once, since clients do not know it', (t) => {
  const reject = defineReject('topic_lost', 404, false, 'K', 'Look for the topic.');
  const body = encodeErrorBody(reject, { message: 'No topic x.' });
  t.equal(decodeErrorBody(404, body, '1').message, 'No topic x. Look for the topic. (404 topic_lost, corr_id 1)');
  const again = new OapError(reject, { message: decodeErrorBody(404, body, '1').what ?? '' });
  t.equal(hexOf(encodeError(again)), hexOf(body), 'also when it is passed on');
  t.equal(decodeErrorBody(404, encodeErrorBody(reject), '1').message, 'Look for the topic. (404 topic_lost, corr_id 1)');
  t.end();
});

void t.test('texts are cut on both sides', (t) => {
  const long = 'x'.repeat(ERROR_TEXT_CHARS_MAX + 50);
  t.match(decode(encodeErrorBody(Reject.internal, { message: long })), { message: 'x'.repeat(ERROR_TEXT_CHARS_MAX) });
  const error = decodeErrorBody(500, encode({ reason: 'internal', message: long }), '1');
  t.equal(error.message.indexOf(' '), ERROR_TEXT_CHARS_MAX);
  t.end();
});

void t.test('an error is thrown and read alike', (t) => {
  const cause = new Error('disk');
  const error = new OapError(Reject.bad_payload, { message: 'No topic.', detail: { field: 'topic' }, cause });
  t.ok(error instanceof Error);
  t.strictSame([error.name, error.reason, error.status, error.retryable, error.origin], ['OapError', 'bad_payload', 400, false, 'local']);
  t.equal(error.message, `No topic. ${Reject.bad_payload.fix} (400 bad_payload)`);
  t.equal(error.cause, cause);
  t.notOk('cause' in new OapError(Reject.internal), 'no cause is not a cause of undefined');
  t.equal(new OapError(Reject.internal).message, `Refused. ${Reject.internal.fix} (500 internal)`);
  t.equal(OapError.from(error), error, 'an OapError stays what it is');
  for (const thrown of [cause, 'text', undefined, null, { reason: 'inflight', status: 429 }]) {
    const wrapped = OapError.from(thrown);
    t.strictSame([wrapped.reason, wrapped.cause], ['internal', thrown], 'anything else is internal, with its cause');
  }
  t.end();
});

void t.test('the table is frozen and its keys are its reasons', (t) => {
  for (const [name, reject] of Object.entries(Reject)) {
    t.equal(reject.reason, name);
    t.equal(rejectByReason(name), reject);
    t.throws(() => Object.assign(reject, { status: 200 }), TypeError);
  }
  for (const name of ['', 'nonsense', 'toString', '__proto__', 'constructor']) t.equal(rejectByReason(name), undefined, name);
  t.end();
});

void t.test('no bytes make it throw', (t) => {
  const damaged = fc.tuple(fc.nat({ max: 60 }), fc.nat({ max: 255 })).map(([at, byte]) => {
    const body = encodeErrorBody(Reject.inflight, { retryAfterMs: 100, detail: { a: [1, 2] } }).slice();
    body[at % body.length] = byte;
    return body;
  });
  const property = fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 100 })), fc.nat({ max: 0xffff }), (body, status) => {
    const error = decodeErrorBody(status, body, '1');
    return error.origin === 'remote' && (error.reason === 'bad_response' || error.status === status);
  });
  holds(t, property, 5_000);
  t.end();
});
