import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { startNodeProcess, TemporaryFolder } from '@omnigate/harness';
import t from 'tap';
import { isWithin } from '../src/case.ts';
import type { Outcome } from '../src/case.ts';
import { CLIENT_CASES } from '../src/client/cases.ts';
import { SECTION_TITLES } from '../src/sections.ts';
import { SERVER_CASES } from '../src/server/cases.ts';
import { isRetryable, REASON_STATUSES } from '../src/server/reasons.ts';
import { junitOf } from '../src/report/junit.ts';
import { FaultyNode } from './faulty-node.ts';
import { oapspec } from './oapspec.ts';

const spec = readFileSync(new URL('../../../specs/oap-1.md', import.meta.url), 'utf8');
const registry = JSON.parse(readFileSync(new URL('../../../registry/reject_reasons.json', import.meta.url), 'utf8')) as {
  reasons: readonly { readonly reason: string; readonly status: number; readonly retryable: boolean }[];
};
using folder = new TemporaryFolder();

/** Sections that say MUST and that no peer can be held to from outside, with the reason. */
const NOT_SEEN: Readonly<Record<string, string>> = {
  '11.2': 'what is given to a decoder is not seen; the verdicts of the guard are those of 11.3',
  '11.4': 'the decoder is not seen; what it must refuse is in 11.3',
  '14': 'holds no rule of its own',
  '16': 'texts of errors are for people',
};

