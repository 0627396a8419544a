import { APP_CONTROL, ControlOp, OapError, Reject } from '@omnigate/kernel/wire';
import type { GoAway, HelloReply } from '@omnigate/kernel/wire';
import { askFirst, CapabilitySource } from './capability-source.ts';
import { Call } from './call.ts';
import type { Reply } from './call.ts';
import { Calls, clientClosed } from './calls.ts';
import { resolveEndpoint } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';
import { EventMessage } from './event-message.ts';
import { Hooks } from './hooks.ts';
import type { Unsubscribe } from './hooks.ts';
import { CLOSE_GRACE_MS } from './limits.ts';
import { Mailbox } from './mailbox/mailbox.ts';
import { MailboxLink } from './mailbox/mailbox-link.ts';
import type { TopicDefaults, TopicStats } from './mailbox/settings.ts';
import { configureDefaults, listTopics } from './mailbox/topics.ts';
import { readConnectOptions, readRequestOptions, readTenant } from './options.ts';
import type { CallTerms, ClientSettings, ConnectOptions, RequestOptions } from './options.ts';
import { Storage } from './storage/storage.ts';
import { StreamExchange } from './stream.ts';
import type { ByteStream, StreamBody } from './stream.ts';
import { Sweep } from './sweep.ts';
import { Uplink } from './uplink.ts';
import type { UplinkEvents } from './uplink.ts';

/** What a stream may ask for beyond what a request may. Its deadline is none unless it asks for one. */
export interface StreamOptions extends RequestOptions {
  /**
   * The request. Bytes are sent as one message, which is what an operation
   * without a streamed request wants; an iterable is written chunk by chunk.
   * Absent, the stream is written with `write()` and `end()`.
   */
  readonly body?: StreamBody | undefined;
}

/** On whose behalf a mailbox is used, where that is not the client's. */
export type MailboxOptions = Pick<RequestOptions, 'cap' | 'tenant' | 'deadlineMs'>;

/** On whose behalf storage is used, where that is not the client's. */
export type StorageOptions = MailboxOptions;

const NOTHING = new Uint8Array(0);
const APP_ECHO = 1;
const OP_ECHO = 0;

/**
 * A client of one node. It keeps one connection, makes a new one when that is
 * lost or drained, and runs any number of requests over it at the same time.
 * Every failure is an OapError that says what to do next.
 */
export class Client implements AsyncDisposable {
  readonly #endpoint: Endpoint;
  readonly #settings: ClientSettings;
  readonly #capability: CapabilitySource;
  readonly #hooks: Hooks<Client>;
  readonly #sweep: Sweep;
  readonly #uplink: Uplink;
  readonly #calls: Calls;
  readonly #terms: CallTerms;
  /** For operations of which it is known that repeating them is harmless. */
  readonly #repeatableTerms: CallTerms;
  readonly #streamTerms: CallTerms;
  readonly #mailboxLink: MailboxLink;
  #hello: HelloReply | undefined;
  #first: { resolve: () => void; reject: (error: OapError) => void } | undefined;
  #closing: Promise<void> | undefined;

