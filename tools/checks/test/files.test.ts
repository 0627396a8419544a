import t from 'tap';

import { bytesOf, files, read, texts } from './repository.ts';

const fileBytesMax = 1024 * 1024;
const sourceLinesMax = 400;

/** `path:line` of every line of the text files that matches. */
function linesMatching(pattern: RegExp, paths: readonly string[]): string[] {
  return paths.flatMap((path) =>
    read(path)
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${path}:${String(index + 1)}`] : [])),
  );
}

// The patterns below are put together from parts, so that this file does not match itself.
const registryNames = [
  ['registry', 'npmjs'],
  ['registry', 'yarnpkg'],
  ['npmjs', 'org'],
  ['deb', 'debian', 'org'],
  ['pypi', 'org'],
];
// Besides those, any host whose name says what it is: a mirror of one company, say.
const registryHosts = new RegExp(
  ['https?://[a-z0-9.-]*registry', ...registryNames.map((labels) => labels.join('\\.'))].join('|'),
  'i',
);
const markers = ['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'HA' + 'CK'].join('|');
const leftoverMarkers = new RegExp(`\\b(${markers})\\b`);
const folders = ['work', 'home', 'root', 'Users', 'tmp'].join('|');
const machinePaths = new RegExp(`(^|[\\s"'\`(=:])/(${folders})/|\\.\\./shared/`);

await t.test('the patterns find what they are for', (t) => {
  const mirror = ['packages', 'registry', 'example', 'net'];
  for (const labels of [...registryNames, mirror]) {
    t.match(['https:', '', labels.join('.'), 'tap'].join('/'), registryHosts);
  }
  t.notMatch('https://example.net/registry/reject_reasons.json', registryHosts);
  t.match('// TO' + 'DO: later', leftoverMarkers);
  t.match("'/ho" + "me/me/project'", machinePaths);
  t.match('see ../sha' + 'red/design', machinePaths);
  t.notMatch('GET /topics/home/', machinePaths);
  t.end();
});

await t.test('no file names a package registry', (t) => {
  t.same(linesMatching(registryHosts, [...texts, 'package-lock.json']), []);
  t.notMatch(read('package-lock.json'), /"resolved": "\w+:/, 'the lock file is host-independent');
  t.end();
});

await t.test('no leftover marker', (t) => {
  t.same(linesMatching(leftoverMarkers, texts), []);
  t.end();
});

await t.test('no path of one machine', (t) => {
  t.same(linesMatching(machinePaths, texts), []);
  t.end();
});

await t.test('no file is over 1 MiB', (t) => {
  t.same(files.filter((path) => bytesOf(path) > fileBytesMax), []);
  t.end();
});

await t.test(`no source file is over ${String(sourceLinesMax)} lines`, (t) => {
  const long = files
    .filter((path) => /\.[cm]?[jt]s$/.test(path))
    .map((path) => ({ path, lines: read(path).split('\n').length - 1 }))
    .filter(({ lines }) => lines > sourceLinesMax);
  t.same(long, []);
  t.end();
});

await t.test('no file is a product of building or testing', (t) => {
  t.same(files.filter((path) => /(^|\/)(dist|node_modules|\.tap|\.nx|coverage)\//.test(path)), []);
  t.end();
});
