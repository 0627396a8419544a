export { ConfigError } from './config/config-error.ts';
export { createNode } from './node.ts';
export type { DrainResult, NodeAddress, NodeAddresses, NodeOptions, OmnigateNode } from './node.ts';
