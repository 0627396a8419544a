import type { WriteBufferPool } from '@omnigate/kernel/wire';
import type { Endpoint } from './endpoint.ts';
import type { HelloFrame } from './hello.ts';
import type { PayloadMemory } from './payload.ts';

/** What all connections of a client have in common. */
export interface ConnectionContext {
  readonly endpoint: Endpoint;
  readonly hello: HelloFrame;
  readonly connectTimeoutMs: number;
  readonly replyWindowBytes: number;
  readonly compression: boolean;
  readonly buffers: WriteBufferPool;
  readonly payloads: PayloadMemory;
}
