import { existsSync } from 'node:fs';
import { defineService } from '@omnigate/kernel';
import type { ListenAddress } from '@omnigate/kernel';
import { decodeGoAway, encodeFrame, Flag } from '@omnigate/kernel/wire';
import t from 'tap';
import { askAdmin, LogRecorder, RawPeer, readMetrics, startNode, startNodeProcess, TemporaryFolder } from '../src/index.ts';

const ONE_FRAME = Flag.REQ | Flag.START | Flag.END;
const payload = new TextEncoder().encode('hello');
const listenAddress = (url: string): { host: string; port: number } => {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
};

/** Connects until the port is closed; a connection that was under way at that moment may be reset. */
async function firstRefusal(address: ListenAddress): Promise<string | undefined> {
  for (;;) {
    try {
      await using peer = await RawPeer.connect(address);
      await peer.ended(20).catch(() => undefined);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ECONNRESET') return code;
    }
  }
}

await t.test('a raw peer sends what it is told and shows what comes back', async (t) => {
  await using node = await startNode();
  await using peer = await RawPeer.greeted(node.oap);
  const request = encodeFrame({ flags: ONE_FRAME, app: 1, corrId: 7n, payload });
  peer.send(request.subarray(0, 20));
  peer.send(request.subarray(20));
  const reply = await peer.frame({ flags: Flag.RESP | Flag.START | Flag.END, app: 1, code: 200, corrId: 7n });
  t.same(Buffer.from(reply.payload).toString(), 'hello');
  peer.send({ flags: ONE_FRAME, app: 999, corrId: 8n });
  const { error, frame } = await peer.error('app_unknown');
  t.equal(frame.corrId, 8n);
  t.equal(error.status, 404);

  peer.send({ flags: ONE_FRAME, app: 1, corrId: 9n });
  await t.rejects(peer.frame({ corrId: 10n }), { message: /corrId is 9 and not 10/ });
  peer.send({ flags: ONE_FRAME, app: 1, corrId: 9n });
  await t.rejects(peer.error('app_unknown'), { message: /no error app_unknown/ });
  peer.send({ flags: ONE_FRAME, app: 999 });
  await t.rejects(peer.error('op_unknown'), { message: /app_unknown and not op_unknown/ });
  await t.rejects(peer.frame({}, 50), { message: 'no frame within 50 ms' });

  peer.send(new Uint8Array([0, 0, 0, 1]));
  await peer.error('bad_length');
  await peer.ended();
  await t.rejects(peer.frame(), { message: /closed the connection/ });

  await using silent = await RawPeer.connect(node.oap);
  await t.rejects(silent.ended(50), { message: 'no end of the connection within 50 ms' });
});

await t.test('half a connection', async (t) => {
  await using node = await startNode();
  await using peer = await RawPeer.greeted(node.oap);
  peer.send({ flags: ONE_FRAME, app: 1, corrId: 1n, payload });
  peer.end();
  const reply = await peer.frame({ code: 200, corrId: 1n });
  t.equal(Buffer.from(reply.payload).toString(), 'hello', 'what was asked before the FIN is answered');
  await peer.ended();
});

await t.test('a drain on the wire', async (t) => {
  let finish: (text: string) => void = () => undefined;
  const finished = new Promise<string>((resolve) => {
    finish = resolve;
  });
  const slow = defineService({ appProtoId: 40_000, name: 'slow', access: 'open', operations: { 0: async () => finished } });
  await using node = await startNode({ services: [slow], drainAcceptMs: 2_000, drainTimeoutMs: 20_000 });
  await using peer = await RawPeer.greeted(node.oap);
  peer.send({ flags: ONE_FRAME, app: 40_000, corrId: 1n });
  const ping = { flags: ONE_FRAME, app: 0, code: 1, corrId: 2n };
  peer.send(ping);
  await peer.frame({ corrId: 2n });
  const drained = node.node.drain('test');
  const goAway = await peer.frame({ flags: Flag.EVENT | Flag.START | Flag.END, app: 0, code: 2, corrId: 0n });
  t.same(decodeGoAway(goAway.payload), { reason: 'test', drainMs: 20_000 });
  peer.send({ flags: ONE_FRAME, app: 1, corrId: 3n });
  const { error } = await peer.error('draining');
  t.ok(error.retryable);
  t.equal((await readMetrics(node.adminUrl)).get('rejected_total{reason="draining"}'), 1);

  await using late = await RawPeer.greeted(node.oap);
  await late.frame({ app: 0, code: 2 });
  await late[Symbol.asyncDispose]();
  t.equal(await firstRefusal(node.oap), 'ECONNREFUSED', 'after acceptMs nobody is let in');
  finish('done');
  const last = await peer.frame({ app: 40_000, corrId: 1n, code: 200 });
  t.equal(Buffer.from(last.payload).toString(), 'done');
  await peer.ended();
  t.same(await drained, { complete: true });
});

await t.test('a node as a process', async (t) => {
  await using node = await startNodeProcess();
  t.same(await askAdmin(node.adminUrl, '/readyz'), { status: 200, body: { status: 'ready' } });
  await using peer = await RawPeer.greeted(listenAddress(node.url));
  peer.send({ flags: ONE_FRAME, app: 1, payload });
  t.equal((await peer.frame({ code: 200 })).payload.length, payload.length);
  const { cpuSeconds, rssBytes } = node.usage();
  t.ok(cpuSeconds > 0 && cpuSeconds < 30, `${cpuSeconds} s of CPU`);
  t.ok(rssBytes > 20e6 && rssBytes < 500e6, `${rssBytes} bytes`);
  t.same(await node.stop(), { code: 0, signal: null });
  t.ok(node.log.entries.some(({ event }) => event === 'NodeStopped'));
  await node[Symbol.asyncDispose]();
  t.throws(() => node.tlsUrl, { message: 'the node has no oaps listener' });


  await using killed = await startNodeProcess({ args: ['--admin', 'off'] });
  killed.kill('SIGKILL');
  t.same(await killed.exited, { code: null, signal: 'SIGKILL' });
  await t.rejects(startNodeProcess({ args: ['--oap', 'nonsense'] }), { message: /ended with 2: omnigate: --oap "nonsense" lacks a port/ });
});

await t.test('what tests leave behind', async (t) => {
  const folder = new TemporaryFolder();
  t.ok(existsSync(folder.path));
  folder[Symbol.dispose]();
  t.notOk(existsSync(folder.path));
  const log = new LogRecorder();
  const later = log.event('Later');
  log.write('{"level":30,"event":"Sooner"}');
  log.write('{"level":30,"event":"Later","x":1}');
  t.match(await later, { x: 1 });
  t.match(await log.event('Sooner'), { level: 30 });
  await t.rejects(log.event('Never', 20), { message: 'no Never in the log within 20 ms' });
  await using node = await startNode({ admin: 'off' });
  t.throws(() => node.oaps, { message: /did not ask for this listener/ });
  const data = node.log.entries.find(({ event }) => event === 'NodeStarted')?.['data'];
  t.ok(existsSync(String(data)));
  await node[Symbol.asyncDispose]();
  t.notOk(existsSync(String(data)));
  await t.rejects(startNode({ oap: 'off' }), { name: 'ConfigError' });
});
