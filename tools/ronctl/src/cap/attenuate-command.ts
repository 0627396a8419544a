import type { Command } from 'commander';
import { attenuateCapability, tokenToText } from '@omnigate/capability';
import { printJson } from '../output.ts';
import { addTokenOptions, readToken } from '../token-source.ts';
import type { TokenFlags } from '../token-source.ts';
import { factsOf } from './facts.ts';
import { addRestrictionOptions, restrictionsOf } from './restriction-options.ts';
import type { RestrictionFlags } from './restriction-options.ts';

const EXAMPLE = `
Needs no key, no data directory and no network. The result allows what the given
capability allows and the new restrictions do not forbid; it can never allow more.
The capability comes from RON_CAP, --token-file, or standard input with -.

Example:
  $ ronctl cap attenuate --verb recv --prefix orders/eu/ --ttl 1m
  $ ronctl cap attenuate - --max-bytes 65536 < token > narrower-token
`;

interface AttenuateFlags extends RestrictionFlags, TokenFlags {
  readonly json?: boolean;
}

/** `ronctl cap attenuate`: a narrower capability from one that is there. */
export function addAttenuateCommand(group: Command): void {
  const command = group.command('attenuate').description('make a narrower capability out of one and print it');
  addRestrictionOptions(addTokenOptions(command), 'life from now, such as 90s, 5m or 1h')
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLE)
    .action(attenuate);
}

async function attenuate(source: string | undefined, flags: AttenuateFlags): Promise<void> {
  const expiresAtMs = flags.ttl === undefined ? undefined : Date.now() + flags.ttl;
  const restrictions = { ...restrictionsOf(flags), expiresAtMs };
  if (Object.values(restrictions).every((value) => value === undefined)) {
    throw new Error('no restriction was given; add one, such as --ttl 1m or --verb recv');
  }
  const { bytes } = await readToken(source, flags);
  const narrower = attenuateCapability(bytes, restrictions);
  const token = tokenToText(narrower);
  if (flags.json === true) printJson({ token, ...factsOf(narrower) });
  else process.stdout.write(`${token}\n`);
}
