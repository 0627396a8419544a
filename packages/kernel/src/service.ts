import type { Histogram } from './metrics.ts';
import type { OapError } from './wire/oap-error.ts';

/**
 * The seam between the kernel and what runs behind it. Everything that crosses
 * is data: header fields and bytes in, statuses and bytes out, so that the same
 * service can later sit behind a broker on another machine.
 */

/** The START frame of one message, as a service sees it. */
export interface ServiceRequest {
  readonly app: number;
  /** Operation of the app. */
  readonly code: number;
  /** Header flags; COMP is already undone and cleared. */
  readonly flags: number;
  /** The tenant_id as signed 32-bit words, most significant first; `tenantToHex` makes it text. */
  readonly tenant0: number;
  readonly tenant1: number;
  readonly tenant2: number;
  readonly tenant3: number;
  readonly corrHi: number;
  readonly corrLo: number;
  /** True when `payload` is the whole message; otherwise more comes through `RequestBody`. */
  readonly complete: boolean;
  /** True for an EVENT: nobody waits for a reply, only a failure would be told. */
  readonly oneWay: boolean;
  /**
   * Payload of the START frame. A service with `borrowsPayload` may read it
   * only until `onRequest` returns; any other owns it.
   */
  readonly payload: Uint8Array;
  /**
   * To be called with each topic or path that the payload names, before anything
   * is done: the caller's capability may be for others only. Judged by data that
   * came with the message.
   *
   * @throws OapError cap_scope, which is the answer
   */
  checkTopic(topic: string): void;
}

/** Where a service puts its answer. Calls after the end, or after a cancel, do nothing. */
export interface ServiceReply {
  /** True once the reply ended, failed, or the peer let go. */
  readonly ended: boolean;
  /** Payload bytes that the peer's credit and the connection take without waiting; 0 once the reply ended. */
  readonly roomBytes: number;
  /**
   * Sends the last, or only, part. `payload` must not be changed afterwards.
   *
   * @param status status code, such as 200
   * @param flags APP_E2E when the payload is the application's own ciphertext
   */
  end(status: number, payload?: Uint8Array, flags?: number): void;
  /**
   * Sends one of several parts; false when the peer's credit or the connection
   * is exhausted: wait for `RequestBody.onDrain` before the next one.
   *
   * @throws Error beyond REPLY_QUEUE_BYTES_MAX of unsent bytes: the service did not wait
   */
  write(status: number, payload: Uint8Array, flags?: number): boolean;
  /** Ends with an error reply. */
  fail(error: OapError): void;
  /** Says that `bytes` of a streamed request were processed, so that the peer may send more. */
  consumed(bytes: number): void;
}

/** What a service wants to hear about a message after its START frame. */
export interface RequestBody {
  /** The reply has no end of its own: it is over, by `onCancel`, when the peer can send nothing more. */
  readonly endless?: boolean;
  /** A further part of a streamed request; borrowed or owned as `ServiceRequest.payload` is. */
  onData?(payload: Uint8Array): void;
  /** The streamed request is complete. */
  onEnd?(): void;
  /** The peer cancelled or is gone; the reply leads nowhere from here on. */
  onCancel?(): void;
  /** Everything written so far was sent; there is room for more. */
  onDrain?(): void;
  /**
   * So many bytes more of what was written, and of the end behind it, have left,
   * in their order, or never will since the connection ended behind the reply:
   * their memory may be changed again. Not told after a cancel, when that never
   * becomes known. Nothing may be written from here.
   */
  onSent?(bytes: number): void;
}

/** Who may call a service: anyone, or only holders of a capability for it. */
export type ServiceAccess = 'open' | 'capability';

/** What admission should know of a service beside its number; all of it may be left out. */
export interface ServiceFacts {
  /** Names of its operations by code, in lower case: capabilities are limited to operations by these, or by code. */
  readonly verbs?: Readonly<Record<number, string>>;
  /** Operations that may wait for something other than work, such as a message to come: their duration says nothing about load. */
  readonly waiting?: readonly number[];
  /**
   * Whether it calls `checkTopic` for every request, with '' where there is no
   * topic. Capabilities that are limited to topics are refused otherwise.
   */
  readonly checksTopics?: boolean;
}

/** A figure of a service, for who watches the node. It has no label: nothing that a peer can choose may add a series. */
export type ServiceMetric = ServiceNumber | ServiceHistogram;

interface ServiceFigure<T> {
  /** Begins with the name of the service; a count ends in `_total`. */
  readonly name: string;
  /** What it says, one sentence. */
  readonly help: string;
  /** Its value at this moment, which is told when somebody asks; undefined while there is none. */
  read(): T | undefined;
}

/** A number that only rises, or a level. */
interface ServiceNumber extends ServiceFigure<number> {
  readonly type: 'counter' | 'gauge';
}

/** How often something took how long. */
export interface ServiceHistogram extends ServiceFigure<Pick<Histogram, 'counts' | 'sum'>> {
  readonly type: 'histogram';
  /** Upper bounds of its buckets; the last one, which has none, comes on top. */
  readonly bounds: readonly number[];
}

/** What a service is given when it starts. */
export interface ServiceContext {
  /** Tells the supervisor that the service cannot go on; it will be stopped and started again. */
  fail(error: unknown): void;
}

/**
 * A service behind one app_proto_id. `onRequest` runs once per message; what it
 * throws is answered as an error: an OapError as it is, anything else as 500
 * `internal`, which also counts as a crash and restarts the service.
 */
export interface Service extends ServiceFacts {
  /** 1 to 65,535, see registry/app_proto_ids.json. */
  readonly appProtoId: number;
  /** Name for logs and metrics. */
  readonly name: string;
  readonly access: ServiceAccess;
  /** Set when `onRequest` and `onData` are done with the payload when they return; saves a copy. */
  readonly borrowsPayload?: boolean;
  /** Payload bytes of one streamed request; STREAM_BYTES_MAX when absent. */
  readonly requestBytesMax?: number;
  /** What it counts, for the metrics of the node. */
  readonly metrics?: readonly ServiceMetric[];
  /** Assumes nothing but what earlier services provide; called again after a crash. */
  start?(context: ServiceContext): Promise<void> | void;
  /** Assumes that no further request will come. */
  stop?(): Promise<void> | void;
  /** Returns what wants to hear of the rest; required unless `request.complete`. */
  onRequest(request: ServiceRequest, reply: ServiceReply): RequestBody | undefined;
}
