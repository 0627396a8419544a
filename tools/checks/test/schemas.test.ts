import { Ajv2020 } from 'ajv/dist/2020.js';
import t from 'tap';

import { files, read } from './repository.ts';

/** Every document that has a schema: the file that `$schema` names, or that stands beside it. */
const documents = files
  .filter((path) => /^(registry|specs\/vectors)\/\w+\.json$/.test(path))
  .map((path) => {
    const schema = path.startsWith('registry/') ? path.replace('.json', '.schema.json') : 'specs/vectors/vectors.schema.json';
    return { path, schema };
  });

function faultsOf(document: unknown, schema: string): string[] {
  const ajv = new Ajv2020({ allErrors: true, strictTypes: false, strictRequired: false });
  const validate = ajv.compile(JSON.parse(read(schema)) as Record<string, unknown>);
  validate(document);
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ''}`);
}

await t.test('registries and vectors fit their schemas', (t) => {
  t.ok(documents.length >= 8, `${documents.length} documents`);
  for (const { path, schema } of documents) t.same(faultsOf(JSON.parse(read(path)), schema), [], path);
  t.end();
});

await t.test('a schema refuses what does not fit', (t) => {
  const path = 'registry/reject_reasons.json';
  const registry = JSON.parse(read(path)) as { reasons: Record<string, unknown>[] };
  const [first] = registry.reasons;
  for (const [field, value] of Object.entries({ status: 'four hundred', reaction: 'Z', retryable: 1, fix: undefined })) {
    const damaged = { ...registry, reasons: [{ ...first, [field]: value }] };
    t.not(faultsOf(JSON.parse(JSON.stringify(damaged)), path.replace('.json', '.schema.json')).length, 0, field);
  }
  t.end();
});
