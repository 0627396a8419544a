import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CAPABILITY_FOLDER, mintCapability, readKeyring } from '@omnigate/capability';
import { createLogger } from '@omnigate/kernel';
import { createNode } from '@omnigate/node';
import { CAPABILITY_TTL_MS } from '../bounds.ts';
import { answerParent } from '../process/worker-loop.ts';
import type { Address } from '../process/worker-protocol.ts';
import { costlyServices } from './costly-services.ts';

/**
 * A node with services of known cost. Its quotas, as docs/QUOTAS.md has them, are
 * the first argument; whoever starts it may also mint its capabilities.
 */
const folder = mkdtempSync(join(tmpdir(), 'omnigate-performance-'));
process.on('exit', () => {
  rmSync(folder, { recursive: true, force: true });
});
const data = join(folder, 'data');
const quotas = join(folder, 'quotas.json');
writeFileSync(quotas, process.argv[2] ?? '{}');

const node = await createNode({
  data,
  quotas,
  oap: '127.0.0.1:0',
  admin: '127.0.0.1:0',
  services: costlyServices(),
  logger: createLogger({ level: 'error' }),
});
const { keyring } = await readKeyring(join(data, CAPABILITY_FOLDER, 'keyring.json'));

answerParent({
  address: (): Address => addressOf(node.addresses.oap),
  admin: (): Address => addressOf(node.addresses.admin),
  /** One capability for each tenant, for all applications. */
  mint: (tenants: readonly string[]) => {
    const nowMs = Date.now();
    return tenants.map((tenant) => mintCapability(keyring, { tenant, nowMs, ttlMs: CAPABILITY_TTL_MS }).bytes);
  },
  /** Bytes in use once the garbage is gone; needs `--expose-gc`. */
  heap: (): number => {
    globalThis.gc?.();
    return process.memoryUsage().heapUsed;
  },
});

function addressOf(address: Address | undefined): Address {
  if (address === undefined) throw new Error('the node does not listen');
  return { host: address.host, port: address.port };
}
