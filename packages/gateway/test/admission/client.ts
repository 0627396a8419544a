import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { ListenAddress } from '@omnigate/kernel';
import { APP_CONTROL, ControlOp, decodeErrorBody, encodeFrame, Flag, FrameDecoder, tenantToHex } from '@omnigate/kernel/wire';
import type { Frame } from '@omnigate/kernel/wire';

export type FrameFields = Partial<Frame> & { readonly corr: number; readonly app: number };

/** A client that sends the frames it is told to. */
export class Client implements Disposable {
  readonly received: Frame[] = [];
  closed = false;
  readonly #socket: Socket;
  readonly #decoder = new FrameDecoder();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#read(chunk);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
    });
  }

  /** Connects, and says HELLO with a capability. */
  static async open(address: ListenAddress, capability: Uint8Array = new Uint8Array(0)): Promise<Client> {
    const socket = connect(address);
    await once(socket, 'connect');
    const client = new Client(socket);
    client.send({ corr: 0, app: APP_CONTROL, code: ControlOp.HELLO, capability });
    await client.take(0);
    return client;
  }

  /** A whole request unless `flags` says otherwise. */
  send({ corr, flags = Flag.REQ | Flag.START | Flag.END, ...fields }: FrameFields): void {
    this.#socket.write(encodeFrame({ ...fields, flags, corrId: BigInt(corr) }));
  }

  /** The next frame of a corr_id. */
  async take(corr: number, withinMs = 10_000): Promise<Frame> {
    for (const end = performance.now() + withinMs; ; ) {
      const at = this.received.findIndex(({ corrId }) => corrId === BigInt(corr));
      if (at >= 0) return this.received.splice(at, 1)[0] as Frame;
      if (performance.now() > end) throw new Error(`no frame of ${corr}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** Reason of the next frame of a corr_id, and when to come back; its status when it is no error. */
  async verdict(corr: number): Promise<{ reason: string; retryAfterMs?: number | undefined }> {
    const { code, payload } = await this.take(corr);
    if (code < 400) return { reason: String(code) };
    const { reason, retryAfterMs } = decodeErrorBody(code, payload, '');
    return { reason, retryAfterMs };
  }

  async end(): Promise<void> {
    for (const end = performance.now() + 10_000; !this.closed && performance.now() < end; ) {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    const decoder = this.#decoder;
    decoder.feed(chunk);
    while (decoder.next()) {
      const { header, buffer, payloadStart, payloadEnd } = decoder;
      const corrId = (BigInt(header.corrHi >>> 0) << 32n) | BigInt(header.corrLo >>> 0);
      const { flags, code, app } = header;
      const payload = new Uint8Array(buffer.subarray(payloadStart, payloadEnd));
      this.received.push({ flags, code, app, tenant: tenantToHex(header), corrId, capability: new Uint8Array(0), payload });
    }
  }
}
