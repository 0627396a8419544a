import { createLogger, LocalBus, Metrics, OapServer } from '@omnigate/kernel';
import { ConfigError } from '../config/config-error.ts';
import type { Settings } from '../config/settings.ts';
import { loadService } from '../load-service.ts';
import { ownServices } from '../own-services.ts';
import { readQuotaFile } from '../quota-file.ts';

/**
 * What can be known before a start: that the modules of the services load, that
 * no two want one app_proto_id, and that quotas and TLS files work. Opens no port of
 * the settings and touches no data.
 *
 * @throws ConfigError
 */
export async function check(settings: Settings): Promise<void> {
  const metrics = new Metrics();
  const logger = createLogger({ level: 'silent' });
  const bus = new LocalBus(metrics, () => undefined);
  const services = await Promise.all(settings.services.map(loadService));
  const { oaps, tlsCert: cert, tlsKey: key, tlsClientCa: clientCa } = settings;
  const server = new OapServer({
    bus,
    metrics,
    logger,
    name: '',
    onServiceCrash: () => undefined,
  });
  try {
    const all = [...ownServices(settings.data, settings, logger), ...services];
    for (const service of all) bus.attach(service);
    if (settings.quotas !== undefined) readQuotaFile(settings.quotas, all);
    if (oaps === 'off' || cert === undefined || key === undefined) return;
    // The files are tried as a listener would use them, on a port that is surely free.
    await server.listen({ host: '127.0.0.1', port: 0 }, { cert, key, ...(clientCa === undefined ? {} : { clientCa }) });
  } catch (error) {
    throw error instanceof ConfigError ? error : new ConfigError([(error as Error).message], { cause: error });
  } finally {
    await server[Symbol.asyncDispose]();
  }
}
