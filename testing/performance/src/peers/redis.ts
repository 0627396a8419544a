import { findCommand, makeFolder, PeerServer } from './peer-server.ts';

const INSTALL = 'apt-get install redis-server';

/** Streams of Redis. */
export const redis = { kind: 'redis', subject: 'Redis streams, appendfsync always', install: INSTALL, start } as const;

/** BullMQ, which keeps its jobs in Redis. */
export const bullmq = { kind: 'bullmq', subject: 'BullMQ, appendfsync always', install: INSTALL, start } as const;

/** Redis that flushes before it answers, without snapshots or rewriting beside it; undefined where there is none. */
async function start(): Promise<PeerServer | undefined> {
  const command = findCommand('redis-server');
  if (command === undefined) return undefined;
  const folder = makeFolder('redis');
  const settings = ['--dir', folder, '--save', '', '--appendonly', 'yes', '--appendfsync', 'always', '--auto-aof-rewrite-percentage', '0'];
  return PeerServer.start(command, (port) => ['--bind', '127.0.0.1', '--port', String(port), ...settings], folder);
}
