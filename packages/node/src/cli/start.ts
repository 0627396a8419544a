import { isatty } from 'node:tty';
import { createLogger } from '@omnigate/kernel';
import type { Logger } from '@omnigate/kernel';
import type { Config } from '../config/resolve.ts';
import type { Settings } from '../config/settings.ts';
import { loadService } from '../load-service.ts';
import { createNode } from '../node.ts';
import type { OmnigateNode } from '../node.ts';
import { banner } from './banner.ts';
import { ExitCode } from './exit-code.ts';
import { handleSignals } from './signals.ts';
import { TextLog } from './text-log.ts';

/**
 * `omnigate start`: runs a node until it is told to stop. JSON log lines go to
 * standard output, or lines for people when that is a terminal; the banner goes
 * to standard error, so that neither disturbs the other.
 *
 * @throws ConfigError, or Error when the node does not start
 */
export async function start({ settings }: Config): Promise<void> {
  // Asked now: a terminal that was closed is none any more.
  const inTerminal = isatty(0);
  const logger = loggerOf(settings);
  process.on('uncaughtException', (error) => {
    die(logger, error, 'uncaught exception');
  });
  process.on('unhandledRejection', (error) => {
    die(logger, error, 'unhandled rejection');
  });
  const services = await Promise.all(settings.services.map(loadService));
  const node = await createNode({ ...settings, services, logger });
  handleSignals({
    onStop: (signal) => {
      void stop(node, signal);
    },
    onStopAgain: (signal) => {
      node.logger.warn({ signal }, 'second signal; open requests are cut off');
      process.exit(ExitCode.FAILED);
    },
    onHangUp: () => {
      // A terminal says so when it is closed; without files to read again there is nothing else it could mean.
      if (inTerminal && settings.oaps === 'off' && settings.quotas === undefined) void hangUp(node);
      else node.reload();
    },
  });
  if (settings.logFormat !== 'json') process.stderr.write(banner(node));
}

async function stop(node: OmnigateNode, signal: NodeJS.Signals): Promise<void> {
  const { complete } = await node.drain(signal);
  if (!complete) node.logger.warn('time was up before all requests were answered; they were cut off');
  // A timer or socket that a service left behind must not keep the process.
  process.exit(complete ? ExitCode.OK : ExitCode.FAILED);
}

/** Stops a node whose terminal is gone: nobody reads what it writes, and Node.js would abort in an ordinary exit. */
async function hangUp(node: OmnigateNode): Promise<void> {
  for (const output of [process.stdout, process.stderr]) output.on('error', () => undefined);
  await node.drain('SIGHUP');
  process.removeAllListeners('SIGHUP');
  process.kill(process.pid, 'SIGHUP');
}

/** The state of the process is unknown from here on; only the log is certain. */
function die(logger: Logger, error: unknown, what: string): void {
  logger.fatal({ err: error }, what);
  process.exit(ExitCode.FAILED);
}

function loggerOf({ logLevel: level, logFormat }: Settings): Logger {
  const text = logFormat === 'text' || (logFormat === 'auto' && process.stdout.isTTY);
  return createLogger({ level, ...(text ? { destination: new TextLog(process.stdout) } : {}) });
}
