import { createLogger } from '@omnigate/kernel';
import { createNode } from '@omnigate/node';
import type { NodeAddress, NodeOptions, OmnigateNode } from '@omnigate/node';
import { LogRecorder } from './log-recorder.ts';
import { TemporaryFolder } from './temporary-folder.ts';

/** A node in this process, on free ports and with data of its own. */
export interface TestNode extends AsyncDisposable {
  readonly node: OmnigateNode;
  readonly log: LogRecorder;
  /** Its data directory. */
  readonly data: string;
  /** Its plain listener. */
  readonly oap: NodeAddress;
  /** Its TLS listener; throws unless it was asked for. */
  readonly oaps: NodeAddress;
  /** Such as `http://127.0.0.1:4711`. */
  readonly adminUrl: string;
}

/**
 * Starts a node in this process; `options` over a plain and an admin listener on
 * free ports, and a node that does not mind how busy the machine of the test is.
 */
export async function startNode(options: NodeOptions = {}): Promise<TestNode> {
  const folder = new TemporaryFolder();
  const log = new LogRecorder();
  const logger = createLogger({ level: options.logLevel ?? 'debug', destination: log });
  try {
    const node = await createNode({ data: folder.path, oap: '127.0.0.1:0', admin: '127.0.0.1:0', loadShedding: false, logger, ...options });
    return {
      node,
      log,
      data: options.data ?? folder.path,
      get oap() {
        return present(node.addresses.oap);
      },
      get oaps() {
        return present(node.addresses.oaps);
      },
      get adminUrl() {
        return present(node.addresses.admin).url;
      },
      async [Symbol.asyncDispose]() {
        await node[Symbol.asyncDispose]();
        folder[Symbol.dispose]();
      },
    };
  } catch (error) {
    folder[Symbol.dispose]();
    throw error;
  }
}

function present(address: NodeAddress | undefined): NodeAddress {
  if (address === undefined) throw new Error('the test did not ask for this listener');
  return address;
}
