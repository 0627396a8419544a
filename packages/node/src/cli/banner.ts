import { formatListenAddress } from '../config/listen-address.ts';
import type { NodeAddress, OmnigateNode } from '../node.ts';
import { VERSION } from '../version.ts';

/** Addresses that mean "all of them" lead a client to this machine. */
const WILDCARDS: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/** What a person sees when a node has started: where it listens, and what to type next. */
export function banner(node: OmnigateNode): string {
  const { oap, oaps, admin } = node.addresses;
  const lines = [`Omnigate ${VERSION}, node ${node.id}`];
  for (const address of [oap, oaps]) if (address !== undefined) lines.push(`  ${address.url}`);
  if (admin !== undefined) lines.push(`  ${admin.url} (/livez, /readyz, /metrics)`);
  if (oap !== undefined) lines.push('Try it from another terminal:', `  npx ronctl echo ${reachable('oap', oap)} hello`);
  else if (oaps !== undefined) {
    lines.push('Try it from another terminal:', `  npx ronctl echo ${reachable('oaps', oaps)} hello --ca ca.pem`);
  }
  lines.push('Ctrl-C lets open requests finish and stops; a second one stops at once.', '');
  return lines.join('\n');
}

function reachable(scheme: string, { host, port }: NodeAddress): string {
  return `${scheme}://${formatListenAddress({ host: WILDCARDS[host] ?? host, port })}`;
}
