import type { Command } from 'commander';
import { resolveConfig } from '../config/resolve.ts';
import type { Config } from '../config/resolve.ts';

/** What commander makes of the options below. */
interface ConfigFlags {
  readonly config?: string;
  readonly data?: string;
  readonly oap?: string;
  readonly oaps?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsClientCa?: string;
  readonly admin?: string;
  readonly quotas?: string;
  readonly service?: string[];
  readonly logLevel?: string;
}

/** Adds the options by which settings are given on a command line. */
export function addConfigOptions(command: Command): Command {
  return command
    .option('--config <file>', 'JSON file with settings (or OMNIGATE_CONFIG)')
    .option('--data <dir>', 'folder for what the node remembers (default: ./.omnigate)')
    .option('--oap <host:port>', 'listen for plain TCP, or "off" (default: 127.0.0.1:6270)')
    .option('--oaps <host:port>', 'listen for TLS 1.3; needs --tls-cert and --tls-key (default: off)')
    .option('--tls-cert <file>', 'PEM certificate chain of the TLS listener')
    .option('--tls-key <file>', 'PEM private key of the certificate')
    .option('--tls-client-ca <file>', 'PEM authorities; clients must then show a certificate of theirs')
    .option('--admin <host:port>', 'HTTP for /livez, /readyz and /metrics, or "off" (default: 127.0.0.1:6279)')
    .option('--quotas <file>', 'JSON file that says who may use how much; read again when it changes')
    .option('--service <module>', 'ES module that exports a service; may be repeated', (path: string, paths: string[] | undefined) => [...(paths ?? []), path])
    .option('--log-level <level>', 'trace, debug, info, warn, error, fatal or silent (default: info)');
}

/** Settings in effect for a command line. @throws ConfigError */
export function configOf(flags: ConfigFlags): Config {
  const { config, service, ...rest } = flags;
  return resolveConfig({
    flags: service === undefined ? rest : { ...rest, services: service },
    configFile: config,
    env: process.env,
    cwd: process.cwd(),
  });
}

export type { ConfigFlags };
