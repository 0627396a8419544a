import { createHash } from 'node:crypto';
import { parseAddress } from '@omnigate/capability';
import type { ConnectionFacts, IpAddress } from '@omnigate/capability';
import type { Peer } from '@omnigate/kernel';
import type { Party } from '../quota/ledger.ts';

const BINDING_LABEL = 'EXPORTER-Channel-Binding';
const BINDING_BYTES = 32;

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
    return (this.#channelBinding ??= base64url(this.#peer.tls?.exportKeyingMaterial(BINDING_BYTES, BINDING_LABEL)));
  }

  get certificate(): string | undefined {
    return (this.#certificate ??= fingerprint(this.#peer.tls?.clientCertificate()));
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

function base64url(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes).toString('base64url');
}

function fingerprint(certificate: Uint8Array | undefined): string | undefined {
  return certificate === undefined ? undefined : createHash('sha256').update(certificate).digest('hex');
}
