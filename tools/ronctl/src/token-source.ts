import { createReadStream } from 'node:fs';
import type { Command } from 'commander';
import { CapabilityError, inspectCapability, tokenFromText } from '@omnigate/capability';
import type { InspectedCapability } from '@omnigate/capability';
import { TOKEN_TEXT_BYTES_MAX } from './limits.ts';

/** Where a command finds the capability that it is about; never on its command line. */

/** What every capability begins with in text (specs/capability-1.md §3.3). */
const TOKEN_BEGINNING = 'AgEIb21uaWdhdGU';

export interface TokenFlags {
  readonly tokenFile?: string;
}

/** A capability as it was given, and what it says of itself; nothing is verified. */
export interface GivenToken {
  readonly bytes: Buffer;
  readonly facts: InspectedCapability;
}

/** Adds what says where the capability is. */
export function addTokenOptions(command: Command): Command {
  return addTokenFileOption(command.argument('[-]', 'read the capability from standard input'));
}

export function addTokenFileOption(command: Command): Command {
  return command.option('--token-file <file>', 'file that holds the capability (default: RON_CAP)');
}

/**
 * Other users of the machine see command lines, and shells remember them. The
 * argument is not repeated: errors end up in logs.
 *
 * @throws Error when an argument holds a capability
 */
export function refuseTokens(args: readonly string[]): void {
  if (!args.some((argument) => argument.includes(TOKEN_BEGINNING))) return;
  throw new Error(
    'a capability was given on the command line, where others can see it; put it into RON_CAP, into a file for --token-file, or give it on standard input with -, and revoke this one',
  );
}

/**
 * The capability from standard input, from a file, or from `RON_CAP`.
 *
 * @param source `-` for standard input
 * @throws CapabilityError cap_malformed
 * @throws Error when there is none
 */
export async function readToken(source: string | undefined, flags: TokenFlags): Promise<GivenToken> {
  const token = await findToken(source, flags);
  if (token !== undefined) return token;
  throw new Error('no capability; set RON_CAP, name a file with --token-file, or give it on standard input with -');
}

/** As {@link readToken}; `undefined` when there is none. */
export async function findToken(source: string | undefined, { tokenFile }: TokenFlags): Promise<GivenToken | undefined> {
  if (source !== undefined && source !== '-') {
    throw new Error('the only argument is -, for standard input; a capability does not belong on a command line');
  }
  if (source !== undefined && tokenFile !== undefined) throw new Error('- and --token-file name two capabilities; give one');
  if (source !== undefined) return parse(await readText(process.stdin, 'standard input'), 'Standard input');
  if (tokenFile !== undefined) return parse(await readText(createReadStream(tokenFile), '--token-file'), `The file ${tokenFile}`);
  const text = process.env['RON_CAP'] ?? '';
  return text === '' ? undefined : parse(text, 'RON_CAP');
}

function parse(text: string, where: string): GivenToken {
  try {
    const bytes = tokenFromText(text.trim());
    return { bytes, facts: inspectCapability(bytes) };
  } catch (error) {
    if (!(error instanceof CapabilityError)) throw error;
    throw new CapabilityError(error.code, `${where} holds no capability.`, error.message, { cause: error });
  }
}

async function readText(input: AsyncIterable<unknown>, what: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of input) {
      chunks.push(chunk as Uint8Array);
      bytes += (chunk as Uint8Array).length;
      if (bytes > TOKEN_TEXT_BYTES_MAX) break;
    }
  } catch (cause) {
    throw new Error(`${what} cannot be read; name a file that holds the capability: ${(cause as Error).message}`, { cause });
  }
  if (bytes <= TOKEN_TEXT_BYTES_MAX) return Buffer.concat(chunks).toString('latin1');
  throw new Error(`${what} has more than ${TOKEN_TEXT_BYTES_MAX} bytes, and a capability has less; name what mint printed`);
}