/** The numbered paragraphs and headings of the specification with their text. */
function sectionsOf(text: string): Map<string, string> {
  const sections = new Map<string, string>();
  let current = '';
  for (const line of text.slice(0, text.indexOf('## 17.')).split('\n')) {
    const [, number] = /^(?:#+ )?(\d+(?:\.\d+)?)\.? /.exec(line) ?? /^\*?\*?(\d+\.\d+)\. /.exec(line) ?? [];
    if (number !== undefined && (line.startsWith('#') || number.includes('.'))) current = number;
    sections.set(current, `${sections.get(current) ?? ''}${line}\n`);
  }
  return sections;
}

await t.test('every section that says MUST has a case, or a reason why not', (t) => {
  const sections = [...sectionsOf(spec)].filter(([number, text]) => number !== '' && /\bMUST\b/.test(text));
  t.ok(sections.length > 20, `${sections.length} sections say MUST`);
  const all = [...SERVER_CASES, ...CLIENT_CASES];
  const bare = sections.map(([number]) => number).filter((number) => !all.some((item) => isWithin(item, number)) && NOT_SEEN[number] === undefined);
  t.same(bare, ['1'], 'section 1 explains the words');
  t.end();
});

await t.test('sections have the titles of the specification', (t) => {
  for (const [, number = '', title = ''] of spec.matchAll(/^#+ (\d+(?:\.\d+)?)\.? (.+)$/gm)) {
    const used = [...SERVER_CASES, ...CLIENT_CASES].some((item) => isWithin(item, number));
    if (used) t.equal(SECTION_TITLES[number], title);
  }
  const untitled = [...SERVER_CASES, ...CLIENT_CASES].filter(({ section }) => SECTION_TITLES[section] === undefined);
  t.same(untitled, []);
  t.end();
});

await t.test('reasons have the status of the registry', (t) => {
  for (const [reason, status] of Object.entries(REASON_STATUSES)) {
    const row = registry.reasons.find((candidate) => candidate.reason === reason);
    t.equal(row?.status, status, reason);
    t.equal(row?.retryable, isRetryable(reason), reason);
  }
  t.end();
});

await t.test('cases have numbers and titles of their own', (t) => {
  for (const cases of [SERVER_CASES, CLIENT_CASES]) {
    t.equal(new Set(cases.map(({ id }) => id)).size, cases.length);
    const titles = cases.map(({ section, title }) => `${section} ${title}`);
    t.same(titles.filter((title, index) => titles.indexOf(title) !== index), []);
  }
  t.end();
});

await t.test('the command lists its cases', async (t) => {
  const { code, stdout } = await oapspec('--list', '--section', '3.3');
  t.equal(code, 0);
  t.match(stdout, /^3\.3\/1 len 0: bad_length\n/);
  t.notMatch(stdout, /^3\.2/m);
  t.match((await oapspec('--client', '--list')).stdout, /^10\.4\/1 sends new requests on a new connection/m);
});

await t.test('the command says what is wrong with a call', async (t) => {
  for (const [args, words] of [
    [[], /name one server/],
    [['http://example'], /write oap:\/\/host:port/],
    [['oap://127.0.0.1:1', '--section', '99'], /no case for section 99/],
    [['oap://127.0.0.1:1', '--timeout', 'soon'], /--timeout takes a whole number/],
    [['oap://127.0.0.1:1', '--colour'], /--colour/],
    [['--client', '--listen', '6270'], /--listen takes HOST:PORT/],
    [['oap://127.0.0.1:1', '--cert', 'x'], /--cert and --key belong together/],
    [['oaps://127.0.0.1:1', '--ca', 'absent.pem'], /absent\.pem/],
  ] as const) {
    const { code, stderr } = await oapspec(...args);
    t.equal(code, 2, args.join(' '));
    t.match(stderr, words);
    t.notMatch(stderr, /^ +at /m, 'without a stack');
  }
  const { code, stdout } = await oapspec('--help');
  t.equal(code, 0);
  t.match(stdout, /Exit code: 0 when no case failed/);
});

await t.test('the command says that nobody answers', async (t) => {
  const { code, stderr } = await oapspec('oap://127.0.0.1:1');
  t.equal(code, 2);
  t.match(stderr, /^oapspec: connect ECONNREFUSED 127\.0\.0\.1:1/);
});

await t.test('the command tells of a failure what was expected, what came, and the frames', async (t) => {
  await using node = await startNodeProcess();
  await using proxy = await FaultyNode.start(node.url, 'ping-empty');
  const [junit, json] = [folder.file('outcomes.xml'), folder.file('outcomes.json')];
  const { code, stdout } = await oapspec(proxy.url, '--section', '5.2', '--timeout', '2000', '--junit', junit, '--json', json, '--verbose');
  t.equal(code, 1);
  t.match(stdout, /^5\. Control operations\n {2}5\.2\. PING\n/m);
  t.match(stdout, /✗ 2: answers a PING with the same 1 bytes\n +expected: a payload of 1 bytes.*\n +actual: 0 bytes.*\n +see §5\.2 of/);
  t.match(stdout, /> REQ\|START\|END code 1 \(PING\) app 0 corr 2, 1 payload bytes, 39 in all\n +0000 {2}00 00 00 27 00 01 00 19/);
  t.match(stdout, /\n\d+ cases, \d+ passed, 0 skipped, [1-9]\d* failed in [\d.]+ s\n$/);

  const { outcomes } = JSON.parse(readFileSync(json, 'utf8')) as { outcomes: Outcome[] };
  const failures = outcomes.filter(({ verdict }) => verdict === 'failed').length;
  t.same(countWithXmlParser(junit), { tests: outcomes.length, failures, cases: outcomes.length, failed: failures });
});

await t.test('JUnit XML is well formed, whatever the outcomes say', (t) => {
  const file = folder.file('odd.xml');
  const odd = '<&>"\'\n\t\u0000\u001b\ud800\uffff\u{1f980}]]>';
  const common = { id: '3.3/1', section: '3.3', title: odd, durationMs: 1, trace: [odd] };
  const outcomes: Outcome[] = [
    { ...common, verdict: 'failed', expected: odd, actual: odd },
    { ...common, verdict: 'skipped', message: odd },
    { ...common, verdict: 'passed' },
  ];
  writeFileSync(file, junitOf(outcomes, odd));
  t.same(countWithXmlParser(file), { tests: 3, failures: 1, cases: 3, failed: 1 });
  t.end();
});

function countWithXmlParser(file: string): unknown {
  const script = [
    'import json, sys, xml.etree.ElementTree as tree',
    'root = tree.parse(sys.argv[1]).getroot()',
    'print(json.dumps({"tests": int(root.get("tests")), "failures": int(root.get("failures")), "cases": len(root.findall(".//testcase")), "failed": len(root.findall(".//failure"))}))',
  ].join('\n');
  return JSON.parse(execFileSync('python3', ['-c', script, file], { encoding: 'utf8' }));
}
