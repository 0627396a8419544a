import { TemporaryFolder } from '@omnigate/harness';
import t from 'tap';
import { logLoops } from '../src/log/log-loops.ts';
import { LogSubject } from '../src/log/log-subject.ts';
import { run } from '../src/machine/command.ts';
import { Faults } from '../src/machine/faults.ts';
import { whyNot } from '../src/machine/means.ts';
import { tryLoops } from './try-loops.ts';

const noFaults = (await whyNot(['fault injection'])) ?? false;

await tryLoops(logLoops);

await t.test('the n-th call fails, and no other', { skip: noFaults }, async (t) => {
  // The log flushes its folder before its first record, and ends with the first error.
  for (const { call, at, acknowledged } of [
    { call: 'write', at: 1, acknowledged: 0 },
    { call: 'write', at: 4, acknowledged: 3 },
    { call: 'flush', at: 1, acknowledged: 0 },
    { call: 'flush', at: 4, acknowledged: 2 },
  ] as const) {
    using folder = new TemporaryFolder();
    using faults = await Faults.create(folder.path);
    faults.arm({ call, at, error: 'EIO' });
    const subject = new LogSubject();
    const running = await subject.start(folder.path, faults.env);
    await running.load();
    await running.ended();
    t.same({ calls: faults.calls, failed: faults.failed }, { calls: at, failed: 1 }, `${call} ${at} fails`);
    t.equal(subject.tally.acknowledged, acknowledged, 'what came before it was acknowledged');
  }
});

await t.test('the wall clock jumps, and the monotonic one does not', { skip: noFaults }, async (t) => {
  using folder = new TemporaryFolder();
  using faults = await Faults.create(folder.path);
  faults.clockSeconds = -86_400;
  const print = 'console.log(JSON.stringify([Date.now(), process.hrtime()[0]]))';
  const env = Object.entries(faults.env).map(([name, value]) => `${name}=${value}`);
  const [wallMs = 0, monotonicSeconds = 0] = JSON.parse(await run('env', ...env, process.execPath, '-e', print)) as number[];
  t.ok(Math.abs(wallMs - (Date.now() - 86_400_000)) < 60_000, 'a day ago');
  t.ok(Math.abs(monotonicSeconds - process.hrtime()[0]) < 60, 'as before');
});
