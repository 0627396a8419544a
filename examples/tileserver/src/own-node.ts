import { join } from 'node:path';
import { CAPABILITY_FOLDER, CapabilityStore } from '@omnigate/capability';
import { createLogger } from '@omnigate/kernel';
import { createNode } from '@omnigate/node';
import type { ConnectOptions } from '@omnigate/sdk';

/** A node in this process, and how to reach it with the right to use its store. */
export interface OwnNode extends AsyncDisposable {
  readonly connectOptions: ConnectOptions;
}

const STORAGE_APP = 17;
/** The tenant of the tile server where it has a node of its own: any will do. */
const TENANT = '6f6d6e69676174652074696c65730000';

/** Starts a node on a free port of this machine, with its data in a folder. */
export async function startOwnNode(data: string): Promise<OwnNode> {
  const logger = createLogger({ level: 'warn', destination: process.stderr });
  const node = await createNode({ data, oap: '127.0.0.1:0', admin: 'off', logger });
  try {
    const desk = await CapabilityStore.open({ folder: join(data, CAPABILITY_FOLDER), auditLog: 'tileserver' });
    return {
      connectOptions: {
        url: node.addresses.oap?.url,
        // Asked again before each one ends, so it works for as long as the process does.
        cap: async () => (await desk.mint({ tenant: TENANT, apps: [STORAGE_APP], verbs: ['get', 'has', 'put', 'stat'] })).text,
      },
      async [Symbol.asyncDispose]() {
        await desk.close();
        await node.drain();
      },
    };
  } catch (error) {
    await node[Symbol.asyncDispose]();
    throw error;
  }
}
