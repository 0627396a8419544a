import { Flag, FRAME_BYTES_MAX } from '@omnigate/kernel/wire';
import { ALICE, bomb, cancel, ECHO, Field, frame, hello, Peer, request, rle, withField, withLength } from '@omnigate/redteam';
import { FLOOD_REQUESTS, REACTION_MS_MAX, SILENT_CONNECTIONS } from '../bounds.ts';
import type { Attack, Means } from './attack.ts';

/** The tenant that asks for too much, and holds a capability. */
export const GREEDY = 'b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0';
/** Attacks come from here: the node counts connections by address. */
const FROM = { localAddress: '127.0.0.9' };
const MAILBOX = 16;
const STORAGE = 17;
const APP_NOBODY = 50_000;
const STATUS_ERROR = 400;
/** Every flag there may be, compression among them. */
const OFFER_ALL = 255;

type With = (peer: Peer, means: Means) => Promise<void> | void;

/** A connection that is given back whatever happens on it. */
async function onPeer(peer: Peer, means: Means, use: With): Promise<void> {
  try {
    await use(peer, means);
  } finally {
    peer.destroy();
  }
}

function greeted(name: string, cost: number, use: With): Attack {
  return { name, cost, play: async (means) => onPeer(await Peer.greeted(means.oap, { ...FROM, hello: { supported_flags: OFFER_ALL } }), means, use) };
}

function connected(name: string, cost: number, use: With, listener: 'oap' | 'oaps' = 'oap'): Attack {
  return { name, cost, play: async (means) => onPeer(await Peer.connect(means[listener], FROM), means, use) };
}

/** Waits for an error frame, or the end of the connection. */
async function refused(peer: Peer): Promise<void> {
  await peer.takeOrEnd(({ code }) => code >= STATUS_ERROR, REACTION_MS_MAX);
}

/** Waits for an error frame of this status. */
async function refusedWith(peer: Peer, status: number): Promise<void> {
  const found = await peer.takeOrEnd(({ code }) => code >= STATUS_ERROR, REACTION_MS_MAX);
  if (found !== undefined && found.code !== status) throw new Error(`the node said ${found.code} and not ${status}`);
}

const target = request(5, 'payload', { tenant: ALICE });
const BAD_FRAMES: readonly Uint8Array[] = [
  withLength(target, 0),
  withLength(target, 37),
  withLength(target, FRAME_BYTES_MAX + 1),
  withLength(target, 0xffff_ffff),
  withField(target, Field.VER, 2),
  withField(target, Field.CAP_LEN, 5_000),
  withField(target, Field.FLAGS, 0x8000),
  frame(5, Flag.START | Flag.END | Flag.REQ | Flag.RESP),
  hello({}, { app: APP_NOBODY }),
];

function flipped(capability: Uint8Array): Uint8Array {
  const wrong = Uint8Array.from(capability);
  wrong[wrong.length - 1] = (wrong.at(-1) ?? 0) ^ 1;
  return wrong;
}

function flood(make: (corr: number) => readonly Uint8Array[]): Uint8Array[] {
  return Array.from({ length: FLOOD_REQUESTS }, (_, n) => make(n + 1)).flat();
}

/** Bad frames, bad capabilities, floods and connections that lead nowhere; the rows of testing/redteam that do no harm to neighbours by design. */
export const ATTACKS: readonly Attack[] = [
  greeted('bad frame', 2, (peer, { chance }) => {
    peer.send(chance.of(BAD_FRAMES));
    return refused(peer);
  }),
  connected('random bytes', 1, (peer, { chance }) => {
    peer.send(chance.bytes(4_096));
    return refused(peer);
  }),
  connected('reset in a frame', 1, (peer, { chance }) => {
    peer.send(hello().subarray(0, 1 + chance.below(40)));
    peer.reset();
  }),
  connected('header that never ends', 1, async (peer) => {
    peer.send(hello().subarray(0, 20));
    await peer.ended(REACTION_MS_MAX);
  }),
  connected('plain text to TLS', 1, (peer) => {
    peer.send(hello());
    return refused(peer);
  }, 'oaps'),
  greeted('no capability', 2, (peer) => {
    peer.send(request(5, '', { app: MAILBOX, code: 1, tenant: ALICE }));
    return refusedWith(peer, 401);
  }),
  greeted('forged capability', 2, async (peer, { capability }) => {
    peer.send(request(5, '', { app: STORAGE, code: 4, tenant: GREEDY, capability: flipped(await capability()) }));
    await refusedWith(peer, 401);
  }),
  greeted('capability of another tenant', 2, async (peer, { capability }) => {
    peer.send(request(5, '', { app: MAILBOX, code: 9, tenant: ALICE, capability: await capability() }));
    await refusedWith(peer, 403);
  }),
  greeted('body that is no map', 2, async (peer, { capability, chance }) => {
    const app = chance.of([MAILBOX, STORAGE]);
    peer.send(request(5, Buffer.from('c1ffff', 'hex'), { app, code: 4, tenant: GREEDY, capability: await capability() }));
    await refused(peer);
  }),
  greeted('bomb', 2, (peer) => {
    peer.send(request(5, bomb({ contentBytes: 0x7fff_ffff, window: true }, rle(131_072, true)), { flags: Flag.REQ | Flag.START | Flag.END | Flag.COMP }));
    return refused(peer);
  }),
  greeted('flood of unknown applications', FLOOD_REQUESTS, (peer) => {
    peer.send(...flood((corr) => [request(corr, '', { app: APP_NOBODY })]));
    return refused(peer);
  }),
  greeted('flood of young cancels', FLOOD_REQUESTS, (peer) => {
    peer.send(...flood((corr) => [frame(corr, Flag.REQ | Flag.START, 'x'), cancel(corr)]));
    return refused(peer);
  }),
  greeted('more than a quota', FLOOD_REQUESTS, async (peer, { capability }) => {
    const token = await capability();
    peer.send(...flood((corr) => [request(corr, 'x', { app: ECHO, tenant: GREEDY, capability: token })]));
    await refusedWith(peer, 429);
  }),
  {
    name: 'silent connections',
    cost: SILENT_CONNECTIONS,
    play: async (means) => {
      const peers = await Promise.all(Array.from({ length: SILENT_CONNECTIONS }, () => Peer.connect(means.oap, FROM)));
      await Promise.all(peers.map((peer) => onPeer(peer, means, async () => {
        await peer.ended(REACTION_MS_MAX);
      })));
    },
  },
];
