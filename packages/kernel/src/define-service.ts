import { Call } from './call.ts';
import type { CallResult } from './call.ts';
import type { Service, ServiceAccess, ServiceContext, ServiceFacts } from './service.ts';
import { OapError } from './wire/oap-error.ts';
import { Reject } from './wire/reject.ts';

/** Handles one operation. A thrown OapError is a refusal, anything else a crash. */
export type Operation = (call: Call) => CallResult | Promise<CallResult>;

/** A service described by its operations. */
export interface ServiceDefinition extends ServiceFacts {
  /** 1 to 65,535, see registry/app_proto_ids.json; 32,768 and up are free for private use. */
  readonly appProtoId: number;
  readonly name: string;
  /** `capability` when absent: a service is open to the world only if you say so. */
  readonly access?: ServiceAccess;
  /** By operation code. */
  readonly operations: Readonly<Record<number, Operation>>;
  start?(context: ServiceContext): Promise<void> | void;
  stop?(): Promise<void> | void;
}

/**
 * A service from plain or async functions: parts of a request come by
 * iteration, parts of a reply leave by iteration, and the flow control of
 * specs/oap-1.md §7 happens in between.
 */
export function defineService(definition: ServiceDefinition): Service {
  const { appProtoId, name, operations, access = 'capability', verbs = {}, waiting = [], checksTopics = false } = definition;
  let running: ServiceContext | undefined;
  return {
    appProtoId,
    name,
    access,
    verbs,
    waiting,
    checksTopics,
    async start(context) {
      await definition.start?.(context);
      running = context;
    },
    async stop() {
      running = undefined;
      await definition.stop?.();
    },
    onRequest(request, reply) {
      const operation = operations[request.code];
      if (operation === undefined) throw new OapError(Reject.op_unknown);
      const context = running;
      const call = new Call(request, reply);
      void call.run(operation, (thrown) => {
        reply.fail(OapError.from(thrown));
        if (!(thrown instanceof OapError)) context?.fail(thrown);
      });
      return call;
    },
  };
}
