import { connect } from 'node:net';
import { askAdmin } from '@omnigate/harness';
import { ALICE, ping, request } from '../frames.ts';
import { inParallel, PATIENCE_MS, pause } from '../patience.ts';
import type { Attack } from '../play.ts';
import { refusalOf } from '../trial.ts';
import type { Trial } from '../trial.ts';
import { VAULT, VaultOp } from './capabilities.ts';

/** Slow ones at a time; the port has 64 places, and the metrics are read through one. */
const SLOW = 20;
/** The node waits 5 s for the headers of a request; earlier it must not give up. */
const HEADERS_MS_MIN = 4_500;
const DRIP_MS = 300;
/** Twice what all headers may have. */
const GIANT_BYTES = 16_384;

/** Sends parts of a request with pauses, until all is sent or the port closes, and says what came back. */
async function http(trial: Trial, parts: readonly string[], pauseMs = 0): Promise<string> {
  const { host, port } = trial.target.admin;
  const socket = connect({ host, port });
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  for (const part of parts) {
    if (socket.destroyed || socket.readableEnded) break;
    socket.write(part);
    if (pauseMs > 0) await pause(pauseMs);
  }
  const deadlineMs = performance.now() + PATIENCE_MS;
  while (!socket.closed && performance.now() < deadlineMs) await pause(20);
  const how = socket.closed ? 'closed' : 'still open';
  socket.destroy();
  return `HTTP ${/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 'nothing'}, ${how}`;
}

const slowLoris: Attack = {
  row: 75,
  play: async (trial) => {
    const startMs = performance.now();
    const drips = ['GET /livez HTTP/1.1\r\n', ...Array.from({ length: 60 }, (_, n) => `x-${n}: y\r\n`)];
    const slow = Array.from({ length: SLOW }, async (_, n) => {
      // Some drip and some fall silent.
      trial.saw(await http(trial, n % 2 === 0 ? drips : ['GET /livez HT'], DRIP_MS));
      const tookMs = performance.now() - startMs;
      trial.ensure(tookMs >= HEADERS_MS_MIN, `closed after ${Math.round(tookMs)} ms`);
    });
    trial.saw(await http(trial, [`GET /livez HTTP/1.1\r\nx: ${'y'.repeat(GIANT_BYTES)}`]));
    trial.saw(await http(trial, [`GET /livez HTTP/1.1\r\n`, 'x: y\r\n'.repeat(GIANT_BYTES / 4)]));
    trial.saw(await http(trial, [`GET /${'y'.repeat(GIANT_BYTES)}`]));
    const { status } = await askAdmin(trial.target.node.adminUrl, '/livez');
    trial.ensure(status === 200, `/livez says ${status} meanwhile`);
    await Promise.all(slow);
  },
};

/** What a connection may get wrong before it is closed. */
const GLITCHES_ENDURED = 99;

const labels: Attack = {
  row: 76,
  play: async (trial) => {
    const { target, scale } = trial;
    // The figures of the process have a series for each kind of garbage collection and handle that it has seen: no peer names those.
    const names = async (): Promise<string> => [...(await target.metrics()).keys()].filter((name) => !name.startsWith('nodejs_')).sort().join('\n');
    const before = await names();
    const capability = await target.desk.mint();
    const count = Math.min(scale.tenants, 100_000);
    await inParallel(Math.ceil(count / GLITCHES_ENDURED), 8, async (round) => {
      const peer = await trial.greeted();
      const ids = Array.from({ length: GLITCHES_ENDURED }, (_, n) => round * GLITCHES_ENDURED + n);
      const apps = ids.map((id) => 50_000 + (id % 15_000));
      const tenant = (id: number): string => id.toString(16).padStart(32, 'd');
      peer.send(
        ...ids.map((id, n) => request(id, '', { app: apps[n] ?? 0, tenant: tenant(id) })),
        ...ids.map((id) => request(id, '', { tenant: tenant(id), code: 0 })),
        ...ids.map((id) => request(id, `topic/${id}`, { app: VAULT, code: VaultOp.WRITE, tenant: ALICE, capability })),
        ping(2n ** 63n),
      );
      await peer.take(2n ** 63n);
      const refusals = peer.inbox.filter(({ code }) => code >= 400);
      for (const refusal of refusals) trial.ensure(refusalOf(refusal) === 'K 404 app_unknown', refusalOf(refusal));
      trial.counted('app_unknown', ids.length);
      trial.drop(peer);
    });
    const after = await names();
    trial.saw(before === after ? 'series constant' : 'other series');
    trial.fact(`${after.split('\n').length} series`);
  },
};

export const adminAttacks = { slowLoris, labels } as const;
