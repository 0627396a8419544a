import { ServiceApp } from '../servers/costly-services.ts';
import type { OfferedRequest } from '../clients/offer-connection.ts';
import { ECHO_PAYLOAD_BYTES, READY_PATIENCE_MS, READY_POLL_MS } from '../bounds.ts';
import { WorkerProcess } from '../process/worker-process.ts';
import type { Address, Usage } from '../process/worker-protocol.ts';

/** What a node answers at /readyz. */
export interface Readiness {
  readonly ready: boolean;
  /** Whether overload is among the reasons. */
  readonly overloaded: boolean;
  readonly latencyMs: number;
}

/** A node with services of known cost, and those who may mint its capabilities. */
export class GuardedNode implements AsyncDisposable {
  readonly #process: WorkerProcess;

  /** @param quotas as docs/QUOTAS.md has them */
  constructor(quotas: object, nodeArgs: readonly string[]) {
    this.#process = new WorkerProcess('servers/guarded-main', [JSON.stringify(quotas)], nodeArgs);
  }

  async address(): Promise<Address> {
    return this.#process.address();
  }

  /** Process id. */
  get pid(): number {
    return this.#process.pid;
  }

  async usage(): Promise<Usage> {
    return this.#process.usage();
  }

  /** Bytes in use once the garbage is gone. */
  async heapBytes(): Promise<number> {
    return this.#process.ask<number>('heap');
  }

  async mint(tenants: readonly string[]): Promise<Uint8Array[]> {
    return this.#process.ask<Uint8Array[]>('mint', tenants);
  }

  /** Requests to a service, one for each tenant. */
  async requests(app: number, tenants: readonly string[]): Promise<OfferedRequest[]> {
    const capabilities = await this.mint(tenants);
    // An echo comes back with its payload; the others answer with nothing.
    const payloadBytes = app === ServiceApp.ECHO ? 0 : ECHO_PAYLOAD_BYTES;
    return tenants.map((tenant, index) => ({ app, payloadBytes, tenant, capability: capabilities[index] as Uint8Array }));
  }

  async readiness(): Promise<Readiness> {
    const { host, port } = await this.#process.ask<Address>('admin');
    const startMs = performance.now();
    const response = await fetch(`http://${host}:${port}/readyz`);
    const body = (await response.json()) as { readonly reasons?: readonly { readonly reason: string }[] };
    return {
      ready: response.status === 200,
      overloaded: body.reasons?.some(({ reason }) => reason === 'overload') === true,
      latencyMs: performance.now() - startMs,
    };
  }

  /** Seconds until the node calls itself ready; NaN when it does not in time. */
  async secondsUntilReady(): Promise<number> {
    const startMs = performance.now();
    for (;;) {
      const { ready } = await this.readiness();
      const elapsedMs = performance.now() - startMs;
      if (ready) return elapsedMs / 1_000;
      if (elapsedMs > READY_PATIENCE_MS) return Number.NaN;
      await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }
}

/** The `number`-th tenant, 32 hex digits. */
export function tenantOf(number: number): string {
  return number.toString(16).padStart(32, '0');
}
