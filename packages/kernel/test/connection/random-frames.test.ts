import { randomInt } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import type { RequestBody, Service, ServiceReply, ServiceRequest } from '../../src/service.ts';
import type { Frame } from '../../src/wire/frame.ts';
import { encodeFrame } from '../../src/wire/frame.ts';
import { Flag } from '../../src/wire/header.ts';
import { OapError } from '../../src/wire/oap-error.ts';
import { Reject } from '../../src/wire/reject.ts';
import { ZstdCommandCodec } from '../fixtures/codec.ts';
import { cancel, credit, ECHO, hello, NOBODY, ping } from '../fixtures/frames.ts';
import { assertServed, TestNode } from '../fixtures/node.ts';
import { Peer } from '../fixtures/peer.ts';
import { turn } from '../fixtures/until.ts';
import { frame as zstdFrame, raw } from '../wire/zstd-frames.ts';

const RUNS = 2_000;
const MOODY = 300;

/** What the moody service does, by operation; it never crashes, so that it is always there to be moody. */
const moods: readonly ((request: ServiceRequest, reply: ServiceReply) => RequestBody)[] = [
  (request, reply) => {
    reply.end(200, request.payload);
    return {};
  },
  (request, reply) => {
    setImmediate(() => {
      reply.end(200, request.payload);
    });
    return {};
  },
  (_request, reply) => {
    const more = (): void => {
      for (let n = 0; n < 20; n++) if (!reply.write(206, new Uint8Array(3_000))) return;
      reply.end(200);
    };
    more();
    return { onDrain: more };
  },
  (_request, reply) => {
    reply.write(200, new Uint8Array(100_000));
    setImmediate(() => {
      reply.fail(new OapError(Reject.bad_payload));
    });
    return {};
  },
  () => {
    throw new OapError(Reject.bad_payload);
  },
  () => ({}),
  (_request, reply) => ({
    onData: (payload) => {
      reply.write(200, payload);
      reply.consumed(payload.length);
    },
    onEnd: () => {
      reply.end(200);
    },
    onCancel: () => {
      reply.end(200);
      reply.consumed(5);
    },
  }),
  (_request, reply) => ({
    onData: () => {
      reply.end(202, new Uint8Array(70_000));
      throw new OapError(Reject.internal);
    },
  }),
];

function moody(borrowsPayload: boolean, appProtoId: number): Service {
  return {
    appProtoId,
    name: `moody-${appProtoId}`,
    access: 'open',
    borrowsPayload,
    requestBytesMax: 300_000,
    onRequest: (request, reply) => (moods[request.code % moods.length] as (typeof moods)[0])(request, reply),
  };
}

type Action = { readonly send: Uint8Array } | { readonly act: 'pause' | 'resume' | 'turn' | 'half-close' };

const corr = fc.nat({ max: 6 }).map(BigInt);
const payload = fc.oneof(
  { weight: 6, arbitrary: fc.uint8Array({ maxLength: 60 }) },
  { weight: 1, arbitrary: fc.constantFrom(1_000, 17_000, 70_000, 300_000, 600_000).map((bytes) => new Uint8Array(bytes)) },
  { weight: 1, arbitrary: fc.constant(zstdFrame({ contentBytes: 40 }, raw(40, true))) },
);
const legalFlags = fc.record({
  kind: fc.constantFrom(Flag.REQ, Flag.REQ, Flag.REQ, Flag.REQ, Flag.EVENT),
  position: fc.constantFrom(0, 0, Flag.START, Flag.START, Flag.END, Flag.START | Flag.END),
  more: fc.constantFrom(0, 0, 0, 0, Flag.ACK_REQ, Flag.COMP, Flag.APP_E2E),
});
const legal = fc
  .record({ corr, payload, flags: legalFlags, code: fc.nat({ max: 8 }), app: fc.constantFrom(ECHO, MOODY, MOODY, MOODY + 1, NOBODY, 0) })
  .map(({ corr: corrId, payload: bytes, flags, code, app }) =>
    encodeFrame({ app, code: app === ECHO ? 0 : code, corrId, payload: bytes, flags: flags.kind | flags.position | flags.more }),
  );
