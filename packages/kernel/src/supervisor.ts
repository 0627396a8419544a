import { encode } from '@msgpack/msgpack';
import type { LocalBus, LocalRoute, Route } from './bus.ts';
import { monotonicClock } from './clock.ts';
import type { Clock } from './clock.ts';
import { RESTART_BACKOFF_MS, RESTART_BACKOFF_MS_MAX, RESTART_HEALTHY_MS, SERVICE_STEP_TIMEOUT_MS } from './limits.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';
import type { Service } from './service.ts';
import { Reject } from './wire/reject.ts';

/** Bus topic of crashes; the payload is a MessagePack map `{service, reason}`. */
export const SERVICE_CRASHED_TOPIC = 'kernel.service_crashed';

/** Why a service is considered crashed. */
export type CrashReason = 'handler_threw' | 'service_failed' | 'start_failed';

/** What a supervisor needs. */
export interface SupervisorOptions {
  readonly bus: LocalBus;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock?: Clock;
}

interface Supervised {
  readonly route: LocalRoute;
  startedMs: number;
  /** Crashes in a row, none of them after a healthy run. */
  failures: number;
  /** Counts the starts: what an earlier run still has to say is about something that is gone. */
  run: number;
  /** Set while a restart is under way. */
  restart: Promise<void> | undefined;
}

/**
 * Starts services in order, stops them in reverse, and starts a crashed one
 * again after a pause that doubles up to RESTART_BACKOFF_MS_MAX. A service that
 * is not running answers 503 `service_unavailable`.
 */
export class Supervisor {
  readonly #bus: LocalBus;
  readonly #metrics: Metrics;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #services: Supervised[] = [];
  readonly #stopping = new AbortController();

  constructor(options: SupervisorOptions) {
    this.#bus = options.bus;
    this.#metrics = options.metrics;
    this.#logger = options.logger;
    this.#clock = options.clock ?? monotonicClock;
  }

  /** Names of the services that cannot take requests at the moment. */
  get unavailable(): string[] {
    return this.#services.filter(({ route }) => !route.available).map(({ route }) => route.name);
  }

  /**
   * Starts `service` behind those that run already. The first start must work:
   * a service that never ran is a mistake of the operator, not a crash.
   *
   * @throws Error of the service, or when its app_proto_id is taken
   */
  async start(service: Service): Promise<void> {
    const supervised: Supervised = {
      route: this.#bus.attach(service),
      startedMs: 0,
      failures: 0,
      run: 0,
      restart: undefined,
    };
    this.#services.push(supervised);
    await this.#startOnce(supervised);
  }

  /** A service threw while it handled a message. */
  crashed(route: Route, error: unknown): void {
    const supervised = this.#services.find((other) => other.route === route);
    if (supervised !== undefined) this.#onCrash(supervised, 'handler_threw', error);
  }

  /** Stops all services, the last one first; assumes that no request is under way. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const supervised of this.#services.toReversed()) {
      await supervised.restart;
      if (supervised.route.available) await this.#stopOnce(supervised);
    }
  }

  async #startOnce(supervised: Supervised): Promise<void> {
    const { route } = supervised;
    const run = ++supervised.run;
    const failed: unknown[] = [];
    const context = {
      fail: (error: unknown) => {
        if (run !== supervised.run) return;
        if (route.available) this.#onCrash(supervised, 'service_failed', error);
        else failed.push(error);
      },
    };
    await withTimeout(route.service.start?.(context), `service ${route.name} did not start`);
    if (failed.length > 0) throw failed[0];
    supervised.startedMs = this.#clock.now();
    route.available = true;
  }

  async #stopOnce(supervised: Supervised): Promise<void> {
    const { route } = supervised;
    route.available = false;
    try {
      await withTimeout(route.service.stop?.(), `service ${route.name} did not stop`);
    } catch (error) {
      this.#logger.error({ service: route.name, err: error }, 'service did not stop cleanly');
    }
  }

  #onCrash(supervised: Supervised, reason: CrashReason, error: unknown): void {
    // What crashes while the service is down belongs to the crash that brought it down.
    if (!supervised.route.available || this.#stopping.signal.aborted) return;
    supervised.route.available = false;
    this.#report(supervised, reason, error);
    const restart = this.#restart(supervised).finally(() => {
      if (supervised.restart === restart) supervised.restart = undefined;
    });
    supervised.restart = restart;
  }

  #report({ route }: Supervised, reason: CrashReason, error: unknown): void {
    this.#metrics.reject(Reject.service_crashed);
    this.#logger.error({ event: 'ServiceCrashed', service: route.name, reason, err: error }, 'service crashed');
    this.#bus.publish(SERVICE_CRASHED_TOPIC, encode({ service: route.name, reason }));
  }

  async #restart(supervised: Supervised): Promise<void> {
    const { route } = supervised;
    if (this.#clock.now() - supervised.startedMs >= RESTART_HEALTHY_MS) supervised.failures = 0;
    await this.#stopOnce(supervised);
    for (;;) {
      const pauseMs = Math.min(RESTART_BACKOFF_MS * 2 ** supervised.failures, RESTART_BACKOFF_MS_MAX);
      supervised.failures++;
      await this.#pause(pauseMs);
      if (this.#stopping.signal.aborted) return;
      try {
        await this.#startOnce(supervised);
        this.#logger.info({ service: route.name, pauseMs }, 'service runs again');
        return;
      } catch (error) {
        this.#report(supervised, 'start_failed', error);
      }
    }
  }

  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const { signal } = this.#stopping;
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done);
      if (signal.aborted) done();
    });
  }
}

async function withTimeout(step: Promise<void> | void, what: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`${what} within ${SERVICE_STEP_TIMEOUT_MS} ms`));
    }, SERVICE_STEP_TIMEOUT_MS);
  });
  try {
    await Promise.race([step, late]);
  } finally {
    clearTimeout(timer);
  }
}
