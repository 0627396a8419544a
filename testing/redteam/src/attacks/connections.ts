import { CertificateAuthority } from '@omnigate/harness';
import { inParallel, until } from '../patience.ts';
import { Peer } from '../peer.ts';
import type { Attack, Scene } from '../play.ts';
import { Target } from '../target.ts';
import type { Trial } from '../trial.ts';

/** Connections that one address may have, and in this scene all of them. */
const PER_ADDRESS = 256;
const IN_ALL = 600;
const TOO_MANY = 20;

/** Fills a number of places from one address. */
async function fill(trial: Trial, localAddress: string, count: number): Promise<Peer[]> {
  const peers: Peer[] = [];
  await inParallel(count, 16, async () => {
    peers.push(await trial.greeted({ localAddress }));
  });
  return peers;
}

/** Connects where no place is left. */
async function overflow(trial: Trial, localAddress: string, listener: 'oap' | 'oaps'): Promise<void> {
  await inParallel(TOO_MANY, 4, async () => {
    const peer = trial.keep(await Peer.connect(trial.target[listener], { localAddress }));
    await trial.reaction(peer, { silent: 'conn_limit', ping: false });
  });
}

/** Gives places back, and fails unless they can be had again. */
async function giveBack(trial: Trial, peers: readonly Peer[], localAddress: string): Promise<void> {
  for (const peer of peers) trial.drop(peer);
  await until('the places to be free', async () => ((await trial.target.metrics()).get('connections') ?? 0) < TOO_MANY);
  trial.drop(await trial.greeted({ localAddress }));
}

const oneAddress: Attack = {
  row: 51,
  play: async (trial) => {
    const peers = await fill(trial, '127.0.0.2', PER_ADDRESS);
    await overflow(trial, '127.0.0.2', 'oap');
    await overflow(trial, '127.0.0.2', 'oaps');
    const other = await trial.greeted({ localAddress: '127.0.0.3' });
    trial.drop(other);
    await giveBack(trial, peers, '127.0.0.2');
    trial.fact(`${PER_ADDRESS} have a place`);
  },
};

const everybody: Attack = {
  row: 52,
  play: async (trial) => {
    const open = (await trial.target.metrics()).get('connections') ?? 0;
    const peers = [
      ...(await fill(trial, '127.0.0.2', PER_ADDRESS)),
      ...(await fill(trial, '127.0.0.3', PER_ADDRESS)),
      ...(await fill(trial, '127.0.0.4', IN_ALL - 2 * PER_ADDRESS - open)),
    ];
    await overflow(trial, '127.0.0.5', 'oap');
    await overflow(trial, '127.0.0.6', 'oaps');
    await giveBack(trial, peers, '127.0.0.5');
    trial.fact(`${IN_ALL} have a place`);
  },
};

export const connectionsScene: Scene = {
  name: 'few places',
  start: async () => {
    const authority = new CertificateAuthority();
    const { cert, key } = authority.issue('server');
    return Target.start({
      args: ['--oaps', '127.0.0.1:0', '--tls-cert', cert, '--tls-key', key],
      env: { OMNIGATE_MAX_CONNECTIONS: String(IN_ALL) },
      belongings: authority,
    });
  },
  attacks: [oneAddress, everybody],
};
