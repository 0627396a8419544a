import { BlockList, isIP } from 'node:net';
import fc from 'fast-check';
import t from 'tap';

import { formatAddress, networkContains, parseAddress, parseNetwork } from '../../src/caveat/address.ts';
import { anyNetwork } from './any-caveat.ts';

const group = fc.oneof(fc.constantFrom('0', '0', '0', 'ffff', '1'), fc.integer({ min: 0, max: 65_535 }).map((value) => value.toString(16)));
const anyV4 = fc.ipV4();
const anyV6 = fc.oneof(fc.ipV6(), fc.array(group, { minLength: 8, maxLength: 8 }).map((groups) => groups.join(':')));

await t.test('addresses are read as the platform reads them', (t) => {
  fc.assert(
    fc.property(fc.oneof(anyV4, anyV6, fc.stringMatching(/^[0-9a-f:.]{0,24}$/)), (text) => {
      const address = parseAddress(text);
      t.equal(address !== undefined, isIP(text) !== 0, text);
    }),
    { numRuns: 3_000 },
  );
  t.end();
});

await t.test('canonical text is that of the platform', (t) => {
  fc.assert(
    fc.property(anyV6, (text) => {
      const address = parseAddress(text);
      if (address?.family !== 6) return;
      const { hostname } = new URL(`http://[${text}]/`);
      t.equal(`[${formatAddress(address)}]`, hostname, text);
    }),
    { numRuns: 1_000 },
  );
  for (const [text, canonical] of [
    ['0:0:0:0:0:0:0:0', '::'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:C000:0201', '192.0.2.1'],
  ] as const) {
    const address = parseAddress(text);
    t.equal(address && formatAddress(address), canonical, text);
  }
  for (const text of ['', '1.2.3', '1.2.3.4.5', '01.2.3.4', '256.1.1.1', ':', ':::', '1::2::3', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '::1.2.3', 'g::', 'localhost']) {
    t.equal(parseAddress(text), undefined, text);
  }
  t.end();
});

await t.test('networks contain what the platform says', (t) => {
  let contained = 0;
  fc.assert(
    fc.property(anyNetwork, fc.oneof(anyV4, anyV6), fc.nat(31), fc.boolean(), (networkText, other, bit, near) => {
      const network = parseNetwork(networkText);
      if (network === undefined) throw new Error(networkText);
      // An address that differs from the network's in one bit, or any other.
      const words = [...network.words] as [number, number, number, number];
      words[network.family === 4 ? 0 : bit % 2] = (words[network.family === 4 ? 0 : bit % 2] as number) ^ (1 << bit);
      const address = near ? { family: network.family, words } : parseAddress(other);
      if (address === undefined) throw new Error(other);
      const [base = '', bits = ''] = networkText.split('/');
      const list = new BlockList();
      list.addSubnet(base, Number(bits), network.family === 4 ? 'ipv4' : 'ipv6');
      const expected = address.family === network.family && list.check(formatAddress(address), address.family === 4 ? 'ipv4' : 'ipv6');
      if (expected) contained += 1;
      t.equal(networkContains(network, address), expected, `${networkText} ${formatAddress(address)}`);
    }),
    { numRuns: 2_000 },
  );
  t.ok(contained > 100, `${contained} were contained`);
  t.end();
});

await t.test('a network has one spelling', (t) => {
  fc.assert(
    fc.property(anyNetwork, (text) => {
      const network = parseNetwork(text);
      return network !== undefined && `${formatAddress(network)}/${network.prefixBits}` === text;
    }),
  );
  t.equal(parseNetwork(`1${':'.repeat(4_000)}/8`), undefined, 'long nonsense');
  t.end();
});
