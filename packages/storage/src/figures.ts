import type { ServiceMetric } from '@omnigate/kernel';
import type { Usage } from './index/blob-record.ts';
import { StorageMetricName } from './metric-name.ts';

/** Plain numbers that storage adds to and the metrics of the node read. */
export class StorageFigures {
  /** What all tenants held at the last sweep, which is a minute ago at most on a node that keeps up. */
  held: Usage | undefined;
  corruptBlobs = 0;
  scrubbedBytes = 0;
  sweptBlobs = 0;
  sweptBytes = 0;

  /** All of them, for the node. */
  get metrics(): readonly ServiceMetric[] {
    const Name = StorageMetricName;
    return [
      { name: Name.BLOBS, type: 'gauge', help: 'Blobs of all tenants.', read: () => this.held?.blobs },
      { name: Name.PINNED_BYTES, type: 'gauge', help: 'Bytes of pinned blobs.', read: () => this.held?.pinnedBytes },
      { name: Name.UNPINNED_BYTES, type: 'gauge', help: 'Bytes of blobs that wait for the end of their grace.', read: () => this.held?.unpinnedBytes },
      { name: Name.PARTIAL_BYTES, type: 'gauge', help: 'Bytes of uploads that broke off.', read: () => this.held?.partialBytes },
      { name: Name.CORRUPT_BLOBS, type: 'counter', help: 'Blobs that were found damaged.', read: () => this.corruptBlobs },
      { name: Name.SCRUBBED_BYTES, type: 'counter', help: 'Bytes that were read to look for damage.', read: () => this.scrubbedBytes },
      { name: Name.SWEPT_BLOBS, type: 'counter', help: 'Blobs that were removed.', read: () => this.sweptBlobs },
      { name: Name.SWEPT_BYTES, type: 'counter', help: 'Bytes of blobs and uploads that were removed.', read: () => this.sweptBytes },
    ];
  }
}
