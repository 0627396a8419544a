/** Every bound and every figure of a soak: what must hold, then how much load shows it. The unit is the last word of a name that has one. */

// What must hold

/** Of the admitted requests, those that were answered rightly: four nines. */
export const AVAILABILITY_MIN = 0.999_9;
/** Of all requests, those that were refused for good in the end: with more, availability would be that of an idle node. */
export const REFUSED_SHARE_MAX = 0.01;
/** Of the requests that --rate asks for, those that were made: a load that was not offered shows nothing. */
export const OFFERED_SHARE_MIN = 0.5;
/** Of the messages to the nodes, those that were hostile, at least: a flood that is being saved for, and a node that is restarting, leave a short run below one percent. */
export const ATTACK_SHARE_MIN = 0.005;
/** Growth of the number of open descriptors over the second half. */
export const DESCRIPTORS_GROWTH_MAX = 3;
/** Growth of resident memory over the second half, of its median before: what the collector's mood explains, and no leak of an hour. */
export const MEMORY_GROWTH_SHARE_MAX = 0.05;
/** Growth of memory that is not looked at, bytes: a few pages of V8's heap. */
export const MEMORY_GROWTH_FLOOR_BYTES = 4_194_304;
/** The most that memory grows over the second half of a short run, bytes: V8 still finds the size of its heap. */
export const MEMORY_GROWTH_WARMING_BYTES_MAX = 50_331_648;
/** Second halves below this are those of a short run, milliseconds. */
export const WARMING_MS = 900_000;
/** Growth of the files of a service over the second half, of their median before. */
export const FILES_GROWTH_SHARE_MAX = 0.05;
/** Growth of files that is not looked at, bytes: one checkpoint of the mailbox, which is made when 8 MiB are waiting. */
export const FILES_GROWTH_FLOOR_BYTES = 8_388_608;
/** Growth of the audit log, bytes each hour: ten denials a second of every reason are kept by design, and the log ends at a gigabyte. */
export const AUDIT_GROWTH_BYTES_PER_HOUR_MAX = 134_217_728;
/** Growth of the delay of the event loop over the second half, milliseconds: more than a shared machine's noise. */
export const LOOP_DELAY_GROWTH_MS_MAX = 50;
/** Growth of memory from life to life of a node that is restarted, at the same age, over all lives of the second half, of its median before. */
export const LIVES_GROWTH_SHARE_MAX = 0.15;
/** Lives below which nothing is said about them: two or three points have a slope by accident. */
export const LIVES_MIN = 4;
/** Samples of the second half below which a slope says nothing. */
export const SAMPLES_MIN = 5;
/** Points a slope is taken from: all pairs of them are looked at, so more are thinned out. */
export const SLOPE_POINTS_MAX = 720;

// Course of a run

/** How often everything is sampled, milliseconds. */
export const SAMPLE_MS = 10_000;
/** Samples of a short run: so many that half of them have a slope. */
export const SAMPLES_PER_RUN_MIN = 24;
/** Longest run, hours: a month. */
export const HOURS_MAX = 744;
/** Shortest run, milliseconds. */
export const RUN_MS_MIN = 5_000;
/** Longest pause between two restarts, reloads or rotations, milliseconds: thirteen rotations within the life of a key fit its keyring. */
export const CHORE_PAUSE_MS_MAX = 300_000;
/** Rounds of chores in a run that is shorter. */
export const CHORE_ROUNDS = 6;
/** A chore that takes longer failed, milliseconds: a drain may take 25 s. */
export const CHORE_MS_MAX = 60_000;
/** Requests each second of all nodes together, unless --rate says otherwise: a fraction of one core. */
export const RATE_DEFAULT = 200;
/** Highest --rate: beyond that the load would be the thing that is measured. */
export const RATE_MAX = 20_000;
/** Hostile messages for each request of --rate: one in a hundred of all, since ACKs and NACKs come on top of that rate. */
export const ATTACK_SHARE = 0.015;
/** After the end of the load: descriptors of closed connections are given back within this time, milliseconds: twice the longest time limit of a frame. */
export const SETTLE_MS_MAX = 10_000;
/** Looks at the descriptors before the load, of which the least counts. */
export const BASELINE_LOOKS = 5;
/** Pause between two looks at something that settles, milliseconds. */
export const LOOK_MS = 200;
/** An answer of a load process, milliseconds: it may have to drain topics first. */
export const WORKER_ANSWER_MS_MAX = 180_000;
/** From the end of the channel to SIGKILL, milliseconds. */
export const WORKER_EXIT_MS_MAX = 5_000;
/** How often a load process tells how far it is, milliseconds. */
export const TELL_MS = 1_000;
/** Complaints that are kept in words; the others are counted. */
export const NOTES_MAX = 20;

