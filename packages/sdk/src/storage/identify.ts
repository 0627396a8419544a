import { BlobHasher } from './blob-hasher.ts';
import type { BlobIdentity } from './blob-hasher.ts';
import { isSteady, openSource } from './blob-source.ts';
import type { BlobSource } from './blob-source.ts';
import { loadHashing } from './hashing.ts';

/**
 * What a blob would be called, without asking a node.
 *
 * @param source is read once
 */
export async function identifyBlob(source: BlobSource): Promise<BlobIdentity> {
  const { blake3 } = await loadHashing();
  const opened = await openSource(source);
  try {
    const hasher = await BlobHasher.create(blake3);
    await hasher.updateAll(isSteady(opened.bytes) ? opened.bytes.read(0) : opened.bytes);
    return hasher.finish();
  } finally {
    await opened.close();
  }
}
