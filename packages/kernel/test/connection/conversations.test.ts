import { readFileSync } from 'node:fs';
import t from 'tap';
import { HEADER_BYTES } from '../../src/limits.ts';
import { APP_CONTROL, ControlOp } from '../../src/wire/control.ts';
import type { Frame } from '../../src/wire/frame.ts';
import { Flag } from '../../src/wire/header.ts';
import { ZstdCommandCodec } from '../fixtures/codec.ts';
import { bodyOf, textOf } from '../fixtures/frames.ts';
import { assertServed, TestNode } from '../fixtures/node.ts';
import { Peer } from '../fixtures/peer.ts';
import { turn, until } from '../fixtures/until.ts';
import { noZstd } from '../wire/zstd-frames.ts';

type Bytes = string | readonly ({ hex: string; times?: number } | { fill: string; bytes: number })[];

interface Expected {
  readonly flags: number;
  readonly code: number;
  readonly app: number;
  readonly tenant: string;
  readonly corr: string;
  readonly payload?: Bytes;
  readonly msgpack?: Record<string, unknown>;
  readonly json?: Record<string, unknown>;
}

interface Step {
  readonly send?: Bytes;
  readonly finish?: true;
  readonly expect?: Expected;
  readonly expect_stream?: Omit<Expected, 'payload'> & { payload: Bytes; begins: boolean; ends: boolean };
  readonly expect_end?: { within_ms: number };
}

interface Conversation {
  readonly name: string;
  readonly steps: readonly Step[];
}

const folder = new URL('../../../../specs/vectors/', import.meta.url);
const { vectors } = JSON.parse(readFileSync(new URL('conversations.json', folder), 'utf8')) as { vectors: Conversation[] };

/** What is sent at once is cut at each of its bytes up to this size, at some where it is longer. */
const CUT_EVERYWHERE_BYTES = 400;
const CUTS_OF_A_LONG_ONE = 60;
/** Connections at a time. */
const SIDE_BY_SIDE = 96;

function bytesOf(bytes: Bytes): Buffer {
  if (typeof bytes === 'string') return Buffer.from(bytes, 'hex');
  return Buffer.concat(
    bytes.map((piece) =>
      'hex' in piece
        ? Buffer.concat(Array<Buffer>(piece.times ?? 1).fill(Buffer.from(piece.hex, 'hex')))
        : Buffer.alloc(piece.bytes, Number.parseInt(piece.fill, 16)),
    ),
  );
}

/** Where to cut: all that is sent at once, except what an earlier conversation sent just so at the same point. */
function cutsOf({ steps }: Conversation, known: Set<string>): number[] {
  const cuts: number[] = [];
  let sent = 0;
  for (const [n, { send }] of steps.entries()) {
    if (send === undefined) continue;
    const bytes = bytesOf(send);
    const place = n === 0 ? 'first' : n === steps.length - 2 ? 'barrier' : undefined;
    const key = `${place ?? ''} ${JSON.stringify(send)}`;
    const everywhere = bytes.length <= CUT_EVERYWHERE_BYTES;
    const step = everywhere ? 1 : Math.ceil(bytes.length / CUTS_OF_A_LONG_ONE);
    for (let at = 1; at < bytes.length && (place === undefined || !known.has(key)); at++) {
      if (at % step === 0 || at < HEADER_BYTES * 2) cuts.push(sent + at);
    }
    known.add(key);
    sent += bytes.length;
  }
  return cuts;
}

const fieldsOf = ({ flags, code, app, tenant, corrId }: Frame): object => ({ flags, code, app, tenant, corr: corrId.toString() });

/** @throws Error that says what is not as expected */
function compare(frame: Frame, expected: Expected): void {
  const { payload, msgpack, json, ...fields } = expected;
  const seen = fieldsOf(frame);
  if (JSON.stringify(seen) !== JSON.stringify({ ...seen, ...fields })) throw new Error(`frame ${JSON.stringify(seen)}`);
  if (payload !== undefined && bytesOf(payload).compare(frame.payload) !== 0) throw new Error('other payload');
  const named = msgpack ?? json ?? {};
  for (const [field, value] of Object.entries(named)) {
    const body = json === undefined ? bodyOf(frame) : (JSON.parse(textOf(frame)) as Record<string, unknown>);
    if (body[field] !== value) throw new Error(`field ${field} is ${String(body[field])}`);
  }
}

