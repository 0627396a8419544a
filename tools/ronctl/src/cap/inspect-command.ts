import type { Command } from 'commander';
import type { InspectedCaveat } from '@omnigate/capability';
import { printJson, printTable } from '../output.ts';
import { formatApp } from '../registered-apps.ts';
import { formatDistance, formatMoment } from '../time.ts';
import { addTokenOptions, readToken } from '../token-source.ts';
import type { TokenFlags } from '../token-source.ts';
import { factsOf } from './facts.ts';

const EXAMPLE = `
Needs no key, so it does not check the signature: anybody could have written what
it shows. "ronctl cap verify" checks it. The capability comes from RON_CAP,
--token-file, or standard input with -, and is not printed again.

Example:
  $ ronctl cap inspect
  $ ronctl cap inspect --token-file token --json
`;

interface InspectFlags extends TokenFlags {
  readonly json?: boolean;
}

/** `ronctl cap inspect`: what a capability says of itself. */
export function addInspectCommand(group: Command): void {
  const command = group.command('inspect').description('show what a capability says, without checking it');
  addTokenOptions(command).option('--json', 'print JSON').addHelpText('after', EXAMPLE).action(inspect);
}

async function inspect(source: string | undefined, flags: InspectFlags): Promise<void> {
  const { bytes, facts } = await readToken(source, flags);
  const nowMs = Date.now();
  if (flags.json === true) {
    const unknown = facts.caveats.filter(({ caveat }) => caveat === undefined).map(({ text }) => text);
    printJson({ verified: false, bytes: facts.bytes, ...factsOf(bytes), unknown_caveats: unknown });
    return;
  }
  printTable({
    signature: 'not checked',
    tenant: facts.tenant ?? 'none: no node accepts it',
    expires: facts.expiresAtMs === undefined ? 'with its key' : formatDistance(facts.expiresAtMs, nowMs),
    issued: formatDistance(facts.issuedAtMs, nowMs),
    key: facts.kid,
    nonce: facts.nonce,
    size: `${facts.bytes} bytes`,
  });
  process.stdout.write('caveats\n');
  for (const caveat of facts.caveats) process.stdout.write(`  ${describe(caveat)}\n`);
}

/** The caveat, and what its numbers mean. */
function describe({ text, caveat }: InspectedCaveat): string {
  if (caveat === undefined) return `${text}  (unknown: a capability with this allows nothing)`;
  if (caveat.name === 'exp' || caveat.name === 'nbf') return `${text}  (${formatMoment(caveat.value)})`;
  return caveat.name === 'app' ? `${text}  (${caveat.value.map(formatApp).join(', ')})` : text;
}
