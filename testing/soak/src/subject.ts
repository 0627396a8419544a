import { setTimeout as sleep } from 'node:timers/promises';
import type { AttackOrder } from './attacks/attack-order.ts';
import type { AttackTally } from './attacks/attacker.ts';
import { BASELINE_LOOKS, LOOK_MS, SETTLE_MS_MAX } from './bounds.ts';
import type { NodeEvidence } from './judge/evidence.ts';
import type { LoadOrder } from './load/load-order.ts';
import type { LoadTally } from './load/tally.ts';
import type { LoadTarget } from './load/workload.ts';
import { SoakedNode } from './nodes/soaked-node.ts';
import type { NodeSetting } from './nodes/soaked-node.ts';
import { ChildProcess } from './process/child-process.ts';
import { countDescriptors, targetsBeyond } from './samples/process-files.ts';
import type { Descriptors, Sample } from './samples/sample.ts';

/** What a node is put under. */
export interface Burden {
  readonly rates: LoadOrder['rates'];
  /** Hostile messages each second; 0 for none. */
  readonly attacksPerSecond: number;
  readonly seed: number;
  /** The node has one life. */
  readonly steady: boolean;
}

/** One node, with the processes that put it under load and what was seen of it. */
export class Subject implements AsyncDisposable {
  readonly node: SoakedNode;
  readonly samples: Sample[] = [];
  readonly #burden: Burden;
  readonly #target: LoadTarget;
  readonly #load = new ChildProcess<LoadTally>('load/load-main');
  readonly #attacks: ChildProcess<AttackTally> | undefined;
  #targetsBefore: readonly string[] = [];
  #before: Descriptors = { sockets: 0, files: 0, others: 0 };
  #leftOver: readonly string[] = [];
  #after: Descriptors = this.#before;

  private constructor(node: SoakedNode, burden: Burden, caFile: string) {
    this.node = node;
    this.#burden = burden;
    this.#target = { url: node.url, tlsUrl: node.tlsUrl, caFile, capabilityFolder: node.capabilityFolder, steady: burden.steady };
    this.#attacks = burden.attacksPerSecond > 0 ? new ChildProcess('attacks/attack-main') : undefined;
  }

  static async start(setting: NodeSetting, burden: Burden): Promise<Subject> {
    return new Subject(await SoakedNode.start(setting), burden, setting.authority.ca);
  }

  get tally(): LoadTally | undefined {
    return this.#load.progress;
  }

  get attackTally(): AttackTally | undefined {
    return this.#attacks?.progress;
  }

  /** Brings everything into use that stays in use, and counts the descriptors of the node without its connections. */
  async fill(): Promise<void> {
    const { rates, seed } = this.#burden;
    await this.#load.ask('fill', { target: this.#target, seed, rates } satisfies LoadOrder);
    const connections = await this.node.connections();
    this.#targetsBefore = await this.#fewestTargets();
    const counted = countDescriptors(this.#targetsBefore);
    this.#before = { ...counted, sockets: counted.sockets - connections };
  }

  async run(): Promise<void> {
    await this.#load.ask('run');
    const { attacksPerSecond, seed } = this.#burden;
    await this.#attacks?.ask('run', { target: this.#target, seed: seed + 1_000, messagesPerSecond: attacksPerSecond } satisfies AttackOrder);
  }

  async sample(beginMs: number): Promise<Sample | undefined> {
    const sample = await this.node.sample(beginMs);
    if (sample !== undefined) this.samples.push(sample);
    return sample;
  }

  /** Ends the load, checks what is left, and counts descriptors when every connection is gone. */
  async finish(): Promise<void> {
    await this.#attacks?.ask('finish');
    await this.#load.ask('finish');
    await this.#settle();
    await this.node.stop();
  }

  evidence(): NodeEvidence {
    const { node, samples } = this;
    const { steady } = this.#burden;
    return { name: node.name, steady, samples, before: this.#before, after: this.#after, leftOver: this.#leftOver, errors: node.errors };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#attacks?.[Symbol.asyncDispose]();
    await this.#load[Symbol.asyncDispose]();
    await this.node[Symbol.asyncDispose]();
  }

  /** Of a few looks, the one that found least: whoever asked the node last may still be leaving. */
  async #fewestTargets(): Promise<readonly string[]> {
    let fewest = await this.node.descriptors();
    for (let look = 1; look < BASELINE_LOOKS; look++) {
      await sleep(LOOK_MS);
      const targets = await this.node.descriptors();
      if (targets.length < fewest.length) fewest = targets;
    }
    return fewest;
  }

  async #settle(): Promise<void> {
    const deadlineMs = performance.now() + SETTLE_MS_MAX;
    for (;;) {
      const targets = await this.node.descriptors();
      this.#after = countDescriptors(targets);
      const { sockets, files, others } = this.#after;
      if (sockets <= this.#before.sockets && files <= this.#before.files && others <= this.#before.others) return;
      if (performance.now() > deadlineMs) {
        this.#leftOver = targetsBeyond(this.#targetsBefore, targets);
        return;
      }
      await sleep(LOOK_MS);
    }
  }
}
