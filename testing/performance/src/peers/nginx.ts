import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findCommand, makeFolder, PeerServer } from './peer-server.ts';

/** Where Debian has it, which is not in everyone's search path. */
const FOLDERS = ['/usr/sbin', '/usr/local/sbin'];
/** Its folders for bodies that it takes, which are not to be made elsewhere. */
const SPOOLS = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];

/** nginx that serves files by one process and sendfile. */
export const nginx = {
  subject: 'nginx',
  install: 'apt-get install nginx-light',
  /** Undefined where there is no nginx. */
  async start(files: string): Promise<PeerServer | undefined> {
    const command = findCommand('nginx', FOLDERS);
    if (command === undefined) return undefined;
    const folder = makeFolder('nginx');
    return PeerServer.start(command, (port) => {
      writeFileSync(join(folder, 'nginx.conf'), configuration(folder, files, port));
      return ['-p', folder, '-c', 'nginx.conf', '-e', 'error.log'];
    }, folder);
  },
} as const;

function configuration(folder: string, files: string, port: number): string {
  return `
daemon off;
master_process off;
pid ${folder}/pid;
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  # Whoever is measured in turn is idle while the others are.
  keepalive_timeout 120s;
  keepalive_requests 1000000000;
  ${SPOOLS.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
  server { listen 127.0.0.1:${port}; root ${files}; }
}
`;
}
