import { readFileSync } from 'node:fs';
import { decode, encode } from '@msgpack/msgpack';
import t from 'tap';
import { scanTopics } from '../src/codec/topic-scan.ts';
import { OapError } from '@omnigate/kernel';
import { Bench, FaultStore, TENANT_A, TENANT_B } from './bench.ts';
import type { Answer, OpName } from './bench.ts';

/** specs/vectors/mailbox.json against the broker; what its README says of each kind. */

interface Part {
  readonly hex?: string;
  readonly times?: number;
  readonly fill?: string;
  readonly bytes?: number;
  /** Name of a value of an earlier reply. */
  readonly value?: string;
}

type Parts = string | readonly Part[];

interface Ask {
  readonly operation: OpName;
  readonly request: Parts;
  readonly status: number;
  readonly reply: Pattern;
  readonly tenant?: 'other';
  readonly e2e?: true;
  readonly reply_e2e?: true;
}

type Pattern = string | number | boolean | null | readonly Pattern[] | { readonly [name: string]: Pattern };

interface Vector {
  readonly name: string;
  readonly kind: string;
  readonly operation: OpName;
  readonly body: Parts;
  readonly verdict: 'ok' | 'err';
  readonly reason?: string;
  readonly field?: string;
  readonly steps: readonly (Ask | { readonly wait_ms: number })[];
}

const { vectors } = JSON.parse(readFileSync(new URL('../../../specs/vectors/mailbox.json', import.meta.url), 'utf8')) as { vectors: Vector[] };
const of = (kind: string): Vector[] => vectors.filter((vector) => vector.kind === kind);

function bytesOf(parts: Parts, known = new Map<string, unknown>()): Buffer {
  if (typeof parts === 'string') return Buffer.from(parts, 'hex');
  return Buffer.concat(parts.map(({ hex, times = 1, fill, bytes = 0, value }) => {
    if (value !== undefined) return Buffer.from(encode(known.get(value)));
    return hex === undefined ? Buffer.alloc(bytes, fill, 'hex') : Buffer.concat(Array<Buffer>(times).fill(Buffer.from(hex, 'hex')));
  }));
}

/** As the service does it: topics are judged first, then the broker has it. */
function ask(bench: Bench, operation: OpName, payload: Uint8Array, options: { tenant?: string; endToEnd?: boolean } = {}): Answer | OapError | undefined {
  try {
    scanTopics(payload);
  } catch (error) {
    if (error instanceof OapError) return error;
    throw error;
  }
  return bench.calls([[operation, payload, options]])[0];
}

await t.test('requests: each field that is wrong is named', (t) => {
  for (const { name, operation, body, verdict, reason, field } of of('request')) {
    const answer = ask(new Bench(new FaultStore()), operation, bytesOf(body));
    const refusal = answer instanceof OapError ? { reason: answer.reason, detail: answer.detail } : (answer?.body as { reason?: string } | undefined);
    if (verdict === 'ok') t.notOk(['bad_payload', 'body_too_large'].includes(refusal?.reason ?? ''), `${name}: ${JSON.stringify(refusal)}`);
    else t.match(refusal, { reason: reason ?? 'bad_payload', ...(field === undefined ? {} : { detail: { field } }) }, name);
  }
  t.end();
});

/** Where a value is not what the pattern says; names in it are learnt. */
function faultsOf(pattern: Pattern, value: unknown, known: Map<string, unknown>, at: string, others: 'none' | 'any'): string[] {
  if (Array.isArray(pattern)) {
    const list = Array.isArray(value) ? (value as unknown[]) : undefined;
    if (list?.length !== pattern.length) return [`${at}: an array of ${pattern.length}`];
    return pattern.flatMap((item: Pattern, index) => faultsOf(item, list[index], known, `${at}[${index}]`, others));
  }
  if (typeof pattern !== 'object' || pattern === null) return pattern === value ? [] : [`${at}: ${String(value)} is not ${String(pattern)}`];
  const { as, bin, msgpack } = pattern as { readonly as?: string; readonly bin?: string; readonly msgpack?: Pattern };
  if (bin !== undefined) return value instanceof Uint8Array && Buffer.from(value).toString('hex') === bin ? [] : [`${at}: not ${bin}`];
  if (msgpack !== undefined) return value instanceof Uint8Array ? faultsOf(msgpack, decode(value), known, at, 'any') : [`${at}: no bin`];
  if (as !== undefined) {
    if (!known.has(as)) known.set(as, value);
    return value !== undefined && Buffer.from(encode(value)).equals(encode(known.get(as))) ? [] : [`${at}: not the same ${as}`];
  }
  const map = value as Readonly<Record<string, unknown>>;
  const unexpected = others === 'any' ? [] : Object.keys(map).filter((name) => !Object.hasOwn(pattern, name));
  return [
    ...unexpected.map((name) => `${at}.${name}: is there`),
    ...Object.entries(pattern as Readonly<Record<string, Pattern>>).flatMap(([name, item]) => faultsOf(item, map[name], known, `${at}.${name}`, others)),
  ];
}

await t.test('conversations', (t) => {
  for (const { name, steps } of of('conversation')) {
    const bench = new Bench(new FaultStore());
    const known = new Map<string, unknown>();
    steps.forEach((step, index) => {
      if ('wait_ms' in step) {
        bench.tick(step.wait_ms);
        return;
      }
      const { operation, request, status, reply, tenant, e2e, reply_e2e: replyE2e } = step;
      const answer = ask(bench, operation, bytesOf(request, known), { tenant: tenant === undefined ? TENANT_A : TENANT_B, endToEnd: e2e ?? false });
      const at = `${name}, step ${index}`;
      if (answer === undefined || answer instanceof OapError) {
        t.fail(`${at}: ${answer?.reason ?? 'no answer'}`);
        return;
      }
      t.same({ status: answer.status, endToEnd: answer.endToEnd }, { status, endToEnd: replyE2e ?? false }, at);
      t.same(faultsOf(reply, answer.body, known, operation, status === 200 ? 'none' : 'any'), [], at);
    });
  }
  t.end();
});

await t.test('a conversation notices what is not as it says', (t) => {
  const faults = (pattern: Pattern, value: unknown): string[] => faultsOf(pattern, value, new Map(), '', 'none');
  t.same(faults({ a: { bin: '00' }, b: [{ as: 'x' }, { as: 'x' }] }, { a: Buffer.of(0), b: [1, 1] }), []);
  for (const value of [{ a: Buffer.of(0), b: [1, 2] }, { a: Buffer.of(1), b: [1, 1] }, { a: Buffer.of(0), b: [1] }, { a: Buffer.of(0), b: [1, 1], c: 1 }, { b: [1, 1] }]) {
    t.equal(faults({ a: { bin: '00' }, b: [{ as: 'x' }, { as: 'x' }] }, value).length, 1);
  }
  t.end();
});
