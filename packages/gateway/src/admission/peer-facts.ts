import { certificateFingerprint, CHANNEL_BINDING, channelBindingOf, parseAddress } from '@omnigate/capability';
import type { ConnectionFacts, IpAddress } from '@omnigate/capability';
import type { Peer } from '@omnigate/kernel';
import type { Party } from '../quota/ledger.ts';

/** What capabilities can be bound to; what costs something is found out when the first one asks (specs/capability-1.md §5.9). */
export class PeerFacts implements ConnectionFacts {
  readonly address: IpAddress | undefined;
  readonly node: string;
  readonly audience: string;
  readonly #peer: Peer;
  #channelBinding: string | undefined;
  #certificate: string | undefined;

  constructor(peer: Peer, node: string, audience: string) {
    this.#peer = peer;
    this.address = parseAddress(peer.address);
    this.node = node;
    this.audience = audience;
  }

  get channelBinding(): string | undefined {
    if (this.#channelBinding === undefined) {
      const exported = this.#peer.tls?.exportKeyingMaterial(CHANNEL_BINDING.bytes, CHANNEL_BINDING.label);
      if (exported !== undefined) this.#channelBinding = channelBindingOf(exported);
    }
    return this.#channelBinding;
  }

  get certificate(): string | undefined {
    if (this.#certificate === undefined) {
      const der = this.#peer.tls?.clientCertificate();
      if (der !== undefined) this.#certificate = certificateFingerprint(der);
    }
    return this.#certificate;
  }

  /**
   * The address as what is measured where nobody says who is speaking. One host
   * can have all addresses of an IPv6 /64, so these count as one.
   */
  get party(): Party {
    const { family, words } = this.address ?? { family: 0, words: [0, 0, 0, 0] as const };
    return { address: true, name: this.#peer.address, key0: words[0], key1: family === 6 ? words[1] : 0, key2: 0, key3: family, key4: 0 };
  }
}
