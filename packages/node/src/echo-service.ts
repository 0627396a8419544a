import { Flag, OapError, Reject, Status } from '@omnigate/kernel';
import type { RequestBody, Service, ServiceReply, ServiceRequest } from '@omnigate/kernel';

/** app_proto_id of the echo service. */
const ECHO_APP = 1;
/** Its only operation: the reply is the request. */
const ECHO_OP = 0;

/** Echoes any bytes to anyone, one frame or a stream; ciphertext keeps its mark. */
export const echoService: Service = {
  appProtoId: ECHO_APP,
  name: 'echo',
  access: 'open',
  verbs: { [ECHO_OP]: 'echo' },
  borrowsPayload: true,
  onRequest(request, reply) {
    if (request.code !== ECHO_OP) throw new OapError(Reject.op_unknown);
    if (request.complete) {
      reply.end(Status.OK, request.payload, request.flags & Flag.APP_E2E);
      return undefined;
    }
    return new EchoStream(request, reply);
  },
};

/** Sends every part back and asks for more only as fast as the peer takes the echo. */
class EchoStream implements RequestBody {
  readonly #reply: ServiceReply;
  readonly #flags: number;
  /** Bytes echoed into the reply's queue and not yet given back as credit. */
  #unsentBytes = 0;

  constructor(request: ServiceRequest, reply: ServiceReply) {
    this.#reply = reply;
    this.#flags = request.flags & Flag.APP_E2E;
    if (request.payload.length > 0) this.onData(request.payload);
  }

  onData(payload: Uint8Array): void {
    this.#unsentBytes += payload.length;
    if (this.#reply.write(Status.OK, payload, this.#flags)) this.onDrain();
  }

  onEnd(): void {
    this.#reply.end(Status.OK, undefined, this.#flags);
  }

  onDrain(): void {
    const bytes = this.#unsentBytes;
    this.#unsentBytes = 0;
    this.#reply.consumed(bytes);
  }
}