async function expectStream(peer: Peer, expected: NonNullable<Step['expect_stream']>): Promise<void> {
  const { payload, begins, ends, ...fields } = expected;
  const wanted = bytesOf(payload);
  const got: Uint8Array[] = [];
  let gotBytes = 0;
  for (let ended = false; gotBytes < wanted.length || (ends && !ended); ) {
    const frame = await peer.take(({ corrId, app }) => corrId.toString() === fields.corr && app === fields.app);
    compare({ ...frame, flags: frame.flags & ~(Flag.START | Flag.END) }, fields);
    if (((frame.flags & Flag.START) !== 0) !== (begins && got.length === 0)) throw new Error('START in the wrong place');
    got.push(frame.payload);
    gotBytes += frame.payload.length;
    ended = (frame.flags & Flag.END) !== 0;
    if (ended && (!ends || gotBytes !== wanted.length)) throw new Error(`END after ${gotBytes} bytes`);
  }
  if (Buffer.concat(got).compare(wanted) !== 0) throw new Error('other stream payload');
}

const isCredit = ({ app, code, flags }: Frame): boolean => app === APP_CONTROL && code === ControlOp.CREDIT && (flags & Flag.EVENT) !== 0;

/** Plays the client, with one pause where the bytes sent in all reach `cutAt`. */
async function play(node: TestNode, { steps }: Conversation, cutAt: number): Promise<void> {
  await using peer = await Peer.dial(node.address);
  const wantsCredit = steps.some(({ expect }) => expect?.app === APP_CONTROL && expect.code === ControlOp.CREDIT);
  let sent = 0;
  for (const { send, finish, expect, expect_stream, expect_end } of steps) {
    if (send !== undefined) {
      const bytes = bytesOf(send);
      const cut = cutAt - sent;
      sent += bytes.length;
      if (cut > 0 && cut < bytes.length) {
        peer.send(bytes.subarray(0, cut));
        await turn(3);
        // A fault may have ended the connection by now; then the rest leads nowhere.
        peer.send(bytes.subarray(cut));
      } else {
        peer.send(bytes);
      }
    }
    if (finish === true) peer.socket.end();
    if (expect !== undefined) {
      const { corr, app } = expect;
      compare(await peer.take((frame) => frame.corrId.toString() === corr && frame.app === app), expect);
    }
    if (expect_stream !== undefined) await expectStream(peer, expect_stream);
    if (expect_end !== undefined) await peer.ended(expect_end.within_ms + 2_000);
  }
  const left = peer.inbox.filter((frame) => wantsCredit || !isCredit(frame));
  if (left.length > 0) throw new Error(`unexpected ${JSON.stringify(left.map(fieldsOf))}`);
}

async function playAll(node: TestNode, plays: readonly { conversation: Conversation; cutAt: number }[]): Promise<string[]> {
  const failures: string[] = [];
  const queue = [...plays];
  const worker = async (): Promise<void> => {
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      const { conversation, cutAt } = next;
      await play(node, conversation, cutAt).catch((error: unknown) => {
        failures.push(`${conversation.name} cut at ${cutAt}: ${(error as Error).message}`);
      });
    }
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, worker));
  return failures;
}

const playable = noZstd === false ? vectors : vectors.filter(({ name }) => name !== 'echo-comp' && name !== 'comp-malformed-decoder');

void t.test('the conversations of specs/vectors go as written', async (t) => {
  await using node = await TestNode.start({ codec: new ZstdCommandCodec() });
  for (const conversation of playable) {
    const failures = await playAll(node, [{ conversation, cutAt: 0 }]);
    t.strictSame(failures, [], conversation.name);
  }
  await node.calm(0);
});

void t.test('cutting a conversation at any byte changes nothing', async (t) => {
  await using node = await TestNode.start({ codec: new ZstdCommandCodec() });
  await using bystander = await Peer.open(node.address);
  const known = new Set<string>();
  const plays = playable.flatMap((conversation) =>
    cutsOf(conversation, known).map((cutAt) => ({ conversation, cutAt })),
  );
  t.ok(plays.length > 3_000, `${plays.length} connections`);
  t.strictSame(await playAll(node, plays), []);
  await until('all but the bystander to be gone', () => node.metrics.connections === 1);
  t.equal(node.metrics.inflight, 0);
  await assertServed(bystander);
});
