import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findCommand, PeerServer } from './peer-server.ts';

/** Redis that flushes before it answers, without snapshots or rewriting beside it. */
export const redis = {
  kind: 'redis',
  subject: 'Redis streams, appendfsync always',
  install: 'apt-get install redis-server',
  /** Undefined where there is no Redis. */
  async start(): Promise<PeerServer | undefined> {
    const command = findCommand('redis-server');
    if (command === undefined) return undefined;
    const folder = mkdtempSync(join(tmpdir(), 'omnigate-redis-'));
    const settings = ['--dir', folder, '--save', '', '--appendonly', 'yes', '--appendfsync', 'always', '--auto-aof-rewrite-percentage', '0'];
    return PeerServer.start(command, (port) => ['--bind', '127.0.0.1', '--port', String(port), ...settings], folder);
  },
} as const;
