import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CAPABILITY_FOLDER, CapabilityStore } from '@omnigate/capability';
import { startNodeProcess } from '@omnigate/harness';
import type { NodeProcess } from '@omnigate/harness';
import { connect } from '@omnigate/sdk';
import type { Client } from '@omnigate/sdk';
import { ANSWER_MS_MAX, CAPABILITY_MS, LAST_ANSWERS_MS } from '../bounds.ts';
import type { Running, Subject } from '../subject.ts';
import { Tally } from '../tally.ts';
import type { Load, Workload } from './workload.ts';

const TENANT = '00112233445566778899aabbccddeeff';
const DATA = 'data';

/** A real `omnigate start`, asked through the SDK by an oracle in this process. */
export class NodeSubject implements Subject {
  readonly name: string;
  readonly tally = new Tally();
  readonly #workloads: readonly Workload[];
  /** From the first run: a node that forgets its keys refuses it. */
  #capability: Uint8Array | undefined;

  constructor(name: string, workloads: readonly Workload[]) {
    this.name = name;
    this.#workloads = workloads;
  }

  async start(folder: string, env: Readonly<Record<string, string>> = {}): Promise<RunningNode> {
    const data = join(folder, DATA);
    const node = await startNodeProcess({ data, env: { ...env, OMNIGATE_LOG_LEVEL: 'info' } });
    try {
      this.#capability ??= await mint(data);
      const client = await connect({ url: node.url, cap: this.#capability, retry: false, deadlineMs: ANSWER_MS_MAX });
      return new RunningNode(node, client, this.#workloads, this.tally);
    } catch (error) {
      await node[Symbol.asyncDispose]();
      throw error;
    }
  }
}

/** One run of a node. */
export class RunningNode implements Running {
  readonly #node: NodeProcess;
  readonly #client: Client;
  readonly #workloads: readonly Workload[];
  readonly #tally: Tally;
  #goesOn = true;
  #loads: Promise<unknown> = Promise.resolve();

  constructor(node: NodeProcess, client: Client, workloads: readonly Workload[], tally: Tally) {
    this.#node = node;
    this.#client = client;
    this.#workloads = workloads;
    this.#tally = tally;
    void node.exited.then(() => {
      this.#goesOn = false;
    });
  }

  get pid(): number {
    return this.#node.pid;
  }

  /** For loops that ask themselves. */
  get client(): Client {
    return this.#client;
  }

  async check(): Promise<void> {
    for (const workload of this.#workloads) await workload.check(this.#client, this.#tally);
  }

  async load(): Promise<void> {
    const goesOn = (): boolean => this.#goesOn;
    const begun = this.#workloads.map(
      (workload) =>
        new Promise<void>((resolve) => {
          const load: Load = {
            get goesOn() {
              return goesOn();
            },
            acknowledged: resolve,
          };
          const running = workload.run(this.#client, this.#tally, load);
          this.#loads = Promise.all([this.#loads, running.finally(resolve)]);
        }),
    );
    // Whoever waits for the end hears of a failure.
    this.#loads.catch(() => undefined);
    await Promise.race([Promise.all(begun), this.#node.exited]);
  }

  async ended(): Promise<void> {
    await this.#node.exited;
    // Answers that had arrived are read first; what then still waits, waits for a node that does not come.
    await Promise.race([this.#loads, sleep(LAST_ANSWERS_MS)]);
    await this.#client.close();
    await this.#loads;
  }

  async kill(): Promise<void> {
    this.#node.kill('SIGKILL');
    await this.ended();
    await this.#node[Symbol.asyncDispose]();
  }
}

async function mint(data: string): Promise<Uint8Array> {
  await using store = await CapabilityStore.open({ folder: join(data, CAPABILITY_FOLDER), auditLog: 'crash' });
  const { bytes } = await store.mint({ tenant: TENANT, ttlMs: CAPABILITY_MS });
  return bytes;
}
