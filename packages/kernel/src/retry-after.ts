import { RETRY_AFTER_JITTER_MS, RETRY_AFTER_MS_MAX, RETRY_AFTER_MS_MIN } from './limits.ts';

/**
 * When to come back, milliseconds: not before `waitMs`, within 1 to 5 s, and not
 * at the same moment as everybody else who was refused.
 *
 * @param random uniform in [0, 1)
 */
export function retryAfterMs(waitMs: number, random: number): number {
  const base = Math.max(RETRY_AFTER_MS_MIN, Math.ceil(waitMs));
  return Math.min(RETRY_AFTER_MS_MAX, base + Math.floor(random * RETRY_AFTER_JITTER_MS));
}
