import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { NGINX_START_TIMEOUT_MS } from '../bounds.ts';
import { answerParent } from '../process/worker-loop.ts';
import type { Usage } from '../process/worker-protocol.ts';

/**
 * nginx that serves the files of a folder, the first argument, by one process and
 * sendfile. The second argument is its program. What it used is what the system
 * says of that process, not of this one.
 */
const [, , files = '', program = ''] = process.argv;
const folder = mkdtempSync(join(tmpdir(), 'omnigate-nginx-'));
process.on('exit', () => {
  nginx.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

const address = { host: '127.0.0.1', port: await freePort() };
writeFileSync(
  join(folder, 'nginx.conf'),
  `daemon off;
  master_process off;
  pid ${folder}/pid;
  events { worker_connections 1024; }
  http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    keepalive_timeout 120s;
    ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
    server { listen ${address.host}:${address.port}; root ${files}; }
  }`,
);
const nginx = spawn(program, ['-p', folder, '-c', 'nginx.conf', '-e', 'error.log'], { stdio: ['ignore', 'ignore', 'inherit'] });
nginx.on('exit', () => {
  throw new Error(`nginx ended:\n${readFileSync(join(folder, 'error.log'), 'utf8')}`);
});
await listening();
answerParent({ address: () => address, usage: nginxUsage });

/** CPU time and memory of nginx, which has one thread. */
function nginxUsage(): Usage {
  const [nanoseconds = ''] = readFileSync(`/proc/${String(nginx.pid)}/schedstat`, 'utf8').split(' ');
  const resident = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${String(nginx.pid)}/status`, 'utf8'))?.[1];
  return { cpuSeconds: Number(nanoseconds) / 1e9, rssBytes: Number(resident) * 1_024 };
}

/** nginx cannot be told to choose a port. */
async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function listening(): Promise<void> {
  const endMs = performance.now() + NGINX_START_TIMEOUT_MS;
  for (;;) {
    const socket = connect(address);
    try {
      await once(socket, 'connect');
      return;
    } catch (error) {
      if (performance.now() > endMs) throw error;
      await sleep(10);
    } finally {
      socket.destroy();
    }
  }
}
