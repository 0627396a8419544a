import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { POSTGRES_ROLE } from '../queues/postgres-connection.ts';
import { findCommand, makeFolder, PeerServer } from './peer-server.ts';

/** Where Debian has the programs of each version. */
const VERSIONS = '/usr/lib/postgresql';

/** PostgreSQL with its defaults, which are durable, and memory to work in. */
export const postgres = {
  kind: 'postgres',
  subject: 'PostgreSQL, SKIP LOCKED',
  install: 'apt-get install postgresql',
  /** Undefined where there is no PostgreSQL. */
  async start(): Promise<PeerServer | undefined> {
    const folders = existsSync(VERSIONS) ? readdirSync(VERSIONS).map((version) => join(VERSIONS, version, 'bin')) : [];
    const command = findCommand('postgres', folders);
    const initdb = findCommand('initdb', folders);
    if (command === undefined || initdb === undefined) return undefined;
    const folder = makeFolder('postgres');
    const user = ordinaryUser();
    if (user !== undefined) chownSync(folder, user.uid, user.gid);
    const data = join(folder, 'data');
    execFileSync(initdb, ['-D', data, '-A', 'trust', '-U', POSTGRES_ROLE], { ...user, cwd: folder, stdio: 'ignore' });
    const settings = { listen_addresses: '127.0.0.1', unix_socket_directories: folder, shared_buffers: '256MB', max_wal_size: '4GB' };
    const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    return PeerServer.start(command, (port) => ['-D', data, '-p', String(port), ...args], folder, { ...user, cwd: folder });
  },
} as const;

/** PostgreSQL does not run as root; where we are, it gets the user that its package made. */
function ordinaryUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const idOf = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: idOf('-u'), gid: idOf('-g') };
}
