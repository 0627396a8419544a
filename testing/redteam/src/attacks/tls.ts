import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import { CHANNEL_BINDING, channelBindingOf } from '@omnigate/capability';
import { CertificateAuthority, readKeyPair } from '@omnigate/harness';
import type { KeyPair } from '@omnigate/harness';
import { ALICE, hello, request } from '../frames.ts';
import { PATIENCE_MS, pause } from '../patience.ts';
import { Peer } from '../peer.ts';
import type { Attack, Scene } from '../play.ts';
import { Target } from '../target.ts';
import { refusalOf } from '../trial.ts';
import type { Trial } from '../trial.ts';
import { VAULT, VaultOp } from './capabilities.ts';

/** The node gives up a handshake after 5 s (specs/oap-1.md §9); earlier it must not. */
const HANDSHAKE_MS_MIN = 4_500;

/** Everybody's certificates in one run of the scene. */
interface Papers extends Disposable {
  readonly authority: CertificateAuthority;
  readonly client: KeyPair;
  readonly expired: KeyPair;
  readonly foreign: KeyPair;
}

let papers: Papers | undefined;

function makePapers(): Papers {
  const authority = new CertificateAuthority();
  const other = new CertificateAuthority();
  const made: Papers = {
    authority,
    client: readKeyPair(authority.issue('client')),
    expired: readKeyPair(authority.issue('expired', -1)),
    foreign: readKeyPair(other.issue('foreign')),
    [Symbol.dispose]: () => {
      authority[Symbol.dispose]();
      other[Symbol.dispose]();
    },
  };
  return made;
}

function papersOf(): Papers {
  if (papers === undefined) throw new Error('the scene has not begun');
  return papers;
}

/** Tries a handshake, and says with which alert the node ended it. */
async function refusedHandshake({ target }: Trial, options: ConnectionOptions): Promise<string> {
  const socket = connectTls({ ...target.oaps, ca: papersOf().authority.caPem, ALPNProtocols: ['oap/1'], ...options });
  let alert = 'no alert';
  socket.on('error', (error: NodeJS.ErrnoException) => {
    alert = /ALERT_([A-Z_]+)/.exec(error.code ?? '')?.[1]?.toLowerCase().replaceAll('_', ' ') ?? error.code ?? error.message;
  });
  socket.resume();
  await Promise.race([once(socket, 'close').catch(() => undefined), pause(PATIENCE_MS)]);
  const { closed } = socket;
  socket.destroy();
  return closed ? alert : 'still open';
}

const stolen: Attack = {
  row: 33,
  play: async (trial) => {
    const { desk, oaps } = trial.target;
    const before = await desk.denials('cap_binding');
    const tls = { ca: papersOf().authority.caPem, ...papersOf().client };
    const [one, other] = [trial.keep(await Peer.greeted(oaps, { tls })), trial.keep(await Peer.greeted(oaps, { tls }))];
    const exported = one.secure.exportKeyingMaterial(CHANNEL_BINDING.bytes, CHANNEL_BINDING.label, Buffer.alloc(0));
    const bound = { app: VAULT, code: VaultOp.READ, tenant: ALICE, capability: await desk.mint({ channelBinding: channelBindingOf(exported) }) };
    one.send(request(5, '', bound));
    trial.ensure((await one.take(5)).code === 200, 'the right channel may');
    trial.drop(one);
    other.send(request(5, '', bound));
    await trial.reaction(other, { to: { corr: 5, app: VAULT, tenant: ALICE } });
    const plain = await trial.greeted();
    plain.send(request(5, '', bound));
    await trial.reaction(plain, { to: { corr: 5, app: VAULT, tenant: ALICE } });
    const greeting = trial.keep(await Peer.connect(oaps, { tls }));
    greeting.send(hello(), request(6, '', { ...bound, capability: await desk.mint({ certificate: '0'.repeat(64) }) }));
    trial.saw(refusalOf(await greeting.take(6)));
    trial.drop(greeting);
    await desk.audited('cap_binding', before + 3);
    trial.fact('on record');
  },
};

/** The begin of a ClientHello: a record of 512 bytes that never comes. */
const CLIENT_HELLO = Buffer.from('16030102000100 01fc0303'.replace(' ', ''), 'hex');

const slowHandshake: Attack = {
  row: 53,
  play: async (trial) => {
    const one = async (drips: boolean): Promise<void> => {
      const startMs = performance.now();
      const peer = trial.keep(await Peer.connect(trial.target.oaps));
      for (let n = 0; drips && peer.end === undefined && n < CLIENT_HELLO.length; n++) {
        peer.send(CLIENT_HELLO.subarray(n, n + 1));
        await pause(400);
      }
      await trial.reaction(peer, { silent: 'tls_timeout', ping: false });
      const tookMs = performance.now() - startMs;
      trial.ensure(tookMs >= HANDSHAKE_MS_MIN, `closed after ${Math.round(tookMs)} ms`);
    };
    await Promise.all([one(false), one(true)]);
  },
};

const wrongProtocol: Attack = {
  row: 54,
  play: async (trial) => {
    for (const ALPNProtocols of [['h2', 'http/1.1'], ['oap/2'], []]) {
      const alert = await refusedHandshake(trial, { ...papersOf().client, ALPNProtocols });
      trial.ensure(alert !== 'still open', `${ALPNProtocols.join(' and ')}: ${alert}`);
      trial.saw('X 403 tls_alpn');
    }
  },
};

const wrongCertificate: Attack = {
  row: 55,
  play: async (trial) => {
    const { client, expired, foreign } = papersOf();
    const attempts: Record<string, ConnectionOptions> = {
      'TLS 1.2': { ...client, maxVersion: 'TLSv1.2' },
      'no certificate': {},
      'an expired one': expired,
      'a foreign one': foreign,
    };
    for (const [name, options] of Object.entries(attempts)) {
      const alert = await refusedHandshake(trial, options);
      trial.ensure(alert !== 'still open', `${name}: ${alert}`);
      trial.saw('X 401 tls_client');
      trial.fact(`${name}: ${alert}`);
    }
    // HTTP where TLS belongs.
    const garbage = connectTcp(trial.target.oaps.port, trial.target.oaps.host);
    garbage.on('error', () => undefined);
    garbage.write('GET / HTTP/1.1\r\n\r\n');
    await once(garbage.resume(), 'close');
    trial.saw('X 401 tls_client');
  },
};

export const tlsScene: Scene = {
  name: 'TLS with client certificates',
  start: async () => {
    papers = makePapers();
    const { cert, key } = papers.authority.issue('server');
    const args = ['--oaps', '127.0.0.1:0', '--tls-cert', cert, '--tls-key', key, '--tls-client-ca', papers.authority.ca];
    return Target.start({ services: ['vault'], args, belongings: papers });
  },
  attacks: [stolen, wrongProtocol, wrongCertificate, slowHandshake],
};
