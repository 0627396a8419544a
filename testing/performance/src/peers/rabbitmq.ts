import { join } from 'node:path';
import { findCommand, freePort, makeFolder, PeerServer } from './peer-server.ts';

/** Where Debian has the server itself; the command in the search path is for the service. */
const FOLDERS = ['/usr/lib/rabbitmq/bin'];
/** The directory of nodes that a node insists on ends with it, and would otherwise stay for good. */
const START = 'setpriv --pdeathsig KILL epmd -address 127.0.0.1 & RABBITMQ_NODE_PORT="$1" exec "$0"';

/** RabbitMQ with its defaults, as a node of its own that is found and reached from this machine alone. */
export const rabbitmq = {
  kind: 'rabbitmq',
  subject: 'RabbitMQ, quorum queue',
  install: 'apt-get install rabbitmq-server',
  /** Undefined where there is no RabbitMQ. */
  async start(): Promise<PeerServer | undefined> {
    const command = findCommand('rabbitmq-server', FOLDERS);
    if (command === undefined) return undefined;
    const folder = makeFolder('rabbitmq');
    const [epmdPort, distPort] = [await freePort(), await freePort()];
    const env = {
      ...process.env,
      HOME: folder,
      ERL_EPMD_PORT: String(epmdPort),
      RABBITMQ_NODENAME: 'bench@localhost',
      RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
      RABBITMQ_DIST_PORT: String(distPort),
      RABBITMQ_MNESIA_BASE: join(folder, 'data'),
      RABBITMQ_LOG_BASE: join(folder, 'log'),
      RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq'),
      RABBITMQ_CONF_ENV_FILE: join(folder, 'rabbitmq-env.conf'),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
      // The server replaces the shell that starts it, ends at once when it is interrupted, and asks nothing.
      RABBITMQ_ALLOW_INPUT: '1',
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-noinput +Bd -kernel inet_dist_use_interface {127,0,0,1}',
    };
    return PeerServer.start('/bin/sh', (port) => ['-c', START, command, String(port)], folder, { env });
  },
} as const;
