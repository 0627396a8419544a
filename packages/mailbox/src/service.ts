import { existsSync } from 'node:fs';
import { Flag, OapError, Reject } from '@omnigate/kernel';
import type { Logger, RequestBody, Service, ServiceContext, ServiceReply, ServiceRequest } from '@omnigate/kernel';
import { MailboxOp } from './broker/call.ts';
import { u32Key } from './codec/binary.ts';
import { scanTopics } from './codec/topic-scan.ts';
import type { NamedTopic } from './codec/topic-scan.ts';
import { ToEngine } from './engine/batch.ts';
import { EngineThread } from './engine/engine-thread.ts';
import { MailboxFigures } from './figures.ts';
import { BODY_BYTES_MAX, REQUEST_BYTES_MAX } from './limits.ts';
import { PendingCalls } from './pending-calls.ts';
import type { PendingCall } from './pending-calls.ts';
import { MailboxReject } from './rejects.ts';

/** app_proto_id of the mailbox. */
const MAILBOX_APP = 16;

/** How to make the service. */
export interface MailboxOptions {
  /** Folder of its store; made with the first request when it does not exist. Nobody else may use it. */
  readonly path: string;
  /** Largest body of a message, at most and by default BODY_BYTES_MAX. */
  readonly bodyBytesMax?: number;
  readonly logger: Pick<Logger, 'error'>;
}

/** Operations that receive messages. */
const RECEIVING: ReadonlySet<number> = new Set([MailboxOp.RECV, MailboxOp.SUBSCRIBE]);
/** Operations that need no answer to be of use. */
const ONE_WAY: ReadonlySet<number> = new Set([MailboxOp.SEND, MailboxOp.ACK, MailboxOp.NACK, MailboxOp.DELETE, MailboxOp.PURGE, MailboxOp.CONFIGURE]);
const NO_BYTES = new Uint8Array(0);

/** Durable topics with at-least-once delivery (specs/mailbox-1.md). */
export function mailboxService(options: MailboxOptions): Service {
  return new MailboxService(options);
}

class MailboxService implements Service {
  readonly appProtoId = MAILBOX_APP;
  readonly name = 'mailbox';
  readonly access = 'capability';
  readonly borrowsPayload = true;
  readonly verbs = Object.fromEntries(Object.entries(MailboxOp).map(([name, code]) => [code, name.toLowerCase()]));
  readonly waiting = [...RECEIVING];
  readonly checksTopics = true;
  readonly requestBytesMax = REQUEST_BYTES_MAX;
  readonly #figures = new MailboxFigures();
  readonly metrics = this.#figures.metrics;
  readonly #options: MailboxOptions;
  #context: ServiceContext | undefined;
  #run: Run | undefined;

  constructor(options: MailboxOptions) {
    this.#options = options;
  }

  async start(context: ServiceContext): Promise<void> {
    this.#context = context;
    // Nodes whose mailbox nobody uses have neither its thread nor its files.
    if (existsSync(this.#options.path)) await this.#begin(context).opened;
  }

  async stop(): Promise<void> {
    const run = this.#run;
    this.#run = undefined;
    this.#context = undefined;
    this.#figures.backlog = undefined;
    await run?.stop();
  }

  onRequest(request: ServiceRequest, reply: ServiceReply): RequestBody | undefined {
    if (request.oneWay ? !ONE_WAY.has(request.code) : request.code < MailboxOp.SEND || request.code > MailboxOp.CONFIGURE) {
      throw new OapError(Reject.op_unknown);
    }
    const context = this.#context;
    if (context === undefined) throw new OapError(Reject.service_unavailable);
    const run = this.#run ?? this.#begin(context);
    if (request.complete) return run.take(request, reply, request.payload);
    return new CollectedRequest(request, reply, run);
  }

  #begin(context: ServiceContext): Run {
    this.#run = new Run(this.#options, context, this.#figures);
    return this.#run;
  }
}

/** One life of the engine, with the calls that it has. */
class Run {
  readonly #thread: EngineThread;
  readonly #calls: PendingCalls;

