import type { WriteBufferPool } from '@omnigate/kernel/wire';
import type { CapabilitySource } from './capability-source.ts';
import type { Endpoint } from './endpoint.ts';
import type { HelloFrame } from './hello.ts';
import type { PayloadMemory } from './payload.ts';

/** What a connection needs of its client; all but the HELLO is common to its connections. */
export interface ConnectionContext {
  readonly endpoint: Endpoint;
  readonly hello: HelloFrame;
  readonly capability: CapabilitySource;
  readonly connectTimeoutMs: number;
  readonly replyWindowBytes: number;
  readonly compression: boolean;
  readonly buffers: WriteBufferPool;
  readonly payloads: PayloadMemory;
}
