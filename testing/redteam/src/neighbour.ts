import type { ListenAddress } from '@omnigate/kernel';
import { ping, request, textOf } from './frames.ts';
import { PATIENCE_MS } from './patience.ts';
import { Peer } from './peer.ts';
import type { PeerOptions } from './peer.ts';

/** Pause between two requests. */
const PAUSE_MS = 25;

/** What a neighbour sends: under overload only a PING is promised an answer. */
export type NeighbourKind = 'echo' | 'ping';

/** Somebody who uses the node on another connection, all the time, and notices when it does not answer. */
export class Neighbour {
  /** What went wrong; empty while all is well. */
  readonly complaints: string[] = [];
  readonly #peer: Peer;
  readonly #kind: NeighbourKind;
  #answered = 0;
  #leaving = false;
  readonly #running: Promise<void>;

  private constructor(peer: Peer, kind: NeighbourKind) {
    this.#peer = peer;
    this.#kind = kind;
    this.#running = this.#run();
  }

  static async move(address: ListenAddress, kind: NeighbourKind, options: PeerOptions = {}): Promise<Neighbour> {
    return new Neighbour(await Peer.greeted(address, options), kind);
  }

  /** Waits for an answer to something that is sent from now on. */
  async served(): Promise<void> {
    const wanted = this.#answered + 2;
    const deadlineMs = performance.now() + PATIENCE_MS;
    while (this.#answered < wanted && this.complaints.length === 0 && performance.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  async leave(): Promise<void> {
    this.#leaving = true;
    await this.#running;
    this.#peer.destroy();
  }

  async #run(): Promise<void> {
    for (let n = 1; !this.#leaving && this.complaints.length === 0; n++) {
      const word = `neighbour ${n}`;
      this.#peer.send(this.#kind === 'echo' ? request(n, word) : ping(n, word));
      try {
        const reply = await this.#peer.take(n);
        if (reply.code !== 200 || textOf(reply) !== word) this.complaints.push(`a neighbour was answered with ${reply.code}: ${textOf(reply)}`);
      } catch (error) {
        this.complaints.push(`a neighbour was not answered: ${String(error)}`);
      }
      this.#answered++;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}
