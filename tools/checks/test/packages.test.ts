import t from 'tap';

import { files, manifestOf, packages } from './repository.ts';

const manifests = packages.map((folder) => ({ folder, manifest: manifestOf(folder) }));
const published = manifests.filter(({ manifest }) => manifest.private !== true);
const workspace = manifestOf('.');
const sourceCondition = '@omnigate/source';

/** Entry points beside `.` that are part of the design. */
const subpaths: Readonly<Record<string, readonly string[]>> = { '@omnigate/kernel': ['./wire'], '@omnigate/test-run': ['./typescript'] };

await t.test('every package says what it is', (t) => {
  t.ok(packages.length > 0);
  for (const { folder, manifest } of manifests) {
    t.match(manifest.name, /^@omnigate\/[a-z-]+$/, folder);
    t.equal(manifest.license, 'Apache-2.0', folder);
    t.equal(manifest.type, 'module', folder);
    t.equal(manifest.engines?.['node'], '>=20', folder);
    t.equal(manifest.nx?.tags?.length, 1, `${folder} is of one layer`);
    t.ok(manifest.scripts?.['lint'], `${folder} is linted`);
  }
  t.equal(workspace.engines?.['node'], '>=20', 'the whole');
  t.end();
});

await t.test('a package is entered by its front door only', (t) => {
  for (const { folder, manifest } of manifests) {
    if (manifest.exports === undefined) continue;
    const expected = ['.', ...(subpaths[manifest.name] ?? [])];
    t.same(Object.keys(manifest.exports), expected, folder);
    for (const entry of Object.values(manifest.exports)) {
      if (typeof entry === 'string') continue;
      t.same(Object.keys(entry), [sourceCondition, 'types', 'default'], `${folder}: conditions`);
      const source = `${folder}/${(entry[sourceCondition] ?? '').slice(2)}`;
      t.ok(files.includes(source), source);
    }
  }
  t.end();
});

await t.test('a published package is complete', (t) => {
  t.ok(published.length > 0);
  for (const { folder, manifest } of published) {
    t.match(folder, /^packages\//);
    t.ok(manifest.files?.includes('dist'), `${folder} publishes its build`);
    for (const name of Object.keys(manifest.dependencies ?? {})) {
      const ours = manifests.find(({ manifest: other }) => other.name === name);
      t.not(ours?.manifest.private, true, `${folder} depends on nothing that stays here`);
    }
  }
  t.end();
});

await t.test('one library has one version in the whole repository', (t) => {
  const ranges = new Map<string, Set<string>>();
  const all = [workspace, ...manifests.map(({ manifest }) => manifest)];
  for (const { dependencies, devDependencies } of all) {
    for (const [name, range] of Object.entries({ ...dependencies, ...devDependencies })) {
      ranges.set(name, (ranges.get(name) ?? new Set()).add(range));
    }
  }
  for (const { manifest } of manifests) {
    const range = ranges.get(manifest.name);
    if (range !== undefined) t.same([...range], [manifest.version], manifest.name);
  }
  t.same([...ranges].filter(([, versions]) => versions.size > 1).map(([name]) => name), []);
  t.end();
});

await t.test('a package that can be tested has tests', (t) => {
  for (const { folder, manifest } of manifests) {
    const tested = files.some(
      (path) => path.startsWith(`${folder}/test/`) && path.endsWith('.test.ts'),
    );
    t.equal(manifest.scripts?.['test'] !== undefined, tested, folder);
  }
  t.end();
});
