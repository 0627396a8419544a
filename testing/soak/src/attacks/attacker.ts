import { CapabilityStore, mintCapability } from '@omnigate/capability';
import type { ListenAddress } from '@omnigate/kernel';
import { ATTACKS_AT_ONCE, CAPABILITY_MS, FLOOD_REQUESTS, LOOK_MS, NOTES_MAX } from '../bounds.ts';
import type { Chance } from '../chance.ts';
import type { LoadTarget } from '../load/workload.ts';
import type { Attack, Means } from './attack.ts';
import { ATTACKS, GREEDY } from './attacks.ts';

/** What an attacker tells of itself. */
export interface AttackTally {
  /** Hostile messages, and connections without any. */
  messages: number;
  /** How often each attack was made, by name. */
  readonly made: Record<string, number>;
  /** The node was not there: it was being restarted. */
  absent: number;
  /** Attacks to which the node did not react as it should. */
  unexpected: number;
  readonly notes: string[];
}

/** Attacks a node at a steady rate of messages, whatever the attacks cost. */
export class Attacker {
  readonly counts: AttackTally = { messages: 0, made: {}, absent: 0, unexpected: 0, notes: [] };
  readonly #means: Means;
  readonly #underWay = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  #lastMs = performance.now();
  /** Messages that are due, and at the begin those of one flood; the next flood waits until it can be paid for. */
  #due = FLOOD_REQUESTS;
  #next: Attack;

  constructor(target: LoadTarget, chance: Chance, messagesPerSecond: number) {
    this.#means = { oap: addressOf(target.url), oaps: addressOf(target.tlsUrl), chance, capability: () => mintFor(target) };
    this.#next = chance.of(ATTACKS);
    this.#timer = setInterval(() => {
      this.#tick(messagesPerSecond / 1_000);
    }, LOOK_MS);
  }

  /** Resolves when what was begun has ended. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#underWay);
  }

  #tick(perMs: number): void {
    const nowMs = performance.now();
    this.#due += (nowMs - this.#lastMs) * perMs;
    this.#lastMs = nowMs;
    while (this.#due >= this.#next.cost && this.#underWay.size < ATTACKS_AT_ONCE) {
      const attack = this.#next;
      this.#due -= attack.cost;
      this.#next = this.#means.chance.of(ATTACKS);
      const playing = this.#play(attack).finally(() => {
        this.#underWay.delete(playing);
      });
      this.#underWay.add(playing);
    }
  }

  async #play({ name, cost, play }: Attack): Promise<void> {
    const { counts } = this;
    try {
      await play(this.#means);
    } catch (error) {
      if (isAbsence(error)) {
        counts.absent++;
        return;
      }
      counts.unexpected++;
      if (counts.notes.length < NOTES_MAX) counts.notes.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
    counts.messages += cost;
    counts.made[name] = (counts.made[name] ?? 0) + 1;
  }
}

/** Whether nobody listened, or whoever did is gone; that the node stays alive is seen elsewhere. */
function isAbsence(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === 'ECONNREFUSED' || code === 'ECONNRESET' || code === 'EPIPE';
}

async function mintFor({ capabilityFolder }: LoadTarget): Promise<Uint8Array> {
  const { keyring } = await CapabilityStore.readVerifier(capabilityFolder);
  return mintCapability(keyring, { tenant: GREEDY, ttlMs: CAPABILITY_MS, nowMs: Date.now() }).bytes;
}

function addressOf(url: string): ListenAddress {
  const [host = '', port = ''] = url.slice(url.indexOf('://') + 3).split(':');
  return { host, port: Number(port) };
}
