import { once } from 'node:events';
import { connect } from 'node:net';
import { APP_CONTROL, ControlOp, encodeFrame, encodeHelloRequest, Flag, FrameDecoder, Status } from '@omnigate/kernel/wire';
import { TENANTS_CLIENTS, TENANTS_PER_CONNECTION } from '../bounds.ts';
import { answerParent } from '../process/worker-loop.ts';
import type { Address } from '../process/worker-protocol.ts';

/** Requests in the names of many tenants, each with the capability that belongs to it, or all without one. */
interface TenantsRequest {
  readonly address: Address;
  readonly app: number;
  readonly tenants: readonly string[];
  readonly capabilities?: readonly Uint8Array[];
}

/** What became of the requests. */
export interface TenantsResult {
  /** Answers by status. */
  readonly answers: Readonly<Record<number, number>>;
  /** Requests, by index, that the node was too busy for: it did not look at their tenant. */
  readonly busy: readonly number[];
}

const BUSY = 503;
const WHOLE_REQUEST = Flag.REQ | Flag.START | Flag.END;

answerParent({
  /** One connection for all of them: whoever has capabilities does nothing wrong. */
  holders: async (request: TenantsRequest): Promise<TenantsResult> => {
    const talk = new Talk();
    await talk.ask(request, 0, request.tenants.length);
    return talk;
  },
  /** So few on each connection that the node just closes it at the last. */
  strangers: async (request: TenantsRequest): Promise<TenantsResult> => {
    const talk = new Talk();
    let next = 0;
    const askInTurn = async (): Promise<void> => {
      while (next < request.tenants.length) {
        const from = next;
        next += TENANTS_PER_CONNECTION;
        await talk.ask(request, from, Math.min(next, request.tenants.length));
      }
    };
    await Promise.all(Array.from({ length: TENANTS_CLIENTS }, askInTurn));
    return talk;
  },
});

/** Requests, each sent once, and what was answered. */
class Talk implements TenantsResult {
  readonly answers: Record<number, number> = {};
  readonly busy: number[] = [];

  /** Sends the requests of a range at once, and resolves when all are answered or the node ended the connection. */
  async ask({ address, app, tenants, capabilities }: TenantsRequest, from: number, to: number): Promise<void> {
    const socket = connect({ ...address, noDelay: true });
    const decoder = new FrameDecoder();
    let left = to - from;
    // Set in a callback, which the compiler does not see.
    let greeted = false as boolean;
    socket.on('data', (chunk: Buffer) => {
      decoder.feed(chunk);
      while (decoder.next()) {
        const { app: about, code, corrLo } = decoder.header;
        if (about === APP_CONTROL) {
          greeted ||= code === Status.OK;
          continue;
        }
        this.answers[code] = (this.answers[code] ?? 0) + 1;
        if (code === BUSY) this.busy.push(corrLo);
        if (--left === 0) socket.destroy();
      }
    });
    socket.on('error', () => undefined);
    const closed = once(socket, 'close');
    const hello = encodeHelloRequest({ client: 'omnigate-performance' });
    const frames = [encodeFrame({ app: APP_CONTROL, flags: WHOLE_REQUEST, code: ControlOp.HELLO, payload: hello })];
    for (let index = from; index < to; index++) {
      const capability = capabilities?.[index];
      const tenant = tenants[index] as string;
      frames.push(encodeFrame({ app, flags: WHOLE_REQUEST, tenant, corrId: BigInt(index), ...(capability === undefined ? {} : { capability }) }));
    }
    socket.write(Buffer.concat(frames));
    await closed;
    if (!greeted) for (let index = from; index < to; index++) this.busy.push(index);
  }
}