const anyHeader = fc
  .record({ corr, payload, flags: fc.nat({ max: 255 }), code: fc.nat({ max: 9 }), app: fc.constantFrom(0, ECHO, MOODY), tenant: fc.constantFrom('0', 'f') })
  .map(({ corr: corrId, payload: bytes, flags, code, app, tenant }) => encodeFrame({ app, code, corrId, payload: bytes, flags, tenant: tenant.repeat(32) }));
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 30, arbitrary: legal.map((send) => ({ send })) },
  { weight: 4, arbitrary: anyHeader.map((send) => ({ send })) },
  { weight: 5, arbitrary: corr.map((id) => ({ send: cancel(id) })) },
  { weight: 5, arbitrary: fc.tuple(corr, fc.constantFrom(0, 1, 5_000, 1_000_000, 0xffff_ffff)).map(([id, bytes]) => ({ send: credit(id, bytes) })) },
  { weight: 2, arbitrary: corr.map((id) => ({ send: ping(id, 'ping') })) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 60 }).map((send) => ({ send })) },
  { weight: 8, arbitrary: fc.constantFrom<Action>({ act: 'turn' }, { act: 'turn' }, { act: 'pause' }, { act: 'resume' }) },
  { weight: 1, arbitrary: fc.constant<Action>({ act: 'half-close' }) },
);
const conversation = fc.record({
  greeting: fc.constantFrom(hello({ supported_flags: 255 }), hello({ supported_flags: 255, initial_window: 2_000 }), hello({ max_frame: 4_096, max_inflight: 3 })),
  actions: fc.array(action, { minLength: 1, maxLength: 60, size: 'max' }),
  cuts: fc.array(fc.integer({ min: 1, max: 3_000 }), { maxLength: 5 }),
  ending: fc.constantFrom('reset', 'a turn later', 'half-close'),
});

/** @throws Error when the replies of one corr_id are not whole messages one after the other */
function checkOrder(frames: readonly Frame[]): void {
  const open = new Set<string>();
  for (const { app, corrId, flags, code } of frames) {
    if ((flags & Flag.RESP) === 0) continue;
    const key = `${app === 0} ${corrId}`;
    const [starts, ends] = [(flags & Flag.START) !== 0, (flags & Flag.END) !== 0];
    if (code >= 400 && !(starts && ends)) throw new Error(`an error in several frames on ${key}`);
    // An error may end a reply that had begun, and may be about another frame with the same corr_id.
    if (code >= 400) continue;
    if (!starts && !open.has(key)) throw new Error(`a continuation of nothing on ${key}`);
    if (ends) open.delete(key);
    else open.add(key);
  }
}

async function play(node: TestNode, { greeting, actions, cuts, ending }: Parameters<Parameters<typeof conversation.map>[0]>[0]): Promise<void> {
  await using peer = await Peer.dial(node.address);
  peer.send(greeting);
  let cutAt = 0;
  for (const next of actions) {
    if ('send' in next) {
      const cut = cuts[cutAt++ % Math.max(1, cuts.length)] ?? 0;
      if (cut > 0 && cut < next.send.length && !peer.socket.writableEnded) {
        peer.send(next.send.subarray(0, cut));
        await turn();
        peer.send(next.send.subarray(cut));
      } else if (!peer.socket.writableEnded) {
        peer.send(next.send);
      }
    } else if (next.act === 'pause') {
      peer.socket.pause();
    } else if (next.act === 'resume') {
      peer.socket.resume();
    } else if (next.act === 'turn') {
      await turn();
    } else {
      peer.socket.end();
    }
  }
  await turn(3);
  checkOrder(peer.inbox);
  if (ending === 'half-close') peer.socket.end();
  if (ending !== 'reset') await turn();
  // A reset in any case: whoever only closes may still be owed a reply that never comes.
  peer.reset();
}

void t.test('no sequence of frames harms the node or a neighbour', { timeout: 100_000 }, async (t) => {
  const unhandled: unknown[] = [];
  const onUnhandled = (error: unknown): void => {
    unhandled.push(error);
  };
  process.prependListener('uncaughtException', onUnhandled);
  process.prependListener('unhandledRejection', onUnhandled);
  const codec = new ZstdCommandCodec();
  await using node = await TestNode.start({ services: [moody(false, MOODY), moody(true, MOODY + 1)], codec });
  await using bystander = await Peer.open(node.address);
  const seed = Number(process.env.OMNIGATE_TEST_SEED ?? randomInt(2 ** 31));
  t.comment(`seed ${seed}`);
  const property = fc.asyncProperty(conversation, async (played) => {
    await play(node, played);
    await assertServed(bystander);
    if (unhandled.length > 0) throw unhandled[0] as Error;
    if (node.rejected('service_crashed') > 0) throw new Error('a service crashed');
  });
  const result = await fc.check(property, { seed, numRuns: RUNS });
  t.ok(!result.failed, fc.defaultReportMessage(result) ?? `holds in ${RUNS} runs`);
  process.off('uncaughtException', onUnhandled);
  process.off('unhandledRejection', onUnhandled);
  await node.calm(1);
  await assertServed(bystander);
  t.equal(node.bus.route(MOODY)?.available, true);
  t.comment(Object.entries(node.allRejected).map(([reason, count]) => `${reason} ${count}`).join(', '));
});