  private constructor(endpoint: Endpoint, settings: ClientSettings, capability: CapabilitySource) {
    const tenant = readTenant(settings.tenant ?? capability.tenant);
    this.#endpoint = endpoint;
    this.#settings = settings;
    this.#capability = capability;
    this.#terms = { ...settings.terms, tenant };
    this.#repeatableTerms = { ...this.#terms, repeatable: true };
    this.#streamTerms = { ...this.#terms, deadlineMs: Number.POSITIVE_INFINITY };
    this.#hooks = new Hooks(settings.logger);
    this.#sweep = new Sweep((nowMs) => {
      this.#uplink.sweep(nowMs);
      this.#calls.sweep(nowMs);
      this.#renewInTime(nowMs);
    });
    this.#uplink = new Uplink(endpoint, capability, tenant, settings, this.#uplinkEvents());
    this.#calls = new Calls(this.#uplink, capability, this.#sweep, settings.retry, settings.logger);
    this.#mailboxLink = new MailboxLink({
      owner: this.#calls,
      logger: settings.logger,
      onGoAway: (listener) => this.onGoAway(listener),
    });
  }

  /** Connects; see `connect()`. */
  static async connect(options: ConnectOptions): Promise<Client> {
    const settings = readConnectOptions(options, process.env);
    const endpoint = await resolveEndpoint(settings.url, settings.tls, process.env);
    const capability = new CapabilitySource(settings.cap, settings.tenant !== undefined);
    await askFirst(capability, options.signal);
    const client = new Client(endpoint, settings, capability);
    await client.#connect(options.signal);
    return client;
  }

  /** The node's URL, with its port. */
  get url(): string {
    return this.#endpoint.url;
  }

  /** What the node said of itself in its last HELLO, and what both sides use. */
  get hello(): HelloReply {
    // There is no client before the first HELLO was answered.
    return this.#hello as HelloReply;
  }

  /**
   * Sends a request and resolves with its reply, all of it.
   *
   * @param app app_proto_id of the service, 1 to 65,535
   * @param op operation of the service
   * @param payload not copied: leave it unchanged until the promise settles. What does not fit a frame is streamed.
   * @throws OapError what the node refused, or deadline_exceeded, cancelled, connection_lost (the outcome is
   *   unknown), connect_failed, client_closed, queue_full, cap_unavailable, bad_response
   */
  request(app: number, op: number, payload: Uint8Array = NOTHING, options?: RequestOptions): Promise<Reply> {
    return new Promise((resolve, reject) => {
      checkAddress(app, op, payload);
      const base = app === APP_ECHO ? this.#repeatableTerms : this.#terms;
      const terms = options === undefined ? base : readRequestOptions(options, base);
      this.#calls.begin(new Call(this.#calls, app, op, payload, terms, resolve, reject));
    });
  }

  /**
   * Opens a stream: a request, a reply, or both of any length. Its chunks keep
   * their borders up to 65,536 bytes. A stream that is neither written, ended
   * nor given a body is not sent.
   */
  stream(app: number, op: number, options: StreamOptions = {}): ByteStream {
    const { body } = options;
    checkAddress(app, op, NOTHING);
    const request = body instanceof Uint8Array ? body : undefined;
    const stream = new StreamExchange(this.#calls, app, op, request, readRequestOptions(options, this.#streamTerms));
    if (body !== undefined && !(body instanceof Uint8Array)) void stream.pipe(body);
    return stream;
  }

  /**
   * Sends a one-way message of at most one frame; resolves when a connection
   * took it. A refusal comes later, to the listeners of `onRefused()`.
   */
  event(app: number, op: number, payload: Uint8Array = NOTHING, options?: RequestOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      checkAddress(app, op, payload);
      const terms = options === undefined ? this.#terms : readRequestOptions(options, this.#terms);
      this.#calls.begin(new EventMessage(this.#calls, app, op, payload, terms, resolve, reject));
    });
  }

  /**
   * A topic of the node's mailbox: durable messages, each delivered at least once.
   *
   * @param topic 1 to 512 bytes of UTF-8, segments joined by `/`; it need not exist
   */
  mailbox(topic: string, options: MailboxOptions = {}): Mailbox {
    return new Mailbox(this.#mailboxLink, topic, readRequestOptions(options, this.#terms));
  }

  /** Counts and settings of all topics of the tenant, in the order of their names. */
  topics(options: MailboxOptions = {}): AsyncGenerator<TopicStats, undefined> {
    return listTopics(this.#mailboxLink, readRequestOptions(options, this.#terms));
  }

  /** Changes what later topics of the tenant begin with, and resolves with all of it. */
  configureTopics(defaults: Partial<TopicDefaults>, options: MailboxOptions = {}): Promise<TopicDefaults> {
    return configureDefaults(this.#mailboxLink, defaults, readRequestOptions(options, this.#terms));
  }

  /** The blobs of the tenant: bytes named by what they are, checked on the way. */
  storage(options: StorageOptions = {}): Storage {
    return new Storage(this.#calls, readRequestOptions(options, this.#terms));
  }

  /** Sends bytes to the echo service and resolves with what came back. */
  echo(payload: Uint8Array, options?: RequestOptions): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      checkAddress(APP_ECHO, OP_ECHO, payload);
      const terms = options === undefined ? this.#repeatableTerms : readRequestOptions(options, this.#repeatableTerms);
      const onReply = (reply: Reply): void => {
        resolve(reply.payload);
      };
      this.#calls.begin(new Call(this.#calls, APP_ECHO, OP_ECHO, payload, terms, onReply, reject));
    });
  }

  /** Asks the node for a sign of life; resolves with the round trip, milliseconds. */
  async ping(options?: RequestOptions): Promise<number> {
    const terms = options === undefined ? this.#repeatableTerms : readRequestOptions(options, this.#repeatableTerms);
    const startedAt = performance.now();
    await new Promise<Reply>((resolve, reject) => {
      this.#calls.begin(new Call(this.#calls, APP_CONTROL, ControlOp.PING, NOTHING, terms, resolve, reject));
    });
    return performance.now() - startedAt;
  }

  /** Calls `listener` on every connection after the first: the place to subscribe again. */
  onReconnect(listener: (client: Client) => unknown): Unsubscribe {
    return this.#hooks.add('reconnect', listener);
  }

  /** Calls `listener` when the node announces that it shuts down. A new connection is made without it. */
  onGoAway(listener: (goAway: GoAway) => unknown): Unsubscribe {
    return this.#hooks.add('goAway', listener);
  }

  /** Calls `listener` with the node's new revocation sequence. */
  onRevoked(listener: (revocationSeq: number) => unknown): Unsubscribe {
    return this.#hooks.add('revoked', listener);
  }

  /** Calls `listener` when the node refuses an event; the error's corr_id is that of the event. */
  onRefused(listener: (error: OapError) => unknown): Unsubscribe {
    return this.#hooks.add('refused', listener);
  }

  /**
   * Closes the client. Streams and calls that wait fail with `client_closed`;
   * requests in flight have CLOSE_GRACE_MS to be answered.
   * Resolves when the connections are closed; calling it again is harmless.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** As `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #connect(signal: AbortSignal | undefined): Promise<void> {
    const onAbort = (): void => {
      const message = `Connecting to ${this.url} was given up.`;
      this.#first?.reject(new OapError(Reject.cancelled, { message, cause: signal?.reason }));
    };
    try {
      await new Promise<void>((resolve, reject) => {
        this.#first = { resolve, reject };
        if (signal?.aborted === true) {
          onAbort();
          return;
        }
        signal?.addEventListener('abort', onAbort);
        this.#uplink.dial();
      });
    } catch (error) {
      await this.close();
      throw error;
    } finally {
      this.#first = undefined;
      signal?.removeEventListener('abort', onAbort);
    }
  }

  async #close(): Promise<void> {
    this.#mailboxLink.flush();
    this.#calls.close();
    for (const exchange of this.#uplink.exchanges()) {
      if (exchange.endless) this.#calls.abandon(exchange, clientClosed());
    }
    await this.#uplink.close(CLOSE_GRACE_MS);
    this.#sweep.stop();
  }

  /** Asks for the next capability shortly before the present one ends, so that no call has to wait for it. */
  #renewInTime(nowMs: number): void {
    const source = this.#capability;
    if (nowMs < source.renewAt) this.#sweep.want(source.renewAt);
    else if (this.#closing === undefined) void this.#renew(source);
  }

  async #renew(source: CapabilitySource): Promise<void> {
    try {
      await source.renew();
    } catch (thrown) {
      const { reason, message } = OapError.from(thrown);
      this.#settings.logger.warn({ url: this.url, reason }, message);
    }
    this.#sweep.want(source.renewAt);
  }

  #uplinkEvents(): UplinkEvents {
    return {
      connected: (connection) => {
        this.#hello = connection.hello;
        this.#sweep.want(this.#capability.renewAt);
        this.#first?.resolve();
        // Nobody can listen before the first one.
        this.#hooks.emit('reconnect', this);
        this.#calls.pump();
      },
      connectFailed: (error) => {
        this.#first?.reject(error);
        this.#calls.connectFailed(error);
      },
      freed: () => {
        this.#calls.pump();
      },
      failed: (exchange, error, outcome) => {
        this.#calls.failed(exchange, error, outcome);
      },
      refused: (error) => {
        this.#settings.logger.warn({ corr_id: error.corrId, reason: error.reason }, error.message);
        this.#hooks.emit('refused', error);
      },
      goAway: (goAway) => {
        this.#hooks.emit('goAway', goAway);
      },
      revoked: (revocationSeq) => {
        this.#hooks.emit('revoked', revocationSeq);
      },
      wantSweep: (atMs) => {
        this.#sweep.want(atMs);
      },
    };
  }
}

/** A wrong number here is a mistake in the program, not in the data. */
function checkAddress(app: number, op: number, payload: Uint8Array): void {
  if ((app & 0xffff) !== app || app === APP_CONTROL) throw new RangeError(`app must be 1 to 65,535, not ${app}`);
  if ((op & 0xffff) !== op) throw new RangeError(`op must be 0 to 65,535, not ${op}`);
  if (!(payload instanceof Uint8Array)) throw new TypeError('payload must be a Uint8Array');
}
