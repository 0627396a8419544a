import { randomBytes } from 'node:crypto';
import { ControlOp, Flag, FRAME_BYTES_MAX, HEADER_BYTES } from '@omnigate/kernel/wire';
import { ALICE, ECHO, Field, frame, hello, last, part, ping, request, start, WHOLE, withField, withLength } from '../frames.ts';
import { inParallel, pause } from '../patience.ts';
import type { Peer } from '../peer.ts';
import type { Attack } from '../play.ts';
import type { Trial, Wanted } from '../trial.ts';

/** Time limits of frames are 5 s (specs/oap-1.md §9); earlier the node must not give up. */
const FIVE_SECONDS_MS_MIN = 4_500;
const CONNECTION: Wanted = { ping: false, to: { corr: 0, app: 0 } };
const target = request(5, 'payload', { tenant: ALICE });
const TARGET: Wanted = { ping: false, to: { corr: 5, app: ECHO, tenant: ALICE } };

/** Sends the same bytes behind a HELLO and, unless they are too long for that, as the first ones. */
function bytes(row: number, wanted: Wanted, ...attacks: readonly Uint8Array[]): Attack {
  return {
    row,
    play: async (trial) => {
      for (const attack of attacks) {
        for (const peer of [await trial.greeted(), ...(attack.length < 4_096 ? [await trial.connected()] : [])]) {
          peer.send(attack);
          await trial.reaction(peer, wanted);
        }
      }
    },
  };
}

const truncated: Attack = {
  row: 1,
  play: async (trial) => {
    await inParallel(2 * (HEADER_BYTES - 1), 16, async (n) => {
      const peer = n % 2 === 0 ? await trial.greeted() : await trial.connected();
      peer.send(hello().subarray(0, (n >> 1) + 1));
      peer.socket.end();
      await trial.reaction(peer, { silent: 'truncated', ping: false });
    });
  },
};

/** Waits for the end of a connection on which something is late. */
async function late(trial: Trial, peer: Peer, sending: Promise<void> = Promise.resolve()): Promise<void> {
  const startMs = performance.now();
  await sending;
  await trial.reaction(peer, CONNECTION);
  const tookMs = performance.now() - startMs;
  trial.ensure(tookMs >= FIVE_SECONDS_MS_MIN, `closed after ${Math.round(tookMs)} ms`);
}

/** Sends byte by byte until the node has enough of it. */
async function drip(peer: Peer, all: Uint8Array, pauseMs: number): Promise<void> {
  for (let at = 0; at < all.length && peer.end === undefined; at++) {
    peer.send(all.subarray(at, at + 1));
    await pause(pauseMs);
  }
}

const silentHeader: Attack = {
  row: 2,
  play: async (trial) => {
    const begins = [1, 3, 20, 37].map(async (count, n) => {
      const peer = n % 2 === 0 ? await trial.greeted() : await trial.connected();
      peer.send(hello().subarray(0, count));
      await late(trial, peer);
    });
    await Promise.all(begins);
  },
};

const drippedHeader: Attack = {
  row: 3,
  play: async (trial) => {
    const peers = [await trial.greeted(), await trial.connected()];
    await Promise.all(peers.map((peer) => late(trial, peer, drip(peer, hello(), 1_000))));
  },
};

const drippedBody: Attack = {
  row: 4,
  play: async (trial) => {
    const peer = await trial.greeted();
    const slow = request(5, new Uint8Array(100));
    peer.send(slow.subarray(0, HEADER_BYTES));
    await late(trial, peer, drip(peer, slow.subarray(HEADER_BYTES), 500));
  },
};

/** What claims that nobody keeps may cost in memory: noise of the process. */
const RSS_BYTES_NOISE = 48 * 1_048_576;

const claims: Attack = {
  row: 6,
  play: async (trial) => {
    const { rssBytes } = trial.target.node.usage();
    for (let n = 0; n < 20; n++) {
      const peer = n % 2 === 0 ? await trial.greeted() : await trial.connected();
      peer.send(withLength(target, 0xffff_ffff).subarray(0, n % 3 === 0 ? 4 : undefined));
      await trial.reaction(peer, CONNECTION);
    }
    const grownBytes = trial.target.node.usage().rssBytes - rssBytes;
    trial.ensure(grownBytes < RSS_BYTES_NOISE, `${grownBytes} bytes more memory`);
  },
};

const largest: Attack = {
  row: 8,
  play: async (trial) => {
    const peer = await trial.greeted();
    const body = randomBytes(FRAME_BYTES_MAX - HEADER_BYTES);
    for (const [corr, sent] of [request(1, body), ping(2, body)].entries()) {
      peer.send(sent);
      trial.ensure(body.equals((await peer.take(corr + 1)).payload), 'it comes back whole');
    }
    trial.saw('accepted');
    trial.drop(peer);
  },
};

const withCapability = request(5, '', { capability: new Uint8Array(4), tenant: ALICE });