  constructor({ path, bodyBytesMax = BODY_BYTES_MAX, logger }: MailboxOptions, context: ServiceContext, figures: MailboxFigures) {
    this.#calls = new PendingCalls({
      drained: (call, urgent) => {
        this.#notify(ToEngine.DRAINED, call, NO_BYTES, urgent);
      },
      undelivered: (call, payload) => {
        this.#notify(ToEngine.UNDELIVERED, call, payload);
      },
    });
    this.#thread = new EngineThread({ path, bodyBytesMax }, {
      answer: (answer) => {
        this.#calls.onAnswer(answer);
      },
      figures: (told) => {
        figures.take(told);
      },
      corrupt: (topic, id) => {
        figures.corruptMessages++;
        logger.error({ service: 'mailbox', topic, id }, 'a stored message is damaged and is not delivered');
      },
      failed: (error) => {
        this.#calls.failAll(error);
        context.fail(error);
      },
    });
    figures.backlog = this.#thread;
  }

  /** Settles when the store is open. */
  get opened(): Promise<void> {
    return this.#thread.opened;
  }

  /** Takes a whole request; the payload is not used after this. */
  take(request: ServiceRequest, reply: ServiceReply, payload: Uint8Array): RequestBody | undefined {
    const topics = scanTopics(payload);
    judge(request, topics);
    const tenant = tenantOf(request);
    const receives = RECEIVING.has(request.code);
    const call = this.#calls.add(reply, tenant, receives ? (topics.at(-1)?.topic ?? '') : undefined);
    const taken = this.#thread.submit({
      kind: ToEngine.REQUEST,
      callId: call.callId,
      op: request.code,
      endToEnd: (request.flags & Flag.APP_E2E) !== 0,
      tenant,
      topic: '',
      payload,
    });
    if (!taken) {
      this.#calls.drop(call);
      throw new OapError(MailboxReject.mailbox_busy, { retryAfterMs: 1_000 });
    }
    if (!receives) return undefined;
    return {
      endless: request.code === MailboxOp.SUBSCRIBE,
      onCancel: () => {
        this.#notify(ToEngine.CANCEL, call);
      },
      onDrain: () => {
        this.#notify(ToEngine.DRAINED, call);
      },
    };
  }

  async stop(): Promise<void> {
    await this.#thread.stop();
    this.#calls.failAll(new Error('the mailbox was stopped'));
  }

  #notify(kind: number, { callId, tenant, receivesFrom = '' }: PendingCall, payload: Uint8Array = NO_BYTES, urgent = true): void {
    const topic = kind === ToEngine.UNDELIVERED ? receivesFrom : '';
    this.#thread.notify({ kind, callId, op: 0, endToEnd: false, tenant, topic, payload }, urgent);
  }
}

/** A request of several frames, until it is whole. */
class CollectedRequest implements RequestBody {
  readonly #request: ServiceRequest;
  readonly #reply: ServiceReply;
  readonly #run: Run;
  /** At most requestBytesMax, which the kernel sees to. */
  readonly #parts: Uint8Array[] = [];
  #taken: RequestBody | undefined;

  constructor(request: ServiceRequest, reply: ServiceReply, run: Run) {
    this.#request = request;
    this.#reply = reply;
    this.#run = run;
    this.onData(request.payload);
  }

  onData(payload: Uint8Array): void {
    // The memory is the connection's.
    this.#parts.push(new Uint8Array(payload));
    this.#reply.consumed(payload.length);
  }

  onEnd(): void {
    this.#taken = this.#run.take(this.#request, this.#reply, Buffer.concat(this.#parts));
    this.#parts.length = 0;
  }

  get endless(): boolean {
    return this.#taken?.endless === true;
  }

  onCancel(): void {
    this.#taken?.onCancel?.();
  }

  onDrain(): void {
    this.#taken?.onDrain?.();
  }
}

/** Asks whether the caller may name these topics, before anything is done (specs/mailbox-1.md §1.3). */
function judge(request: ServiceRequest, topics: readonly NamedTopic[]): void {
  if (topics.length === 0) request.checkTopic('');
  for (const { topic } of topics) request.checkTopic(topic);
}

function tenantOf({ tenant0, tenant1, tenant2, tenant3 }: ServiceRequest): string {
  return u32Key(tenant0) + u32Key(tenant1) + u32Key(tenant2) + u32Key(tenant3);
}
