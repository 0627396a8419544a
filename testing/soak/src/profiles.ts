import { ATTACK_SHARE } from './bounds.ts';
import type { Profile } from './profile.ts';

const PROFILES: readonly Profile[] = [
  {
    name: 'general',
    summary: 'echo, mailbox and storage, attacks, certificates, keys, restarts',
    mix: { echo: 0.6, mailbox: 0.3, storage: 0.1 },
    attackShare: ATTACK_SHARE,
    restarts: true,
    chores: true,
  },
  {
    name: 'mailbox',
    summary: 'the mailbox alone, one message in ten becomes a dead letter',
    mix: { echo: 0, mailbox: 1, storage: 0 },
    attackShare: 0,
    restarts: false,
    chores: false,
  },
];

export const PROFILE_LINES = PROFILES.map(({ name, summary }) => `  ${name.padEnd(10)}${summary}`).join('\n');

/** @throws Error when there is none of this name */
export function profileOf(name: string): Profile {
  const found = PROFILES.find((profile) => profile.name === name);
  if (found === undefined) throw new Error(`There is no profile '${name}'.`);
  return found;
}
