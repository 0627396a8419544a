import { BlockList, isIP, isIPv4 } from 'node:net';
import { isTopic } from '@omnigate/capability';
import { Random, seedOf } from '../engine/random.ts';
import { expect } from '../engine/target.ts';
import type { Target } from '../engine/target.ts';
import { loadInternal, modulesOf } from '../internals.ts';
import { vectorBytes, vectorTexts, words } from '../vectors.ts';

interface Caveat {
  readonly name: string;
  readonly value: string | number | readonly (string | number)[];
}

interface Address {
  readonly family: 4 | 6;
  readonly words: readonly [number, number, number, number];
}

interface Network extends Address {
  readonly prefixBits: number;
}

interface CaveatModule {
  readonly parseCaveat: (bytes: Uint8Array) => Caveat | undefined;
  readonly encodeCaveat: (caveat: Caveat) => Uint8Array;
}

interface AddressModule {
  readonly parseAddress: (text: string) => Address | undefined;
  readonly parseNetwork: (text: string) => Network | undefined;
  readonly networkContains: (network: Network, address: Address) => boolean;
  readonly formatAddress: (address: Address) => string;
}

interface TopicModule {
  readonly prefixAdmits: (prefix: string, topic: string) => boolean;
}

interface ConditionsModule {
  readonly conditionsOf: (caveats: readonly Caveat[]) => object;
}

interface MailboxTopicModule {
  readonly isTopicName: (text: string) => boolean;
}

const NAMES = ['tenant', 'app', 'verb', 'prefix', 'exp', 'nbf', 'ip', 'node', 'aud', 'rate', 'max_bytes', 'max_inflight', 'tls', 'cert'];
/** Topics longer than this are the capability's alone. */
const MAILBOX_TOPIC_BYTES_MAX = 512;

/**
 * Caveats as bytes, and the judgements that follow from them. A caveat has one
 * spelling; networks agree with node:net, prefixes with a comparison of
 * segments, and the mailbox calls the same texts topics.
 */
export async function openCaveat(): Promise<Target> {
  const { parseCaveat, encodeCaveat } = await loadInternal<CaveatModule>('capability', 'caveat/caveat');
  const { parseAddress, parseNetwork, networkContains, formatAddress } = await loadInternal<AddressModule>('capability', 'caveat/address');
  const { prefixAdmits } = await loadInternal<TopicModule>('capability', 'caveat/topic');
  const { conditionsOf } = await loadInternal<ConditionsModule>('capability', 'caveat/conditions');
  const { isTopicName } = await loadInternal<MailboxTopicModule>('mailbox', 'codec/topic-name');

  return {
    name: 'caveat',
    covers: [modulesOf('capability', 'caveat/'), modulesOf('mailbox', 'codec/topic-name')],
    seeds: [...vectorBytes('capability', 'bytes', 'caveats'), ...vectorTexts('capability', 'prefix', 'topic', 'text').map((text) => new Uint8Array(Buffer.concat([Buffer.from('prefix='), text]))), ...words('ip=192.0.2.0/24', 'ip=2001:db8::/32', 'ip=::/0', 'ip=1::8/128', 'app=1,16,17', 'verb=recv,send,17', 'exp=1767225600000')],
    dictionary: words(...NAMES.map((name) => `${name}=`), ',', '/', '//', '.', '..', '\\', ':', '::', '0', '00', '::ffff:', '1.2.3.4', '/0', '/32', '/128', '/33', 'ffff', '9007199254740991', '281474976710655', [0xef, 0xbb, 0xbf], [0xc2, 0x85], [0xed, 0xa0, 0x80], [0xf0, 0x9f, 0x98, 0x80], [0xe2, 0x80, 0xae], '%eth0'),
    bytesMax: 1_500,
    run(input) {
      const text = Buffer.from(input).toString('utf8');
      judgeTopics(text);
      judgeAddress(text);
      const caveat = parseCaveat(input);
      if (caveat === undefined) return false;
      const again = encodeCaveat(caveat);
      expect(Buffer.compare(again, input) === 0, 'round-trip', () => `${text} encodes to ${Buffer.from(again).toString()}`);
      conditionsOf([caveat, caveat]);
      if (caveat.name === 'ip') for (const network of caveat.value as readonly string[]) judgeNetwork(network, input);
      if (caveat.name === 'prefix') for (const prefix of caveat.value as readonly string[]) judgePrefix(prefix, input);
      return true;
    },
  };

  /** The same text is a topic to the capability and to the mailbox. */
  function judgeTopics(text: string): void {
    if (Buffer.byteLength(text) > MAILBOX_TOPIC_BYTES_MAX) return;
    expect(isTopic(text) === isTopicName(text), 'topic', () => `${JSON.stringify(text)} is a topic to one of capability and mailbox only`);
  }

  function judgeAddress(text: string): void {
    const address = parseAddress(text);
    const bare = text.split('%', 1)[0] ?? '';
    expect((address === undefined) === (isIP(bare) === 0), 'address', () => `node:net says ${isIP(bare)} of ${JSON.stringify(bare)}`);
    if (address === undefined) return;
    const again = parseAddress(formatAddress(address));
    expect(again?.words.join() === address.words.join(), 'round-trip', () => `${text} becomes ${formatAddress(address)}`);
  }

  function judgeNetwork(text: string, input: Uint8Array): void {
    const network = parseNetwork(text);
    expect(network !== undefined, 'network', () => `${text} is in a caveat and no network`);
    const [address = '', bits = ''] = text.split('/');
    expect(isIP(address) === network.family, 'network', () => `node:net says ${isIP(address)} of ${address}`);
    const list = new BlockList();
    list.addSubnet(address, Number(bits), isIPv4(address) ? 'ipv4' : 'ipv6');
    for (const other of neighbours(network, new Random(seedOf(input)))) {
      const shown = formatAddress(other);
      const inside = list.check(shown, other.family === 4 ? 'ipv4' : 'ipv6');
      expect(networkContains(network, other) === inside, 'network', () => `${text} and ${shown}: node:net says ${inside}`);
    }
  }

  /** Addresses around the edge of a network. */
  function* neighbours(network: Network, random: Random): Generator<Address> {
    for (let nth = 0; nth < 4; nth++) {
      const changed: [number, number, number, number] = [...network.words];
      const bit = random.oneIn(2) ? Math.max(0, network.prefixBits - 1 + random.below(2)) : random.below(128);
      const index = network.family === 4 ? 0 : (bit >> 5) & 3;
      changed[index] = (changed[index] as number) ^ (1 << (31 - (bit & 31)));
      yield { family: network.family, words: changed };
    }
  }

  function judgePrefix(prefix: string, input: Uint8Array): void {
    const random = new Random(seedOf(input));
    const base = prefix.replace(/\/$/, '');
    for (const topic of [base, `${base}/x`, `${base}x`, `${base}/x/y`, base.slice(0, random.below(base.length)), `x/${base}`]) {
      if (!isTopic(topic)) continue;
      const expected = admits(prefix, topic);
      expect(prefixAdmits(prefix, topic) === expected, 'prefix', () => `${prefix} and ${topic}: segments say ${expected}`);
    }
  }
}

/** Segment by segment. */
function admits(prefix: string, topic: string): boolean {
  const below = prefix.endsWith('/');
  const wanted = (below ? prefix.slice(0, -1) : prefix).split('/');
  const segments = topic.split('/');
  return wanted.every((segment, nth) => segments[nth] === segment) && segments.length >= wanted.length + (below ? 1 : 0);
}
