import { parseNetwork } from './address.ts';
import type { IpNetwork } from './address.ts';
import type { Caveat } from './caveat.ts';

/** All caveats of a token put together by kind: bounds as one number, sets as one of each caveat, since each must be met. */
export interface Conditions {
  /** Values of `tenant`, `tls`, `cert` and `rate`, each once; a token with two of a kind allows nothing. */
  readonly tenants: readonly string[];
  readonly channelBindings: readonly string[];
  readonly certificates: readonly string[];
  readonly rateClasses: readonly string[];
  /** Largest nbf, 0 without one; smallest of the others, Infinity without one. */
  readonly notBeforeMs: number;
  readonly expiresAtMs: number;
  readonly maxBytes: number;
  readonly maxInflight: number;
  readonly apps: readonly ReadonlySet<number>[];
  /** Names and codes. */
  readonly verbs: readonly ReadonlySet<string | number>[];
  readonly prefixes: readonly (readonly string[])[];
  readonly networks: readonly (readonly IpNetwork[])[];
  readonly nodes: readonly ReadonlySet<string>[];
  readonly audiences: readonly ReadonlySet<string>[];
}

/** Puts caveats together in one pass: it happens on the first use of every token. */
export function conditionsOf(caveats: readonly Caveat[]): Conditions {
  const tenants: string[] = [];
  const channelBindings: string[] = [];
  const certificates: string[] = [];
  const rateClasses: string[] = [];
  let notBeforeMs = 0;
  let expiresAtMs = Infinity;
  let maxBytes = Infinity;
  let maxInflight = Infinity;
  const apps: Set<number>[] = [];
  const verbs: Set<string | number>[] = [];
  const prefixes: (readonly string[])[] = [];
  const networks: IpNetwork[][] = [];
  const nodes: Set<string>[] = [];
  const audiences: Set<string>[] = [];
  for (const caveat of caveats) {
    switch (caveat.name) {
      case 'tenant':
        addOnce(tenants, caveat.value);
        break;
      case 'tls':
        addOnce(channelBindings, caveat.value);
        break;
      case 'cert':
        addOnce(certificates, caveat.value);
        break;
      case 'rate':
        addOnce(rateClasses, caveat.value);
        break;
      case 'nbf':
        notBeforeMs = Math.max(notBeforeMs, caveat.value);
        break;
      case 'exp':
        expiresAtMs = Math.min(expiresAtMs, caveat.value);
        break;
      case 'max_bytes':
        maxBytes = Math.min(maxBytes, caveat.value);
        break;
      case 'max_inflight':
        maxInflight = Math.min(maxInflight, caveat.value);
        break;
      case 'app':
        apps.push(new Set(caveat.value));
        break;
      case 'verb':
        verbs.push(new Set(caveat.value.map(codeOrName)));
        break;
      case 'prefix':
        prefixes.push(caveat.value);
        break;
      case 'ip':
        networks.push(caveat.value.flatMap((text) => parseNetwork(text) ?? []));
        break;
      case 'node':
        nodes.push(new Set(caveat.value));
        break;
      case 'aud':
        audiences.push(new Set(caveat.value));
        break;
      default:
        caveat satisfies never;
    }
  }
  return {
    tenants, channelBindings, certificates, rateClasses,
    notBeforeMs, expiresAtMs, maxBytes, maxInflight,
    apps, verbs, prefixes, networks, nodes, audiences,
  };
}

function addOnce(values: string[], value: string): void {
  if (!values.includes(value)) values.push(value);
}

/** Names begin with a letter and codes do not. */
function codeOrName(verb: string): string | number {
  return verb.charCodeAt(0) <= 0x39 ? Number(verb) : verb;
}
