import type { Command } from 'commander';
import type { CapabilityStore } from '@omnigate/capability';
import { tenantId } from '../arguments.ts';
import { confirm } from '../confirm.ts';
import { addDataOption, openStore, readVerifier } from '../data-folder.ts';
import type { DataFlags } from '../data-folder.ts';
import { printJson } from '../output.ts';
import { formatMoment, moment } from '../time.ts';
import { addTokenOptions, readToken } from '../token-source.ts';
import type { TokenFlags } from '../token-source.ts';

const EXAMPLE = `
Without --nonce, --tenant or --key it revokes the capability from RON_CAP,
--token-file, or standard input with -. A running node notices within a fifth of a
second, ends what is open under the capability, and tells connected clients. There
is no way back.

Example:
  $ ronctl cap revoke --token-file leaked-token
  $ ronctl cap revoke --nonce 000102030405060708090a0b0c0d0e0f --yes
  $ ronctl cap revoke --tenant 00112233445566778899aabbccddeeff
`;

interface RevokeFlags extends TokenFlags, DataFlags {
  readonly nonce?: string;
  readonly tenant?: string;
  readonly until?: number;
  readonly key?: string;
  readonly yes?: boolean;
  readonly json?: boolean;
}

/** What is to be revoked, in words and as what is done. */
interface Target {
  readonly what: string;
  readonly revoke: (store: CapabilityStore) => Promise<Readonly<Record<string, unknown>>>;
}

/** `ronctl cap revoke`: ends capabilities before their time. */
export function addRevokeCommand(group: Command): void {
  const command = group.command('revoke').description('end a capability, all of a tenant, or all of a key, for good');
  addDataOption(addTokenOptions(command))
    .option('--nonce <hex>', 'the capability with this nonce, and all that was made from it')
    .option('--tenant <hex>', 'all that this tenant holds', tenantId)
    .option('--until <moment>', 'with --tenant: only what was issued until then (default: now)', moment)
    .option('--key <kid>', 'all that was minted with this key, which is retired; rotate first if it is active')
    .option('--yes', 'do not ask')
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLE)
    .action(revoke);
}

async function revoke(source: string | undefined, flags: RevokeFlags): Promise<void> {
  const target = await targetOf(source, flags);
  if (flags.yes !== true) {
    // Nobody is asked about a store that is not there, and none is held while somebody thinks.
    await readVerifier(flags);
    await confirm(`Revoke ${target.what}, for good?`);
  }
  await using store = await openStore(flags);
  const done = await target.revoke(store);
  if (flags.json === true) printJson(done);
  else process.stdout.write(`Revoked ${target.what}.\n`);
}

async function targetOf(source: string | undefined, flags: RevokeFlags): Promise<Target> {
  const { nonce, tenant, until, key } = flags;
  const given = [source ?? flags.tokenFile, nonce, tenant, key].filter((value) => value !== undefined).length;
  if (given > 1) throw new Error('revoke one thing at a time: a capability, --nonce, --tenant or --key');
  if (until !== undefined && tenant === undefined) throw new Error('--until belongs to --tenant; add it');
  if (key !== undefined) return keyTarget(key);
  if (tenant !== undefined) return tenantTarget(tenant, until);
  return nonceTarget(nonce ?? (await readToken(source, flags)).facts.nonce);
}

function nonceTarget(nonce: string): Target {
  return {
    what: `the capability ${nonce} and all that was made from it`,
    revoke: async (store) => ({ sequence: (await store.revokeToken(nonce)).sequence, nonce }),
  };
}

function tenantTarget(tenant: string, until: number | undefined): Target {
  return {
    what: `all that tenant ${tenant} was issued until ${until === undefined ? 'now' : formatMoment(until)}`,
    revoke: async (store) => {
      const issuedUntilMs = until ?? Date.now();
      const { sequence } = await store.revokeTenant(tenant, issuedUntilMs);
      return { sequence, tenant, issued_until_ms: issuedUntilMs };
    },
  };
}

function keyTarget(kid: string): Target {
  return {
    what: `all that was minted with key ${kid}`,
    revoke: async (store) => {
      await store.retire(kid, true);
      return { kid, state: 'retired' };
    },
  };
}
