import { Keyring, mintCapability, tokenToText } from '@omnigate/capability';
import t from 'tap';
import { Flag, Reject } from '@omnigate/kernel/wire';
import type { OapError } from '@omnigate/kernel/wire';
import { pattern, START_END } from './fixtures/scripted-node.ts';
import { failure, isRequest, startSession, until } from './fixtures/session.ts';

const APP = 300;
const TENANT = '00112233445566778899aabbccddeeff';

await t.test('a request comes back with status, flags and a payload of its own', async (t) => {
  const [client, node] = await startSession(t);
  const payload = pattern(100);
  const reply = await client.request(APP, 7, payload, { appE2e: true });
  t.same([reply.status, reply.flags, Buffer.from(reply.payload)], [200, Flag.APP_E2E, Buffer.from(payload)]);
  const [request] = node.peer.requests;
  t.same([request?.app, request?.code, request?.flags], [APP, 7, Flag.REQ | START_END | Flag.APP_E2E]);
  await client.request(APP, 7, pattern(100, 1));
  t.same(Buffer.from(reply.payload), Buffer.from(payload), 'a later reply leaves it alone');
});

await t.test('a capability says whose it is, unless the caller does', async (t) => {
  const keyring = Keyring.create({ nowMs: Date.now() });
  const mintFor = (tenant: string): Uint8Array => mintCapability(keyring, { tenant, nowMs: Date.now() }).bytes;
  const [client, node] = await startSession(t, {}, { cap: tokenToText(mintFor(TENANT)) });
  t.equal(node.peer.frames[0]?.tenant, TENANT, 'of the HELLO');
  await client.request(APP, 0, pattern(3));
  await client.request(APP, 0, pattern(3), { cap: mintFor('b'.repeat(32)) });
  await client.request(APP, 0, pattern(3), { cap: mintFor('b'.repeat(32)), tenant: 'c'.repeat(32) });
  await client.request(APP, 0, pattern(3), { cap: Buffer.from('of another kind') });
  t.same(node.peer.requests.map(({ tenant }) => tenant), [TENANT, 'b'.repeat(32), 'c'.repeat(32), TENANT]);
});

await t.test('tenant and capability of the client and of one request', async (t) => {
  const cap = Buffer.from('a capability').toString('base64url');
  const [client, node] = await startSession(t, {}, { cap, tenant: TENANT });
  const [hello] = node.peer.frames;
  t.same([Buffer.from(hello?.capability ?? []).toString(), hello?.tenant], ['a capability', TENANT]);
  await client.request(APP, 0);
  await client.request(APP, 0, pattern(3), { cap: Buffer.from('another'), tenant: 'f'.repeat(32) });
  const [plain, special] = node.peer.requests;
  t.same([plain?.capability.length, plain?.tenant], [0, TENANT], 'the HELLO said it for all');
  t.same([Buffer.from(special?.capability ?? []).toString(), special?.tenant], ['another', 'f'.repeat(32)]);
  t.same(Buffer.from(special?.payload ?? []), Buffer.from(pattern(3)));
});

await t.test('a capability that is too long for the HELLO rides on every request', async (t) => {
  const cap = pattern(4_090);
  const [client, node] = await startSession(t, {}, { cap });
  await client.request(APP, 0);
  t.equal(node.peer.frames[0]?.capability.length, 0);
  t.same(Buffer.from(node.peer.requests[0]?.capability ?? []), Buffer.from(cap));
});

await t.test('an error reply is an OapError with all its fields', async (t) => {
  const [client] = await startSession(t, {
    onFrame: (peer, frame) => {
      if (!isRequest(frame)) return false;
      peer.error(frame, Reject.bad_payload, { message: 'No topic.', detail: { field: 'topic' } });
      return true;
    },
  });
  const error = await failure(client.request(APP, 3));
  t.match(error, { reason: 'bad_payload', status: 400, origin: 'remote', retryable: false, detail: { field: 'topic' } });
  t.match(error.message, /No topic\. Correct the field .* \(400 bad_payload, corr_id 1\)/);
});

await t.test('events are one-way; a refused one is told to the listener', async (t) => {
  const [client, node] = await startSession(t, {
    onFrame: (peer, frame) => {
      // The late error of a request that was let go is nobody's business.
      if (frame.code === 7) setTimeout(() => { peer.error(frame, Reject.internal); }, 30);
      if (frame.code === 9) setTimeout(() => { peer.error(frame, Reject.op_unknown); }, 60);
      return frame.code >= 7;
    },
  });
  const refused: OapError[] = [];
  client.onRefused((error) => refused.push(error));
  t.equal((await failure(client.request(APP, 7, pattern(1), { deadlineMs: 10 }))).reason, 'deadline_exceeded');
  await client.event(APP, 8, pattern(5));
  await client.event(APP, 9, pattern(5));
  await until(() => refused.length === 1);
  const events = node.peer.frames.filter(({ app, code }) => app === APP && code > 7);
  t.same(events.map(({ flags, code }) => [flags, code]), [[Flag.EVENT | START_END, 8], [Flag.EVENT | START_END, 9]]);
  t.match(refused[0], { reason: 'op_unknown', corrId: String(events[1]?.corrId) });
  t.equal((await failure(client.event(APP, 8, pattern(1_048_576)))).reason, 'frame_too_large');
});

await t.test('ping and echo', async (t) => {
  const [client] = await startSession(t);
  const ms = await client.ping();
  t.ok(ms > 0 && ms < 1_000);
  t.same(Buffer.from(await client.echo(Buffer.from('hello'))).toString(), 'hello');
});

await t.test('wrong arguments are refused as such', async (t) => {
  const [client, node] = await startSession(t);
  await t.rejects(client.request(0, 1), RangeError, 'app 0 is the connection itself');
  await t.rejects(client.request(65_536, 1), RangeError);
  await t.rejects(client.request(1, -1), RangeError);
  await t.rejects(client.request(1, 1, 'text' as unknown as Uint8Array), TypeError);
  await t.rejects(client.request(1, 1, pattern(1), { deadlineMs: -1 }), TypeError);
  await t.rejects(client.request(1, 1, pattern(1), { tenant: 'me' }), TypeError);
  await t.rejects(client.request(1, 1, pattern(1), { cap: 'not base64url!' }), TypeError);
  t.equal(node.peer.requests.length, 0);
});
