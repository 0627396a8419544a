import { CapabilityStore, mintCapability } from '@omnigate/capability';
import { connect } from '@omnigate/sdk';
import type { CapabilityFunction, Client } from '@omnigate/sdk';
import { CAPABILITY_MS, DEADLINE_MS } from '../bounds.ts';
import type { LoadTarget } from './workload.ts';

/** Tenant of all that is done in good faith. */
const TENANT = '00112233445566778899aabbccddeeff';

/** Mints with the key that is active when it is asked, as a service beside the node would. */
function minting({ capabilityFolder }: LoadTarget): CapabilityFunction {
  return async () => {
    const { keyring } = await CapabilityStore.readVerifier(capabilityFolder);
    return mintCapability(keyring, { tenant: TENANT, ttlMs: CAPABILITY_MS, nowMs: Date.now() }).bytes;
  };
}

/** A client of the tenant, over TLS where that is asked for. */
export async function connectTo(target: LoadTarget, tls: 'plain' | 'tls' = 'plain'): Promise<Client> {
  const cap = minting(target);
  if (tls === 'plain') return connect({ url: target.url, cap, deadlineMs: DEADLINE_MS });
  return connect({ url: target.tlsUrl, cap, deadlineMs: DEADLINE_MS, tls: { caFile: target.caFile } });
}
