import { spawnSync } from 'node:child_process';
import t from 'tap';

import { read, root } from './repository.ts';

interface Vectors {
  readonly kind: string;
  /** Path of the specification. */
  readonly spec: string;
  readonly vectors: readonly { readonly name: string; readonly section: string; readonly reason?: string }[];
}

const oapKinds = ['frames', 'decode', 'hello', 'errors', 'compression', 'conversations'];
const kinds = [...oapKinds, 'capability', 'mailbox', 'storage'];
const spec = read('specs/oap-1.md');
const vectorsOf = (kind: string) => JSON.parse(read(`specs/vectors/${kind}.json`)) as Vectors;

/** Bytes of the hexadecimal lines of the example in the specification that follow a line with this mark. */
function transcriptBytes(mark: '>' | '<'): string {
  const block = /<!-- transcript -->\n```text\n([^]*?)```/.exec(spec)?.[1] ?? '';
  let side = '';
  let hex = '';
  for (const line of block.split('\n')) {
    if (/^[<>] /.test(line)) side = line.charAt(0);
    else if (side === mark) hex += (/^ {2}((?:[0-9a-f]{2} )*[0-9a-f]{2})/.exec(line)?.[1] ?? '').replaceAll(' ', '');
  }
  return hex;
}

function sectionsOf(page: string): Set<string | undefined> {
  const sections = new Set([...page.matchAll(/^(?:#+ )?(\d+(?:\.\d+)?)\./gm)].map(([, number]) => number));
  for (const [, number] of page.matchAll(/^### (\d+\.\d+) /gm)) sections.add(number);
  return sections;
}

await t.test('every vector has a name of its own and a section that exists', (t) => {
  for (const kind of kinds) {
    const { kind: said, spec: page, vectors } = vectorsOf(kind);
    const sections = sectionsOf(read(page));
    t.equal(said, kind);
    t.ok(vectors.length > 0, `${kind} has vectors`);
    t.equal(new Set(vectors.map(({ name }) => name)).size, vectors.length, `${kind}: no name twice`);
    t.same(vectors.filter(({ section }) => !sections.has(section)).map(({ name }) => name), [], `${kind}: sections`);
  }
  t.end();
});

await t.test('every reason of a vector is registered', (t) => {
  const { reasons } = JSON.parse(read('registry/reject_reasons.json')) as { reasons: { reason: string }[] };
  const registered = new Set(reasons.map(({ reason }) => reason));
  const named = oapKinds.flatMap((kind) => vectorsOf(kind).vectors.flatMap(({ reason }) => reason ?? []));
  const expected = [...read('specs/vectors/conversations.json').matchAll(/"reason": "(\w+)"/g)].map(([, name = '']) => name);
  t.ok(expected.length > 0);
  t.same([...named, ...expected].filter((name) => !registered.has(name)), []);
  t.end();
});

await t.test('the conversation in the specification is the vector', (t) => {
  interface Transcript {
    readonly name: string;
    readonly steps: readonly { readonly send?: string }[];
    readonly example?: string;
  }
  const { vectors } = vectorsOf('conversations') as unknown as { vectors: Transcript[] };
  const transcript = vectors.find(({ name }) => name === 'transcript');
  t.equal(transcriptBytes('>'), transcript?.steps[0]?.send);
  t.equal(transcriptBytes('<'), transcript?.example);
  t.end();
});

await t.test('the vectors are what their generator writes', (t) => {
  const python = spawnSync('python3', ['-B', 'tools/vectors/generate.py', '--check'], { cwd: root, encoding: 'utf8' });
  if (python.error !== undefined) {
    t.comment('python3 is not here, so the generator was not run');
    t.end();
    return;
  }
  t.equal(python.status, 0, python.stderr);
  t.end();
});
