import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { cleanEnvironment, startNodeProcess, TemporaryFolder } from '@omnigate/harness';
import { connect } from '@omnigate/sdk';
import t from 'tap';
import { ronctl, run, RONCTL, textOf } from './run-ronctl.ts';
import { mint } from './stores.ts';

const folder = new TemporaryFolder();
const node = await startNodeProcess({ data: folder.file('data') });
t.teardown(async () => {
  await node[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});
const env = { RON_CAP: await mint(folder.file('data'), '--app', 'mailbox'), RON_NODE_URL: node.url };
const client = await connect({ url: node.url, cap: Buffer.from(env.RON_CAP, 'base64url') });
t.teardown(() => client.close());

/** Polls, as the other side is another process. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(20);
}

await t.test('what could not be written is not acknowledged', async (t) => {
  await client.mailbox('full').send('keep me');
  const full = await run('sh', ['-c', `${process.execPath} ${RONCTL} mailbox receive full > /dev/full`], { env });
  t.match(full, { code: 1, stderr: /^ronctl: standard output cannot be written: ENOSPC/ });
  t.match(await client.mailbox('full').stats(), { leased: 1, acked: 0 });

  await client.mailbox('seen').send('twice');
  const look = ['receive', 'seen', '--no-ack', '--visibility', '1s'];
  t.equal(textOf(await ronctl(['mailbox', ...look], { env })), 'twice\n');
  t.match(await client.mailbox('seen').receive({ waitMs: 60_000 }), [{ deliveries: 2 }]);
});

await t.test('follow shows messages as they come, and gives back what was not shown', async (t) => {
  const follow = (): { readonly lines: AsyncIterableIterator<string>; readonly stop: (signal: NodeJS.Signals) => Promise<unknown[]> } => {
    const child = spawn(process.execPath, [RONCTL, 'mailbox', 'receive', 'news', '--follow'], { env: cleanEnvironment(env), stdio: ['ignore', 'pipe', 'inherit'] });
    t.teardown(() => child.kill('SIGKILL'));
    const ended = once(child, 'close');
    return {
      lines: child.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false }) as AsyncIterableIterator<string>,
      stop: (signal) => {
        child.kill(signal);
        return ended;
      },
    };
  };
  const news = client.mailbox('news');
  const first = follow();
  await news.send('one');
  t.equal((await first.lines.next()).value, 'one\n');
  await news.send('two');
  t.equal((await first.lines.next()).value, 'two\n');
  t.same(await first.stop('SIGINT'), [0, null]);
  t.match(await news.stats(), { acked: 2, ready: 0, leased: 0 });

  // One that holds messages and is gone from one moment to the next.
  const stuck = spawn('sh', ['-c', `${process.execPath} ${RONCTL} mailbox receive news --follow --visibility 10m | sleep 60`], { env: cleanEnvironment(env), stdio: 'ignore', detached: true });
  t.teardown(() => stuck.kill());
  await Promise.all(Array.from({ length: 20 }, () => news.send('x'.repeat(40_000))));
  await until(async () => (await news.stats()).leased > 0);
  process.kill(-(stuck.pid ?? 0), 'SIGKILL');
  // An ACK under way may leave none leased for a moment, before the node hears that the follower is gone.
  await until(async () => {
    const { leased, acked, ready } = await news.stats();
    return leased === 0 && acked + ready === 22;
  });
  const { ready } = await news.stats();
  t.ok(ready > 10, 'what it had not written is ready for others at once, long before its lease ends');
});
