import type { Command } from 'commander';
import type { Restrictions } from '@omnigate/capability';
import { fingerprint, list, wholeNumber } from '../arguments.ts';
import { appId } from '../registered-apps.ts';
import { duration, momentAhead } from '../time.ts';

/** What commander makes of the options below. */
export interface RestrictionFlags {
  readonly ttl?: number;
  readonly notBefore?: number;
  readonly app?: readonly number[];
  readonly verb?: readonly string[];
  readonly prefix?: readonly string[];
  readonly ip?: readonly string[];
  readonly node?: readonly string[];
  readonly audience?: readonly string[];
  readonly rate?: string;
  readonly maxBytes?: number;
  readonly maxInflight?: number;
  readonly channelBinding?: string;
  readonly clientCert?: string;
}

/** Adds an option for each restriction of a capability (specs/capability-1.md §5). */
export function addRestrictionOptions(command: Command, ttl: string): Command {
  return command
    .option('--ttl <time>', ttl, duration)
    .option('--not-before <moment>', 'not valid until then: 2026-01-31T08:00:00Z, or 5m from now', momentAhead)
    .option('--app <list>', 'applications, by name or number: mailbox,storage', apps)
    .option('--verb <list>', 'operations, by name or code: send,recv', verbs)
    .option('--prefix <list>', 'topics: orders/ is all below orders, orders is also that itself', list)
    .option('--ip <list>', 'networks the client is in: 192.0.2.0/24,2001:db8::/32', networks)
    .option('--node <list>', 'names of nodes', list)
    .option('--audience <list>', 'names of deployments', list)
    .option('--rate <class>', 'class whose quota holds in addition to that of the tenant')
    .option('--max-bytes <n>', 'payload of one message', wholeNumber)
    .option('--max-inflight <n>', 'requests in flight at one time', wholeNumber)
    .option('--channel-binding <text>', 'one TLS connection, by its tls-exporter value in base64url')
    .option('--client-cert <file>', 'one client certificate: a PEM file, or its SHA-256 fingerprint', fingerprint);
}

/** The restrictions that the options ask for, apart from the end. */
export function restrictionsOf(flags: RestrictionFlags): Omit<Restrictions, 'expiresAtMs'> {
  return {
    notBeforeMs: flags.notBefore,
    apps: flags.app,
    verbs: flags.verb,
    prefixes: flags.prefix,
    networks: flags.ip,
    nodes: flags.node,
    audiences: flags.audience,
    rateClass: flags.rate,
    maxBytes: flags.maxBytes,
    maxInflight: flags.maxInflight,
    channelBinding: flags.channelBinding,
    certificate: flags.clientCert,
  };
}

function apps(text: string, previous: readonly number[] = []): readonly number[] {
  return [...previous, ...list(text).map(appId)];
}

function verbs(text: string, previous?: readonly string[]): readonly string[] {
  return list(text.toLowerCase(), previous);
}

/** A single address is the network of that address alone. */
function networks(text: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, ...list(text).map((entry) => (entry.includes('/') ? entry : `${entry}/${entry.includes(':') ? 128 : 32}`))];
}
