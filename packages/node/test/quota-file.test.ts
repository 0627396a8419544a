import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { ConfigError } from '../src/config/config-error.ts';
import { QUOTA_FILE_BYTES_MAX } from '../src/limits.ts';
import { readQuotaFile } from '../src/quota-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'omnigate-quotas-'));
t.teardown(() => {
  rmSync(folder, { recursive: true });
});

const SERVICES = [{ name: 'echo', appProtoId: 1 }, { name: 'notes', appProtoId: 40_000 }];
const path = join(folder, 'quotas.json');

function read(content: unknown) {
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return readQuotaFile(path, SERVICES);
}

/** What is wrong with a file, without its path. */
function problems(content: unknown): string[] {
  try {
    read(content);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map((problem) => problem.replaceAll(path, 'FILE'));
    throw error;
  }
  return [];
}

await t.test('the file of docs/QUOTAS.md', (t) => {
  const page = readFileSync(new URL('../../../docs/QUOTAS.md', import.meta.url), 'utf8');
  const settings = read(/^```json\n([^]*?)^```/m.exec(page)?.[1] ?? '');
  t.match(settings, {
    shadow: false,
    tenant: {
      units: { perSecond: 1_000, burst: 2_000 },
      unitsPerApp: { perSecond: 500, burst: 1_000 },
      bytes: { perSecond: 10_000_000, burst: 20_000_000 },
    },
    tenants: { '000102030405060708090a0b0c0d0e0f': { units: { perSecond: 20_000, burst: 40_000 } } },
    address: { units: { perSecond: 200, burst: 400 } },
    classes: { night: { units: { perSecond: 100, burst: 100 }, batch: true } },
    weights: { 1: 1 },
  });
  t.end();
});

await t.test('nothing, and numbers of private services by name', (t) => {
  t.same(read({}).weights, {});
  t.same(read({ weights: { notes: 7, echo: 0 } }).weights, { 1: 0, 40_000: 7 });
  t.end();
});

await t.test('a mistake is named by its place', (t) => {
  const rate = { per_second: 1, burst: 1 };
  t.same(problems('{"tenant": '), ['cannot use the quotas FILE: it is not JSON']);
  t.match(problems('[]'), [/^FILE: the file /]);
  t.same(problems({ tenant: { units: { per_second: 0, burst: 1 } } }), ['FILE: tenant.units.per_second is not a number above 0']);
  t.same(problems({ tenant: { units: { per_second: '5', burst: 1 } } }), ['FILE: tenant.units.per_second is not a number above 0']);
  t.same(problems({ address: { units: { per_second: 5 } } }), ['FILE: address.units.burst is not a number above 0']);
  t.same(problems({ address: { units: 5 } }), ['FILE: address.units is not {"per_second": …, "burst": …}']);
  t.match(problems({ tenant: { unit: rate } }), [/^FILE: tenant\.unit means nothing there; docs/]);
  t.match(problems({ shadwo: true }), [/^FILE: shadwo means nothing there/]);
  t.match(problems({ tenants: { abc: {} } }), [/^FILE: tenants\.abc is no tenant/]);
  t.match(problems({ classes: { 'Night!': {} } }), [/^FILE: classes\.Night! is no rate class/]);
  t.match(problems({ classes: { night: { batch: 'yes' } } }), [/^FILE: classes\.night\.batch is neither true nor false/]);
  t.match(problems({ weights: { echo: 65 } }), [/^FILE: weights\.echo is not a whole number from 0 to 64/]);
  t.same(problems({ weights: { ehco: 1 } }), ['FILE: weights.ehco is no service of this node; it has echo, notes']);
  t.equal(problems({ shadow: 1, tenant: { bytes: { per_second: -1, burst: 0 } } }).length, 3, 'all of them at once');
  t.match(problems(' '.repeat(QUOTA_FILE_BYTES_MAX + 1)), [/larger than/]);
  t.throws(() => readQuotaFile(join(folder, 'none.json'), []), /cannot use the quotas .*ENOENT/);
  t.end();
});
