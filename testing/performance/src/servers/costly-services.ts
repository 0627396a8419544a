import type { RequestBody, Service, ServiceReply, ServiceRequest } from '@omnigate/kernel';
import { Flag, OapError, Reject, Status } from '@omnigate/kernel';
import { HANDLER_LOOPS, WAIT_MS, WAIT_SLOTS, WORK_LOOPS, WORK_SLICE_MS } from '../bounds.ts';

/** What a request to a service under test costs, and its app_proto_id. */
export const ServiceApp = {
  /** Next to nothing, for everyone. */
  ECHO: 1,
  /** CPU in its handler, before the next frame is looked at. */
  HANDLER: 40_001,
  /** CPU in turns of the loop of its own, behind a queue of its own. */
  WORK: 40_002,
  /** Time, of one of a few places such as connections to a database, behind a queue of its own. */
  WAIT: 40_003,
  /** Next to nothing, for holders of a capability. */
  FREE: 40_004,
} as const;

/** Each request is answered with nothing. */
export function costlyServices(): Service[] {
  return [
    service(ServiceApp.HANDLER, 'handler', (reply) => {
      burn(HANDLER_LOOPS);
      reply.end(Status.OK);
    }),
    service(ServiceApp.WORK, 'work', queueOfWork()),
    service(ServiceApp.WAIT, 'wait', queueForPlaces()),
    service(ServiceApp.FREE, 'free', (reply) => {
      reply.end(Status.OK);
    }),
  ];
}

function service(appProtoId: number, name: string, answer: (reply: ServiceReply) => void): Service {
  return {
    appProtoId,
    name,
    access: 'capability',
    onRequest(request: ServiceRequest, reply: ServiceReply): RequestBody | undefined {
      if ((request.flags & Flag.EVENT) !== 0 || !request.complete) throw new OapError(Reject.op_unknown);
      answer(reply);
      return undefined;
    },
  };
}

/** Work that is always the same: time measured here would count what other processes took. */
function burn(loops: number): number {
  let x = 1;
  for (let i = 0; i < loops; i++) x = (Math.imul(x, 1_664_525) + 1_013_904_223) | 0;
  return x;
}

/** First come, first served, a slice of the time in each turn of the loop. */
function queueOfWork(): (reply: ServiceReply) => void {
  let queue: ServiceReply[] = [];
  let at = 0;
  const work = (): void => {
    const endMs = performance.now() + WORK_SLICE_MS;
    while (at < queue.length && performance.now() < endMs) {
      const reply = queue[at++] as ServiceReply;
      if (reply.ended) continue;
      burn(WORK_LOOPS);
      reply.end(Status.OK);
    }
    if (at >= queue.length / 2) {
      queue = queue.slice(at);
      at = 0;
    }
    if (queue.length > 0) setImmediate(work);
  };
  return (reply) => {
    if (queue.push(reply) === 1) setImmediate(work);
  };
}

/** First come, first served, by so many places, each of which takes its time. */
function queueForPlaces(): (reply: ServiceReply) => void {
  const queue: ServiceReply[] = [];
  let free: number = WAIT_SLOTS;
  const serve = (): void => {
    while (free > 0) {
      const reply = queue.shift();
      if (reply === undefined) return;
      if (reply.ended) continue;
      free--;
      setTimeout(() => {
        reply.end(Status.OK);
        free++;
        serve();
      }, WAIT_MS);
    }
  };
  return (reply) => {
    queue.push(reply);
    serve();
  };
}
