import { BUS_SUBSCRIBERS_MAX, BUS_TOPICS_MAX, STREAM_BYTES_MAX } from './limits.ts';
import type { Metrics } from './metrics.ts';
import type { RequestBody, Service, ServiceAccess, ServiceFacts, ServiceReply, ServiceRequest } from './service.ts';
import { SubscriberQueue } from './subscriber-queue.ts';
import type { Subscriber, SubscriberErrorHandler } from './subscriber-queue.ts';

/** Ends a subscription. */
export interface Subscription {
  unsubscribe(): void;
}

/** The one handler of an app_proto_id, and what was counted for it. */
export interface Route {
  readonly appProtoId: number;
  readonly name: string;
  readonly access: ServiceAccess;
  readonly borrowsPayload: boolean;
  /** Payload bytes of one streamed request. */
  readonly requestBytesMax: number;
  /** What the service says of itself to admission. */
  readonly facts: Required<ServiceFacts>;
  /** False while the service is being started (again). */
  readonly available: boolean;
  /** Messages handed to the service since the start. */
  requests: number;
}

/**
 * How messages reach services. In process a request is a function call; another
 * implementation may carry the same calls to another machine, so nothing that
 * crosses may be a closure or shared memory.
 */
export interface Bus {
  /** The route of an app_proto_id, `undefined` when nothing is registered for it. */
  route(appProtoId: number): Route | undefined;
  /** Hands a message to its service; throws what the service throws. */
  request(route: Route, request: ServiceRequest, reply: ServiceReply): RequestBody | undefined;
  /** Tells all subscribers of a topic; a subscriber that lags loses its oldest events. */
  publish(topic: string, payload: Uint8Array): void;
  /** @throws RangeError beyond BUS_TOPICS_MAX or BUS_SUBSCRIBERS_MAX */
  subscribe(topic: string, subscriber: Subscriber): Subscription;
}

/** A route of the in-process bus; the supervisor switches it on and off. */
export interface LocalRoute extends Route {
  readonly service: Service;
  available: boolean;
}

/** The bus of one process. */
export class LocalBus implements Bus {
  readonly #metrics: Metrics;
  readonly #routes = new Map<number, LocalRoute>();
  readonly #topics = new Map<string, Set<SubscriberQueue>>();

  readonly #onSubscriberError: SubscriberErrorHandler;

  /** @param onSubscriberError told of what subscribers throw; nobody else is harmed by it */
  constructor(metrics: Metrics, onSubscriberError: SubscriberErrorHandler) {
    this.#metrics = metrics;
    this.#onSubscriberError = onSubscriberError;
  }

  /** All routes, in the order they were attached. */
  get routes(): Iterable<LocalRoute> {
    return this.#routes.values();
  }

  /**
   * Makes a service reachable; it is not available until the supervisor says so.
   *
   * @throws RangeError when the app_proto_id is not 1 to 65,535 or is taken
   */
  attach(service: Service): LocalRoute {
    const id = service.appProtoId;
    if (!Number.isInteger(id) || id < 1 || id > 0xffff) {
      throw new RangeError(`service ${service.name}: app_proto_id ${id} is not between 1 and 65535`);
    }
    const other = this.#routes.get(id);
    if (other !== undefined) {
      throw new RangeError(`service ${service.name}: app_proto_id ${id} is taken by service ${other.name}`);
    }
    const route: LocalRoute = {
      service,
      appProtoId: id,
      name: service.name,
      access: service.access,
      borrowsPayload: service.borrowsPayload ?? false,
      requestBytesMax: service.requestBytesMax ?? STREAM_BYTES_MAX,
      facts: { verbs: service.verbs ?? {}, waiting: service.waiting ?? [], checksTopics: service.checksTopics ?? false },
      available: false,
      requests: 0,
    };
    this.#routes.set(id, route);
    return route;
  }

  route(appProtoId: number): LocalRoute | undefined {
    return this.#routes.get(appProtoId);
  }

  request(route: LocalRoute, request: ServiceRequest, reply: ServiceReply): RequestBody | undefined {
    route.requests++;
    return route.service.onRequest(request, reply);
  }

  publish(topic: string, payload: Uint8Array): void {
    const queues = this.#topics.get(topic);
    if (queues === undefined) return;
    // Not slice(), which of a Buffer is no copy.
    const own = new Uint8Array(payload);
    for (const queue of queues) this.#metrics.busDropped += queue.push(own);
  }

  subscribe(topic: string, subscriber: Subscriber): Subscription {
    let queues = this.#topics.get(topic);
    if (queues === undefined) {
      if (this.#topics.size >= BUS_TOPICS_MAX) throw new RangeError(`more than ${BUS_TOPICS_MAX} topics have subscribers`);
      queues = new Set();
      this.#topics.set(topic, queues);
    }
    if (queues.size >= BUS_SUBSCRIBERS_MAX) {
      throw new RangeError(`topic ${topic} has ${BUS_SUBSCRIBERS_MAX} subscribers already`);
    }
    const queue = new SubscriberQueue(topic, subscriber, this.#onSubscriberError);
    queues.add(queue);
    return {
      unsubscribe: () => {
        queue.close();
        queues.delete(queue);
        if (queues.size === 0 && this.#topics.get(topic) === queues) this.#topics.delete(topic);
      },
    };
  }
}
