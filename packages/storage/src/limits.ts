/**
 * Every bound of the storage service, with its reason. Sizes are bytes, times
 * are milliseconds, the rest are counts. docs/LIMITS.md lists the same names;
 * those that a client can meet are in specs/storage-1.md §10.
 */

// Form (specs/storage-1.md §1, §4)

/** One leaf: the unit in which bytes are checked, and the payload of one stream frame. */
export const LEAF_BYTES = 65_536;
/** Leaves whose hashes a proof gives together: 512 bytes for a MiB, and few small frames. */
export const PROOF_GROUP_LEAVES = 16;
/** Leaves under one stored inner hash: what is read and checked of the tree before a leaf is served is 2 KiB. */
export const SEGMENT_LEAVES = 64;

// Requests (§10)

/** One blob: its tree takes 8 MiB, which is held while it is written. */
export const BLOB_BYTES_MAX = 17_179_869_184;
/** Ranges of one GET: each may cost the reading and hashing of a leaf. */
export const RANGES_MAX = 256;
/** Ids of one HAS: a look-up each, all in one turn of the event loop. */
export const HAS_IDS_MAX = 1_024;
/** Blobs in one LIST reply: some 300 bytes each, so that a reply stays within a few hundred KiB. */
export const LIST_BLOBS_MAX = 1_000;
/** Blobs in one LIST reply when the client does not say. */
export const LIST_BLOBS_DEFAULT = 100;
/** Longest pin with an end: ten years; what is to stay longer is pinned without end. */
export const PIN_TTL_MS_MAX = 315_360_000_000;
/** Map in the first frame of a PUT: five short fields. */
export const PUT_MAP_BYTES_MAX = 4_096;
/** Body of any other request: a HAS with 1,024 ids takes 72 KiB. */
export const REQUEST_BYTES_MAX = 131_072;
/** Characters of a media type. */
export const MEDIA_TYPE_CHARS_MAX = 255;
/** Characters of a cursor that a client sends back. */
export const CURSOR_CHARS_MAX = 128;

// Work under way

/** Bytes of one read or write on the disk: smaller ones cost calls, and with larger ones a GET would be more than a MiB ahead of its reader. */
export const BATCH_BYTES_MAX = 524_288;
/** The first read of a GET of a large blob: a hundred that begin together have memory for this and not for more. */
export const FIRST_BATCH_BYTES_MAX = 131_072;
/** Bytes that the batches of all transfers of one direction may hold together; with many transfers each batch is smaller. */
export const BATCHES_BYTES_MAX = 16_777_216;
/** Reply bytes of all GETs that may wait in the kernel, which cuts a connection off at 16 MiB: they may all be of one. */
export const REPLIES_WAITING_BYTES_MAX = 12_582_912;
/** PUTs under way: each holds a descriptor, up to two batches, and its leaf hashes. */
export const UPLOADS_MAX = 1_024;
/** GETs under way: each holds up to two batches. */
export const DOWNLOADS_MAX = 1_024;
/** Interrupted PUTs that one tenant may have waiting to be resumed; the oldest goes first. */
export const PARTS_PER_TENANT_MAX = 64;
/** After which a client may try again that met UPLOADS_MAX, DOWNLOADS_MAX, or a node without descriptors. */
export const BUSY_RETRY_MS = 1_000;
/** Bytes of a resumable PUT after which what was written is synced and noted: what a crash may cost. */
export const UPLOAD_SYNC_BYTES = 8_388_608;
/** Files kept open for further GETs: opening one costs as much as reading a leaf. */
export const OPEN_FILES_MAX = 2_048;
/** Files that are remembered as read or written lately, and so to be in the operating system's memory: a GiB of leaves. */
export const RECENT_FILES_MAX = 16_384;
/** A read that everybody waits for and that takes longer was one of a slow disk: on a busy machine one from memory takes a few. */
export const AT_HAND_MS_MAX = 10;
/** For so many times as long as such a read took, none is tried: a disk costs all others a fiftieth of their time at most. */
export const AT_HAND_PAUSE_TIMES = 50;
/** Bytes read in this way that have not left yet, over all GETs: what is beyond takes its place among the transfers. */
export const AT_HAND_BYTES_MAX = 8_388_608;
/** GETs whose meaning is remembered, some 500 bytes each: more than small blobs are kept in memory. */
export const GETS_KNOWN_MAX = 4_096;
/** Longest body of a GET that is remembered: an id or alias and a flag. */
export const GET_KNOWN_BYTES_MAX = 128;
/** Folders known to be there and synced: each saves a few calls to every PUT. */
export const FOLDERS_KNOWN_MAX = 4_096;
/** Memory kept between reads: what the two batches of some GETs take. */
export const READ_BUFFERS_KEPT_BYTES_MAX = 8_388_608;
/** Bytes of hash trees kept for further GETs. */
export const TREES_CACHED_BYTES_MAX = 16_777_216;
/** Largest blob whose checked bytes are kept for further GETs. */
export const BLOB_CACHED_BYTES_MAX = 262_144;
/** Checked bytes kept for further GETs, over all blobs: what is asked for often is read and hashed once. */
export const BLOBS_CACHED_BYTES_MAX = 33_554_432;
/** Time for which they are served without a look at what they were read from: the look costs as much as the rest of a GET. */
export const BLOB_CACHED_TRUST_MS = 100;

// Keeping (§7, §8)

/** A blob up to this size lies in the index: one write instead of two, and no file. */
export const INLINE_BYTES_MAX = 16_384;
/** Bytes of one tenant unless the operator says otherwise. */
export const TENANT_BYTES_DEFAULT = 17_179_869_184;
/** Blobs of one tenant unless the operator says otherwise: each costs some 300 bytes of index. */
export const TENANT_BLOBS_DEFAULT = 1_048_576;
/** How long what is not pinned is kept. */
export const GRACE_MS = 3_600_000;
/** Pause between two sweeps of everything. */
export const SWEEP_INTERVAL_MS = 60_000;
/** Records that a sweep looks up at once and removes side by side: others wait for it. */
export const SWEEP_RECORDS_MAX = 64;
/** Pause between two searches for files that no record names; only a crash leaves any. */
export const ORPHANS_INTERVAL_MS = 86_400_000;
/** Blobs removed to make room for one PUT before it is refused after all. */
export const ROOM_BLOBS_MAX = 4_096;

// Scrubbing (§9)

/** Bytes per second that the scrubber reads: a disk has a hundred times that. */
export const SCRUB_BYTES_PER_SECOND = 8_388_608;
/** Pause between two passes over everything. */
export const SCRUB_PAUSE_MS = 86_400_000;
/** Bytes that one SCRUB request checks, beside the rest of the blob it is in. */
export const SCRUB_REQUEST_BYTES = 67_108_864;