const contradictory: Attack = {
  row: 14,
  play: async (trial) => {
    for (const kind of [0, Flag.REQ | Flag.RESP, Flag.REQ | Flag.EVENT, Flag.RESP | Flag.EVENT, Flag.REQ | Flag.RESP | Flag.EVENT]) {
      const peer = await trial.greeted();
      peer.send(frame(5, WHOLE | kind));
      await trial.reaction(peer, { to: { corr: 5, app: ECHO } });
    }
  },
};

const otherProtocols: Attack = {
  row: 15,
  play: async (trial) => {
    const clientHello = Buffer.concat([Buffer.from('1603010200010001fc0303', 'hex'), randomBytes(500)]);
    for (const first of [clientHello, Buffer.from('GET / HTTP/1.1\r\nHost: node\r\n\r\n'), Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')]) {
      const peer = await trial.connected();
      peer.send(first);
      await trial.reaction(peer, CONNECTION);
    }
  },
};

const random: Attack = {
  row: 16,
  play: async (trial) => {
    await inParallel(trial.scale.randomConnections, 16, async (n) => {
      // Each place is taken until the node has given up on its holder: one address alone would run out of them.
      const peer = await trial.connected({ localAddress: `127.0.0.${2 + (n % 8)}` });
      peer.send(randomBytes(65_536));
      await trial.reaction(peer, CONNECTION);
    });
  },
};

const CONVERSATION = Buffer.concat([
  hello({ client: 'red' }),
  request(1, 'whole'),
  start(2, 'in '),
  ping(3, 'between'),
  part(2, 'three '),
  request(4, 'refused', { app: 50_000 }),
  last(2, 'parts'),
  request(6, 'later'),
]);

/** Holds the conversation with one pause in it, and says what came back; where the parts of a reply end is up to the node. */
async function converse(trial: Trial, splitAt: number): Promise<string> {
  const peer = await trial.connected();
  peer.send(CONVERSATION.subarray(0, splitAt));
  await pause(3);
  if (splitAt < CONVERSATION.length) peer.send(CONVERSATION.subarray(splitAt));
  await peer.takeOrEnd(({ corrId }) => corrId === 6n);
  const replies = new Map<string, string>();
  for (const { corrId, app, code, payload } of peer.inbox) {
    if (app === 0 && code === ControlOp.CREDIT) continue;
    const key = `${corrId} ${app} ${code}`;
    replies.set(key, (replies.get(key) ?? '') + Buffer.from(payload).toString('hex'));
  }
  trial.counted('app_unknown', 1);
  trial.drop(peer);
  return JSON.stringify([...replies].sort());
}

const split: Attack = {
  row: 17,
  play: async (trial) => {
    const whole = await converse(trial, CONVERSATION.length);
    const { splitStep } = trial.scale;
    const count = Math.floor((CONVERSATION.length - 1) / splitStep);
    await inParallel(count, 16, async (n) => {
      const at = 1 + n * splitStep;
      const seen = await converse(trial, at);
      trial.saw(seen === whole ? 'accepted' : `another result when split at ${at}`);
    });
    trial.fact(`${count} splits`);
  },
};

const manyFrames: Attack = {
  row: 18,
  play: async (trial) => {
    const peer = await trial.greeted();
    const ids = Array.from({ length: 1_000 }, (_, n) => n + 1);
    peer.send(...ids.map((id) => request(id, 'x')));
    for (const id of ids) trial.ensure((await peer.take(id)).code === 200, `request ${id}`);
    trial.saw('accepted');
    trial.drop(peer);
  },
};

/** Rows of which the most is waiting. */
export const framingTimes: readonly Attack[] = [silentHeader, drippedHeader, drippedBody];

/** The others of rows 1 to 18. */
export const framingAttacks: readonly Attack[] = [
  truncated,
  bytes(5, CONNECTION, withLength(target, 0), withLength(target, 1), withLength(target, 37), withLength(target, 37).subarray(0, 4)),
  claims,
  bytes(7, CONNECTION, withLength(target, FRAME_BYTES_MAX + 1), withLength(target, FRAME_BYTES_MAX + 1).subarray(0, 4)),
  largest,
  bytes(9, TARGET, withField(target, Field.CAP_LEN, 8)),
  bytes(10, TARGET, withField(withCapability, Field.FLAGS, Flag.REQ)),
  bytes(11, TARGET, withField(request(5, new Uint8Array(5_000), { tenant: ALICE }), Field.CAP_LEN, 4_097)),
  bytes(12, CONNECTION, ...[0, 2, 0xffff].map((version) => withField(target, Field.VER, version))),
  bytes(13, TARGET, ...Array.from({ length: 8 }, (_, bit) => withField(target, Field.FLAGS, Flag.REQ | WHOLE | (256 << bit)))),
  contradictory,
  otherProtocols,
  random,
  split,
  manyFrames,
];
