import type { TopicStats } from '@omnigate/sdk';
import { formatDistance } from '../time.ts';

/** Counts, totals and settings of a topic for programs, by the names of specs/mailbox-1.md §8.3. */
export function topicJson({ settings, ...stats }: TopicStats) {
  return {
    topic: stats.topic,
    ready: stats.ready,
    blocked: stats.blocked,
    delayed: stats.delayed,
    leased: stats.leased,
    bytes: stats.bytes,
    oldest_ms: stats.oldestMs ?? null,
    admitted: stats.admitted,
    acked: stats.acked,
    deleted: stats.deleted,
    expired: stats.expired,
    dead_lettered: stats.deadLettered,
    redriven: stats.redriven,
    delivered: stats.delivered,
    settings: {
      visibility_ms: settings.visibilityMs,
      max_deliveries: settings.maxDeliveries,
      dlq: settings.dlq,
      dedup_window_ms: settings.dedupWindowMs,
      retention_ms: settings.retentionMs,
      quota_messages: settings.quotaMessages,
      quota_bytes: settings.quotaBytes,
    },
  };
}

/** How long the oldest message that can be delivered has waited. */
export function oldestText({ oldestMs }: TopicStats, nowMs: number): string {
  return oldestMs === undefined ? '-' : formatDistance(oldestMs, nowMs);
}

/** Messages of a topic, in whatever state. */
export function heldCount({ ready, delayed, leased }: TopicStats): number {
  return ready + delayed + leased;
}
