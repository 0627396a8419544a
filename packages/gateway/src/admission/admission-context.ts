import type { CapabilityVerifier } from '@omnigate/capability';
import { retryAfterMs } from '@omnigate/kernel';
import type { Refusal, Route } from '@omnigate/kernel';
import type { Load } from '../overload/load.ts';
import type { Quotas } from '../quota/quotas.ts';
import { GatewayReject } from '../rejects.ts';
import { appOf } from './app.ts';
import type { App } from './app.ts';
import type { Denials } from './denials.ts';
import { NonceCounts } from './nonce-counts.ts';

/** What all connections share. */
export class AdmissionContext {
  readonly verifier: CapabilityVerifier;
  readonly load: Load;
  readonly quotas: Quotas;
  readonly denials: Denials;
  /** Names of this node and its deployment, for the caveats `node` and `aud`. */
  readonly node: string;
  readonly audience: string;
  readonly inflight = new NonceCounts();
  /** What to add to the monotonic time for the Unix time; set anew all the time, since the latter is changed by people. */
  unixOffsetMs = 0;

  readonly #random: () => number;
  readonly #apps = new Map<number, App>();

  constructor(parts: Pick<AdmissionContext, 'verifier' | 'load' | 'quotas' | 'denials' | 'node' | 'audience'>, random: () => number) {
    this.verifier = parts.verifier;
    this.load = parts.load;
    this.quotas = parts.quotas;
    this.denials = parts.denials;
    this.node = parts.node;
    this.audience = parts.audience;
    this.#random = random;
  }

  /** The application of a route; there are as many as the bus has routes. */
  app(route: Route): App {
    const { appProtoId, name } = route;
    let app = this.#apps.get(appProtoId);
    if (app === undefined) {
      app = appOf(route, this.load.app(appProtoId, name));
      this.#apps.set(appProtoId, app);
    }
    return app;
  }

  overloaded(): Refusal {
    return { reject: GatewayReject.overload, retryAfterMs: this.retryAfterMs() };
  }

  /** When to come back where nobody knows how long it takes. */
  retryAfterMs(): number {
    return retryAfterMs(0, this.#random());
  }
}
