import type { Target } from './engine/target.ts';

/** Every target by its name. A thread loads only the one it runs, so that coverage of nothing else is counted. */
export const TARGETS = {
  decoder: async (): Promise<Target> => (await import('./targets/decoder.ts')).openDecoder(),
  hello: async (): Promise<Target> => (await import('./targets/hello.ts')).openHello(),
  macaroon: async (): Promise<Target> => (await import('./targets/macaroon.ts')).openMacaroon(),
  caveat: async (): Promise<Target> => (await import('./targets/caveat.ts')).openCaveat(),
  compression: async (): Promise<Target> => (await import('./targets/compression.ts')).openCompression(),
  messagepack: async (): Promise<Target> => (await import('./targets/messagepack.ts')).openMessagePack(),
  'mailbox-request': async (): Promise<Target> => (await import('./targets/mailbox-request.ts')).openMailboxRequest(),
  'storage-request': async (): Promise<Target> => (await import('./targets/storage-request.ts')).openStorageRequest(),
  'sdk-records': async (): Promise<Target> => (await import('./targets/sdk-records.ts')).openSdkRecords(),
  'sdk-replies': async (): Promise<Target> => (await import('./targets/sdk-replies.ts')).openSdkReplies(),
} as const;

export type TargetName = keyof typeof TARGETS;

export const TARGET_NAMES = Object.keys(TARGETS) as readonly TargetName[];

export function isTargetName(name: string): name is TargetName {
  return Object.hasOwn(TARGETS, name);
}
