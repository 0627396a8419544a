import { adminAttacks } from './attacks/admin.ts';
import { capabilityAttacks } from './attacks/capabilities.ts';
import { compressionAttacks } from './attacks/compression.ts';
import { connectionsScene } from './attacks/connections.ts';
import { crash } from './attacks/crash.ts';
import { drainScene } from './attacks/drain.ts';
import { framingAttacks, framingTimes } from './attacks/framing.ts';
import { greetingAttacks, silence } from './attacks/greeting.ts';
import { messageAttacks } from './attacks/messages.ts';
import { overloadScene } from './attacks/overload.ts';
import { quotasScene } from './attacks/quotas.ts';
import { tlsScene } from './attacks/tls.ts';
import { neverReads, transportAttacks } from './attacks/transport.ts';
import { playScene } from './play.ts';
import type { Scene, Verdict } from './play.ts';
import type { Scale } from './scale.ts';
import { Target } from './target.ts';

const defaults: Scene = {
  name: 'a node with its defaults',
  start: async () => Target.start({ services: ['vault', 'held', 'narrow', 'faulty'] }),
  attacks: [
    ...transportAttacks,
    ...framingAttacks,
    ...greetingAttacks,
    ...messageAttacks,
    ...compressionAttacks,
    ...capabilityAttacks,
    crash,
    adminAttacks.labels,
    [...framingTimes, silence, neverReads, adminAttacks.slowLoris],
  ],
};

/** Every node that is attacked. */
export const SCENES: readonly Scene[] = [defaults, tlsScene, connectionsScene, quotasScene, drainScene, overloadScene];

/** Plays rows, as they come; all when `wanted` is absent. */
export async function* attack(scale: Scale, wanted: (row: number) => boolean = () => true): AsyncGenerator<Verdict> {
  for (const scene of SCENES) yield* playScene(scene, scale, wanted);
}
