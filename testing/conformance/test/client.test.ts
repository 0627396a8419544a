import { fileURLToPath } from 'node:url';
import { CertificateAuthority, cleanEnvironment, readKeyPair } from '@omnigate/harness';
import t from 'tap';
import { CLIENT_TIMEOUT_MS } from '../src/bounds.ts';
import type { Outcome } from '../src/case.ts';
import { CLIENT_CASES } from '../src/client/cases.ts';
import { runClientCases } from '../src/client/run-client.ts';
import type { StartSubject } from '../src/client/subject.ts';
import { processesOf } from '../src/client/subject.ts';
import { oapspec } from './oapspec.ts';
import { tryRequests } from './sdk-client.js';

const SDK_CLIENT = fileURLToPath(new URL('sdk-client.js', import.meta.url));
const FAULTY_CLIENT = fileURLToPath(new URL('faulty-client.js', import.meta.url));

using authority = new CertificateAuthority();
const { cert, key } = readKeyPair(authority.issue('node'));
const options = {
  listen: { host: '127.0.0.1', port: 0 },
  patienceMs: CLIENT_TIMEOUT_MS,
  keyPair: { cert: Buffer.from(cert), key: Buffer.from(key) },
  atOnce: 8,
};
// What a client inherits, be it a process or not.
process.env = cleanEnvironment({ RON_CA_FILE: authority.ca });

async function play(cases: typeof CLIENT_CASES, startSubject: StartSubject): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for await (const outcome of runClientCases(cases, { ...options, startSubject })) outcomes.push(outcome);
  return outcomes;
}

await t.test('the SDK passes every case', async (t) => {
  const outcomes = await play(CLIENT_CASES, (url, requests) => ({ lines: tryRequests(url, requests), [Symbol.dispose]: () => undefined }));
  t.same(outcomes.filter(({ verdict }) => verdict !== 'passed'), []);
  t.ok(outcomes.length > 60, `${outcomes.length} cases`);
});

await t.test('the command tries a client in a process of its own', async (t) => {
  const { code, stdout } = await oapspec('--client', '--section', '2.1', '--section', '8.5', '--', process.execPath, SDK_CLIENT);
  t.equal(code, 0, stdout);
  t.match(stdout, /3 cases, 3 passed, 0 skipped, 0 failed/);
  const absent = await oapspec('--client', '--section', '2.1/1', '--timeout', '2000', '--', 'no-such-client');
  t.equal(absent.code, 1);
});

/** A mistake of a client, a case that finds it, and what that says. */
const bugs = [
  ['no-hello', 'begins with a HELLO', /a HELLO as the first frame/],
  ['small-window', 'begins with a HELLO', /an initial_window of at least 1,024/],
  ['answers-a-resp', 'begins with a HELLO', /no RESP from a client/],
  ['no-start', 'begins with a HELLO', /START on the first frame/],
  ['one-corr-id', 'uses no corr_id twice', /a corr_id that is not in flight/],
  ['ignores-version', 'refuses a reply with version 2', /the client to print error/],
  ['ignores-faults', 'ends the connection on ver 2', /the client to print error/],
  ['trusts-order', 'matches replies by corr_id, in any order', /the client to print ok/],
] as const;
const casesOf = (...titles: readonly string[]) => CLIENT_CASES.filter((item) => titles.some((title) => item.title.startsWith(title)));
const faulty = (bug: string) => processesOf([process.execPath, FAULTY_CLIENT, bug]);

await t.test('a client without these bugs passes the cases that find them', async (t) => {
  const outcomes = await play(casesOf(...bugs.map(([, title]) => title)), faulty('none'));
  t.same(outcomes.filter(({ verdict }) => verdict !== 'passed'), []);
  t.equal(outcomes.length, new Set(bugs.map(([, title]) => title)).size);
});

for (const [bug, title, words] of bugs) {
  await t.test(`finds the bug ${bug} of a client`, async (t) => {
    const [outcome] = await play(casesOf(title), faulty(bug));
    t.equal(outcome?.verdict, 'failed');
    t.match(`${outcome?.expected ?? ''} ${outcome?.message ?? ''}`, words);
  });
}
