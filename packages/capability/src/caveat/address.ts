/** IP addresses and networks (specs/capability-1.md §5.6). */

/** An address as 32-bit signed words, most significant first; IPv4 has one, the others are 0. */
export interface IpAddress {
  readonly family: 4 | 6;
  readonly words: readonly [number, number, number, number];
}

/** An address and how many of its leading bits count. */
export interface IpNetwork extends IpAddress {
  readonly prefixBits: number;
}

/**
 * An IP address as sockets give it. IPv4 in IPv6 (`::ffff:192.0.2.1`) is IPv4, and
 * a zone (`fe80::1%eth0`) is left out. `undefined` for what is no address.
 */
export function parseAddress(text: string): IpAddress | undefined {
  const [bare = ''] = text.split('%', 1);
  return parseV4(bare) ?? unmapped(parseV6(bare));
}

/**
 * A network in its one spelling: address in canonical text (IPv4 dotted decimal,
 * IPv6 as RFC 5952, in hexadecimal throughout), `/`, prefix length; all bits behind
 * the prefix zero; no IPv4 in IPv6. `undefined` for anything else.
 */
export function parseNetwork(text: string): IpNetwork | undefined {
  const [addressText = '', bitsText = '', ...more] = text.split('/');
  const address = parseV4(addressText) ?? parseV6(addressText);
  if (address === undefined || more.length > 0 || !/^(0|[1-9]\d{0,2})$/.test(bitsText)) return undefined;
  const prefixBits = Number(bitsText);
  if (prefixBits > (address.family === 4 ? 32 : 128)) return undefined;
  if (address.words.some((word, index) => (word & ~maskOf(prefixBits, index)) !== 0)) return undefined;
  if (isMapped(address) || formatAddress(address) !== addressText) return undefined;
  return { ...address, prefixBits };
}

export function networkContains(network: IpNetwork, address: IpAddress): boolean {
  if (network.family !== address.family) return false;
  for (let index = 0; index < 4 && index * 32 < network.prefixBits; index++) {
    const difference = (network.words[index] as number) ^ (address.words[index] as number);
    if ((difference & maskOf(network.prefixBits, index)) !== 0) return false;
  }
  return true;
}

/** The bits of word `index` that a prefix covers. */
function maskOf(prefixBits: number, index: number): number {
  const bits = prefixBits - index * 32;
  if (bits <= 0) return 0;
  return bits >= 32 ? -1 : -1 << (32 - bits);
}

function parseV4(text: string): IpAddress | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  const octets = match.slice(1).map(Number);
  if (octets.some((octet, index) => octet > 255 || String(octet) !== match[index + 1])) return undefined;
  return { family: 4, words: [octets.reduce((word, octet) => (word << 8) | octet, 0), 0, 0, 0] };
}

function parseV6(text: string): IpAddress | undefined {
  let groupsText = text;
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (dotted !== null) {
    const last = parseV4(dotted[2] ?? '');
    if (last === undefined) return undefined;
    const word = last.words[0];
    groupsText = `${dotted[1] ?? ''}${(word >>> 16).toString(16)}:${(word & 0xffff).toString(16)}`;
  }
  const halves = groupsText.split('::');
  if (halves.length > 2) return undefined;
  const [front = [], back = []] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - front.length - back.length;
  // `::` stands for at least one group, and without it all eight are there.
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...front, ...new Array<string>(missing).fill('0'), ...back];
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  const numbers = groups.map((group) => Number.parseInt(group, 16));
  const word = (index: number) => ((numbers[2 * index] ?? 0) << 16) | (numbers[2 * index + 1] ?? 0);
  return { family: 6, words: [word(0), word(1), word(2), word(3)] };
}

/** ::ffff:0:0/96, under which sockets for both families show IPv4. */
function isMapped({ family, words }: IpAddress): boolean {
  return family === 6 && words[0] === 0 && words[1] === 0 && words[2] === 0xffff;
}

function unmapped(address: IpAddress | undefined): IpAddress | undefined {
  if (address === undefined || !isMapped(address)) return address;
  return { family: 4, words: [address.words[3], 0, 0, 0] };
}

/** Canonical text. */
export function formatAddress({ family, words }: IpAddress): string {
  if (family === 4) return [24, 16, 8, 0].map((shift) => (words[0] >>> shift) & 0xff).join('.');
  const groups = words.flatMap((word) => [word >>> 16, word & 0xffff]);
  const { start, length } = longestZeros(groups);
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  if (length < 2) return hex(groups);
  return `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}

/** The first of the longest runs of zero groups (RFC 5952 §4.2). */
function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  groups.forEach((group, index) => {
    if (group !== 0) start = index + 1;
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start };
  });
  return best;
}
