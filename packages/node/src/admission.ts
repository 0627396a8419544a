import { join } from 'node:path';
import { CapabilityError, CAPABILITY_FOLDER, CapabilityStore } from '@omnigate/capability';
import { AdmissionControl } from '@omnigate/gateway';
import type { LoadProbes, QuotaSettings } from '@omnigate/gateway';
import type { Logger } from '@omnigate/kernel';

/** What admission needs of its node. */
export interface NodeAdmissionOptions {
  /** Data directory of the node. */
  readonly data: string;
  readonly nodeId: string;
  /** Name of the deployment, for the caveat `aud`. */
  readonly audience: string | undefined;
  readonly quotas: QuotaSettings | undefined;
  /** Whether a late event loop or a full heap makes the node refuse work. */
  readonly loadShedding: boolean;
  readonly logger: Logger;
}

/** What load is judged by where it is not to be measured. */
const UNTROUBLED: LoadProbes = { loopDelayMs: () => 0, heapPercent: () => 0, [Symbol.dispose]: () => undefined };

/**
 * Who may do what on one node, and how much: its keys and revocations, which
 * `ronctl` may change beside it, and the admission that goes by them.
 */
export class NodeAdmission implements AsyncDisposable {
  readonly control: AdmissionControl;
  readonly store: CapabilityStore;

  private constructor(control: AdmissionControl, store: CapabilityStore) {
    this.control = control;
    this.store = store;
  }

  /**
   * Opens the keys of a node; makes them at its first start.
   *
   * @throws CapabilityError when they cannot be used
   */
  static async open({ data, nodeId, audience = '', quotas, loadShedding, logger }: NodeAdmissionOptions): Promise<NodeAdmission> {
    const folder = join(data, CAPABILITY_FOLDER);
    await createOnce(folder);
    const store = await CapabilityStore.open({
      folder,
      auditLog: 'node',
      onError: (err) => {
        logger.error({ event: 'CapabilityTrouble', err }, 'keys, revocations or audit log cannot be read or written');
      },
    });
    const { verifier, audit } = store;
    const control = new AdmissionControl({ verifier, audit, node: nodeId, audience, quotas, ...(loadShedding ? {} : { probes: UNTROUBLED }) });
    return new NodeAdmission(control, store);
  }

  /** Follows the load, and what `ronctl` does to keys and revocations. */
  watch(): void {
    this.control.watch();
    this.store.watch();
  }

  /** Assumes that no server uses it any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.control[Symbol.dispose]();
    await this.store.close();
  }
}

async function createOnce(folder: string): Promise<void> {
  try {
    await CapabilityStore.create(folder, { nowMs: Date.now() });
  } catch (error) {
    if (!(error instanceof CapabilityError && error.code === 'file_exists')) throw error;
  }
}