// Load

/** Life of the capabilities of the load, milliseconds: a client asks for dozens of them in an hour. */
export const CAPABILITY_MS = 120_000;
/** A request, restarts included, milliseconds. */
export const DEADLINE_MS = 60_000;
/** How often due requests are sent, milliseconds. */
export const TICK_MS = 20;
/** Requests under way at a time: what is due beyond them is not sent. */
export const IN_FLIGHT_MAX = 256;
/** Debt of a load that was held up, milliseconds: what is older is not made up for, since it would come as a burst. */
export const DEBT_MS = 200;
/** Largest echo, bytes. */
export const ECHO_BYTES_MAX = 2_048;
/** Distinct blobs: PUT again and again, so that what a node keeps is bounded. */
export const BLOBS = 96;
/** Largest of them, bytes: three leaves and a part. */
export const BLOB_BYTES_MAX = 200_000;
/** One write of a PUT, bytes. */
export const BLOB_CHUNK_BYTES = 65_536;
/** Of the storage requests, those that are PUTs, and those that ask about a blob; the others are GETs. */
export const PUT_SHARE = 0.2;
export const STAT_SHARE = 0.1;

// Mailbox

/** Body of a message, bytes. */
export const MESSAGE_BYTES = 256;
/** Of the messages, those that are given back until they are dead. */
export const POISON_SHARE = 0.1;
/** Deliveries before a message is dead. */
export const DELIVERIES_MAX = 3;
/** Longest delay of a message that is given back, milliseconds. */
export const NACK_DELAY_MS_MAX = 500;
/** Of the other messages, those with a group, with a key, and with a delay. */
export const GROUP_SHARE = 0.1;
export const KEY_SHARE = 0.1;
export const DELAY_SHARE = 0.05;
/** Of the messages, those whose TTL ends before their delay: nobody may ever get one. */
export const DOOMED_SHARE = 0.01;
export const GROUPS = 8;
/** Longest delay, milliseconds. */
export const DELAY_MS_MAX = 3_000;
/** How long a key is remembered, milliseconds: the index of keys reaches its size within the first half of most runs. */
export const DEDUP_MS = 60_000;
/** How often dead letters are redriven, and in turn purged, milliseconds. */
export const TEND_MS = 5_000;
/** Messages that a subscription has at a time. */
export const PREFETCH = 64;
/** One lease, milliseconds; the subscription extends it. */
export const VISIBILITY_MS = 30_000;
/** Scans of topics at the end that were disturbed by a delay that ended. */
export const SCANS_MAX = 100;
/** Until the last message is delivered and acknowledged, milliseconds. */
export const DRAIN_MS_MAX = 60_000;

// Attacks

/** Requests of one flood. */
export const FLOOD_REQUESTS = 60;
/** Connections that come at once and say nothing. */
export const SILENT_CONNECTIONS = 10;
/** Until the node reacted to an attack, milliseconds: some are time limits of 5 s. */
export const REACTION_MS_MAX = 20_000;
/** Attacks under way at a time: those that wait for a time limit must not hold up the others. */
export const ATTACKS_AT_ONCE = 8;
/** Units each second of the tenant that asks for too much. */
export const GREEDY_UNITS_PER_SECOND = 5;

// Report

/** Points of one curve of the page. */
export const PLOT_POINTS_MAX = 600;
/** Size of a plot, pixels. */
export const PLOT_WIDTH = 640;
export const PLOT_HEIGHT = 160;
