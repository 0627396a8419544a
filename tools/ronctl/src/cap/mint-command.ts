import type { Command } from 'commander';
import { CapabilityError } from '@omnigate/capability';
import { tenantId } from '../arguments.ts';
import { addDataOption, createStore, openStore } from '../data-folder.ts';
import type { DataFlags } from '../data-folder.ts';
import { printJson } from '../output.ts';
import { formatDuration } from '../time.ts';
import { addRestrictionOptions, restrictionsOf } from './restriction-options.ts';
import type { RestrictionFlags } from './restriction-options.ts';

const EXAMPLE = `
Prints the capability and nothing else. Works beside a running node and a stopped
one. What is not restricted is allowed, so restrict it to what it is for.

Example:
  $ export RON_CAP=$(ronctl cap mint --tenant 00112233445566778899aabbccddeeff \\
      --app mailbox,storage --verb send,recv --prefix orders/ --ttl 5m)
`;

interface MintFlags extends RestrictionFlags, DataFlags {
  readonly tenant: string;
  readonly create?: boolean;
  readonly json?: boolean;
}

/** `ronctl cap mint`: a new capability from the active key. */
export function addMintCommand(group: Command): void {
  const command = group
    .command('mint')
    .description('mint a capability and print it')
    .requiredOption('--tenant <hex>', 'tenant_id, 32 hex digits', tenantId);
  addRestrictionOptions(command, 'life, such as 90s, 5m or 1h (default: 5m; at most 1h, unless its key allows more)');
  addDataOption(command)
    .option('--create', 'make the capability store if there is none yet')
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLE)
    .action(mint);
}

async function mint(flags: MintFlags): Promise<void> {
  if (flags.create === true) await createStore(flags);
  await using store = await openStore(flags);
  try {
    const minted = await store.mint({ ...restrictionsOf(flags), tenant: flags.tenant, ttlMs: flags.ttl });
    if (flags.json === true) {
      const { text: token, kid, nonce, tenant, issuedAtMs: issued_at_ms, expiresAtMs: expires_at_ms, caveats } = minted;
      printJson({ token, kid, nonce, tenant, issued_at_ms, expires_at_ms, caveats });
    } else {
      process.stdout.write(`${minted.text}\n`);
    }
  } catch (cause) {
    if (!(cause instanceof CapabilityError) || cause.code !== 'ttl_too_long') throw cause;
    const limit = formatDuration(store.keyring.active.ttlMaxMs);
    throw new CapabilityError(
      'ttl_too_long',
      `--ttl is longer than the active key allows, which is ${limit}.`,
      'Ask for a shorter life, or see "ronctl cap rotate --help" for keys that allow a longer one.',
      { cause },
    );
  }
}
