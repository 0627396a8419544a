import type { Command } from 'commander';
import { CapabilityError, Grant, parseAddress } from '@omnigate/capability';
import type { DenialReason, TenantWords } from '@omnigate/capability';
import { fingerprint, tenantId, wholeNumber } from '../arguments.ts';
import { addDataOption, readVerifier } from '../data-folder.ts';
import type { DataFlags } from '../data-folder.ts';
import { BadAnswer } from '../exit-code.ts';
import { printJson, printTable } from '../output.ts';
import { appId, operationOf } from '../registered-apps.ts';
import { formatDistance } from '../time.ts';
import { addTokenOptions, readToken } from '../token-source.ts';
import type { GivenToken, TokenFlags } from '../token-source.ts';
import { factsOf } from './facts.ts';

const EXAMPLE = `
Checks form, key, signature, time and revocation. With --app and --verb it also
judges that request, as a node would; what the request is not said to have, such
as a topic or an address, it does not have. The answer is a reason of the protocol.
The capability comes from RON_CAP, --token-file, or standard input with -.

Example:
  $ ronctl cap verify
  $ ronctl cap verify --app mailbox --verb send --topic orders/1 --json
`;

interface VerifyFlags extends TokenFlags, DataFlags {
  readonly app?: number;
  readonly verb?: string;
  readonly topic?: string;
  readonly tenant?: string;
  readonly bytes?: number;
  readonly ip?: string;
  readonly node?: string;
  readonly audience?: string;
  readonly channelBinding?: string;
  readonly clientCert?: string;
  readonly json?: boolean;
}

/** Why a capability is refused, and what to do about it. */
interface Refusal {
  readonly reason: DenialReason;
  readonly detail: string;
}

/** What helps against each reason, for whoever has the keys. */
const ADVICE: Readonly<Record<DenialReason, string>> = {
  cap_missing: 'Give a capability.',
  cap_malformed: 'Copy the whole token as it was printed, without spaces or line breaks.',
  cap_kid: 'Mint a new one, or name the data directory of the node that it was minted for with --data.',
  cap_invalid: 'It was changed after it was minted; mint a new one.',
  cap_not_yet: 'Wait, and check the clock of the machine that minted it.',
  cap_expired: 'Mint a new one, and check the clock if this one should still be valid.',
  cap_revoked: 'See "ronctl audit tail" for who revoked it, and mint a new one.',
  tenant_mismatch: 'Ask with the tenant that "ronctl cap inspect" shows.',
  cap_binding: 'See "ronctl cap inspect" for what it is bound to, and say it with --ip, --node, --audience, --channel-binding or --client-cert.',
  cap_scope: 'See "ronctl cap inspect" for what it covers, and mint one that covers the request.',
};

/** `ronctl cap verify`: whether a node with this store accepts a capability. */
export function addVerifyCommand(group: Command): void {
  const command = group.command('verify').description('say whether a capability is valid here, and for a request');
  addDataOption(addTokenOptions(command))
    .option('--app <app>', 'application of the request, by name or number', appId)
    .option('--verb <operation>', 'operation of the request, by name or code')
    .option('--topic <topic>', 'topic or path of the request')
    .option('--tenant <hex>', 'tenant_id of the request (default: that of the capability)', tenantId)
    .option('--bytes <n>', 'payload of the request', wholeNumber)
    .option('--ip <address>', 'address of the client')
    .option('--node <name>', 'name of the node')
    .option('--audience <name>', 'name of the deployment')
    .option('--channel-binding <text>', 'tls-exporter value of the connection in base64url')
    .option('--client-cert <file>', 'client certificate: a PEM file, or its SHA-256 fingerprint', fingerprint)
    .option('--json', 'print JSON')
    .addHelpText('after', EXAMPLE)
    .action(verify);
}

async function verify(source: string | undefined, flags: VerifyFlags): Promise<void> {
  const request = requestOf(flags);
  const verifier = await readVerifier(flags);
  const nowMs = Date.now();
  let token: GivenToken;
  try {
    token = await readToken(source, flags);
  } catch (error) {
    if (!(error instanceof CapabilityError)) throw error;
    refuse({ reason: 'cap_malformed', detail: error.message }, flags);
  }
  const verdict = verifier.verify(token.bytes, nowMs);
  if (!(verdict instanceof Grant)) refuse(verdict, flags);
  const reason = request?.(verdict, nowMs);
  if (reason !== undefined) refuse({ reason, detail: 'The capability is valid, and does not allow this request.' }, flags);
  // A token without an end of its own ends with the longest life of its key.
  const lifeEndsMs = verdict.issuedAtMs + (verifier.keyring.find(verdict.kid)?.ttlMaxMs ?? 0);
  const expiresAtMs = Math.min(token.facts.expiresAtMs ?? Infinity, lifeEndsMs);
  if (flags.json === true) {
    printJson({ valid: true, request: request !== undefined, ...factsOf(token.bytes), expires_at_ms: expiresAtMs });
    return;
  }
  printTable({
    valid: request === undefined ? 'yes' : 'yes, and it allows this request',
    tenant: verdict.tenant,
    expires: formatDistance(expiresAtMs, nowMs),
    key: verdict.kid,
    nonce: verdict.nonce,
  });
}

/** What judges the request that the options describe; `undefined` when they describe none. */
function requestOf(flags: VerifyFlags): ((grant: Grant, nowMs: number) => DenialReason | undefined) | undefined {
  const { app, verb, topic, tenant, bytes, ip, node, audience, channelBinding, clientCert } = flags;
  const parts = [app, verb, topic, tenant, bytes, ip, node, audience, channelBinding, clientCert];
  if (parts.every((part) => part === undefined)) return undefined;
  if (app === undefined || verb === undefined) throw new Error('a request has an application and an operation; add --app and --verb');
  const operation = operationOf(app, verb);
  const address = ip === undefined ? undefined : parseAddress(ip);
  if (ip !== undefined && address === undefined) throw new Error('--ip is no address; write one such as 192.0.2.7 or 2001:db8::7');
  const connection = { address, channelBinding, certificate: clientCert, node: node ?? '', audience: audience ?? '' };
  return (grant, nowMs) =>
    grant.check(app, operation.code, operation.name, topic, {
      nowMs,
      tenant: wordsOf(tenant ?? grant.tenant),
      payloadBytes: bytes ?? 0,
      connection,
    });
}

function refuse({ reason, detail }: Refusal, { json }: VerifyFlags): never {
  const fix = ADVICE[reason];
  if (json === true) printJson({ valid: false, reason, detail, fix });
  throw new BadAnswer(`refused with ${reason}: ${detail} ${fix}`, json === true);
}

function wordsOf(tenant: string): TenantWords {
  const bytes = Buffer.from(tenant, 'hex');
  return { tenant0: bytes.readInt32BE(0), tenant1: bytes.readInt32BE(4), tenant2: bytes.readInt32BE(8), tenant3: bytes.readInt32BE(12) };
}
