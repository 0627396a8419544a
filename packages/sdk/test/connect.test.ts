import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { readFileSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:tls';
import t from 'tap';
import type { Test } from 'tap';
import { ControlOp, Flag, Reject } from '@omnigate/kernel/wire';
import type { OapError } from '@omnigate/kernel/wire';
import { connect } from '../src/index.ts';
import type { ConnectOptions } from '../src/index.ts';
import { CLIENT_NAME } from '../src/hello.ts';
import { Authority } from './fixtures/authority.ts';
import { pattern, ScriptedNode } from './fixtures/scripted-node.ts';
import type { Script } from './fixtures/scripted-node.ts';
import { failure, startSession, until } from './fixtures/session.ts';

const authority = new Authority();
t.teardown(() => { authority[Symbol.dispose](); });
const identity = authority.issue('localhost');
const trust = { ca: authority.cert };

/** Any server on a free port of this machine. */
async function listen(t: Test, server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const kindOf = (error: OapError): unknown => (error.detail as { kind?: string } | undefined)?.kind;

/** The kind and message of a connect() that must fail. */
async function refusal(options: ConnectOptions): Promise<[reason: string, kind: unknown, message: string]> {
  const error = await failure(connect(options));
  return [error.reason, kindOf(error), error.message];
}

await t.test('what HELLO says in both directions', async (t) => {
  const [client, node] = await startSession(t, { hello: { max_inflight: 5, max_frame: 8_192 } });
  t.match(node.peer.hello, {
    client: CLIENT_NAME,
    versions: [1],
    max_frame: 1_048_576,
    initial_window: 1_048_576,
    supported_flags: 191,
  });
  t.match(client.hello, { server: 'scripted', version: 1, max_inflight: 5, max_frame: 8_192 });
  t.equal(client.url, node.url);
  const { name, version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as Record<string, string>;
  t.equal(CLIENT_NAME, `${String(name).replace('@', '').replace('/', '-')}/${String(version)}`);
});

await t.test('URL and capability come from the environment when options name none', async (t) => {
  await using node = await ScriptedNode.start();
  const { RON_NODE_URL, RON_CAP } = process.env;
  t.teardown(() => {
    Object.assign(process.env, { RON_NODE_URL: RON_NODE_URL ?? '', RON_CAP: RON_CAP ?? '' });
  });
  process.env.RON_NODE_URL = node.url;
  process.env.RON_CAP = Buffer.from('from outside').toString('base64url');
  await using client = await connect();
  t.equal(client.url, node.url);
  t.equal(Buffer.from(node.peer.frames[0]?.capability ?? []).toString(), 'from outside');
  process.env.RON_CAP = 'not base64url!';
  await t.rejects(connect(), { name: 'TypeError', message: /RON_CAP is not base64url text/ });
});

await t.test('TLS with a private authority, by option and by RON_CA_FILE', async (t) => {
  await using node = await ScriptedNode.start({ tls: identity });
  await using client = await connect({ url: node.url, tls: trust });
  const payload = pattern(300_000);
  t.ok(Buffer.from(await client.echo(payload)).equals(payload));
  await Promise.all(Array.from({ length: 200 }, (_, i) => client.echo(pattern(100, i))));
  process.env.RON_CA_FILE = authority.certFile;
  t.teardown(() => { delete process.env.RON_CA_FILE; });
  await using second = await connect({ url: node.url });
  t.equal((await second.echo(pattern(5))).length, 5);
  process.env.RON_CA_FILE = '/nowhere/ca.pem';
  t.match(await refusal({ url: node.url }), ['connect_failed', 'ca_file', /\/nowhere\/ca\.pem.*RON_CA_FILE/]);
});

await t.test('a client certificate is shown to a node that asks for one', async (t) => {
  await using node = await ScriptedNode.start({ tls: { ...identity, ca: authority.cert, requestCert: true, rejectUnauthorized: true } });
  await using client = await connect({ url: node.url, tls: { ...trust, ...authority.issue('client') } });
  t.equal((await client.echo(pattern(5))).length, 5);
  t.match(await refusal({ url: node.url, tls: trust }), ['tls_client', 'tls_client', /client certificate/]);
});

await t.test('every obstacle on the way to a node has its name and its fix', async (t) => {
  const plain = await ScriptedNode.start();
  const tls = await ScriptedNode.start({ tls: identity });
  const expired = await ScriptedNode.start({ tls: authority.issue('localhost', 0) });
  const otherName = await ScriptedNode.start({ tls: authority.issue('elsewhere.example') });
  t.teardown(() => Promise.all([plain, tls, expired, otherName].map((node) => node[Symbol.asyncDispose]())));
  const closedPort = await (async () => {
    const gone = await ScriptedNode.start();
    await gone[Symbol.asyncDispose]();
    return gone.port;
  })();
  const http = await listen(t, createHttpServer());
  const silent = await listen(t, createServer());
  const closing = await listen(t, createServer((socket) => socket.end()));
  const garbage = await listen(t, createServer((socket) => socket.end('220 mail.example ESMTP ready for you, whoever you may be\r\n')));
  const alerting = await listen(t, createServer((socket) => socket.end(Buffer.from('15030300020246', 'hex'))));
  const noAlpn = await listen(t, createTlsServer({ ...identity }));
  const wrongAlpn = await listen(t, createTlsServer({ ...identity, ALPNProtocols: ['h2'] }));
  const oldTls = await listen(t, createTlsServer({ ...identity, maxVersion: 'TLSv1.2' }));
  const silentTls = await listen(t, createServer());

  const cases: [ConnectOptions, string, string, RegExp][] = [
    [{ url: `oap://127.0.0.1:${closedPort}` }, 'connect_failed', 'refused', /ECONNREFUSED.*omnigate start/],
    [{ url: 'oap://host.invalid:1' }, 'connect_failed', 'dns', /host\.invalid.*name/],
    [{ url: `oap://127.0.0.1:${silent}`, connectTimeoutMs: 60 }, 'connect_failed', 'timeout', /did not answer the HELLO within 60 ms/],
    [{ url: `oaps://127.0.0.1:${silentTls}`, connectTimeoutMs: 60, tls: trust }, 'connect_failed', 'timeout', /within 60 ms/],
    [{ url: `oap://127.0.0.1:${closing}` }, 'connect_failed', 'closed', /before it answered the HELLO/],
    [{ url: `oap://127.0.0.1:${http}` }, 'connect_failed', 'not_oap', /answers in HTTP.*6279/],
    [{ url: `oap://127.0.0.1:${garbage}` }, 'connect_failed', 'not_oap', /another protocol/],
    [{ url: `oap://127.0.0.1:${tls.port}` }, 'connect_failed', 'closed', /oaps:\/\//],
    [{ url: `oap://127.0.0.1:${alerting}` }, 'connect_failed', 'is_tls', /oaps:\/\//],
    [{ url: `oaps://localhost:${plain.port}`, tls: trust }, 'connect_failed', 'not_tls', /oap:\/\//],
    [{ url: tls.url }, 'connect_failed', 'tls_ca', /RON_CA_FILE/],
    [{ url: expired.url, tls: trust }, 'connect_failed', 'tls_expired', /Renew/],
    [{ url: otherName.url, tls: trust }, 'connect_failed', 'tls_name', /servername/],
    [{ url: `oaps://localhost:${noAlpn}`, tls: trust }, 'tls_alpn', 'tls_alpn', /oap\/1/],
    [{ url: `oaps://localhost:${wrongAlpn}`, tls: trust }, 'tls_alpn', 'tls_alpn', /TLS port of an Omnigate node/],
    [{ url: `oaps://localhost:${oldTls}`, tls: trust }, 'connect_failed', 'tls_version', /TLS 1\.3/],
  ];
  for (const [options, reason, kind, message] of cases) {
    t.match(await refusal(options), [reason, kind, message], `${kind} at ${String(options.url)}`);
  }
  await using named = await connect({ url: otherName.url, tls: { ...trust, servername: 'elsewhere.example' } });
  t.equal((await named.echo(pattern(1))).length, 1, 'servername helps');
});

await t.test('a refused HELLO fails with what the node said', async (t) => {
  const answer: { reject: Reject } = { reject: Reject.cap_missing };
  const script: Script = {
    onFrame: (peer, frame) => {
      peer.error(frame, answer.reject, { retryAfterMs: 700, message: 'Try elsewhere.' });
      peer.socket.end();
      return true;
    },
  };
  await using node = await ScriptedNode.start(script);
  const error = await failure(connect({ url: node.url }));
  t.match(error, { reason: 'cap_missing', status: 401, retryable: false, origin: 'remote', cause: { message: /Try elsewhere/ } });
  t.match(error.message, /the node refused the HELLO\. Try elsewhere\. Set RON_CAP or cap .* `ronctl cap mint`\./);
  answer.reject = Reject.service_unavailable;
  t.match(await failure(connect({ url: node.url })), { reason: 'service_unavailable', retryable: true, retryAfterMs: 700 });
  const strange: Script = {
    onFrame: (peer, frame) => {
      peer.reply(frame, Buffer.from([0x81, 0xa1, 0x61, 1]));
      return true;
    },
  };
  await using other = await ScriptedNode.start(strange);
  t.match(await failure(connect({ url: other.url })), { reason: 'bad_response', message: /another version/ });
});

await t.test('an aborted signal gives up connecting', async (t) => {
  const port = await listen(t, createServer());
  const abort = new AbortController();
  const connecting = failure(connect({ url: `oap://127.0.0.1:${port}`, signal: abort.signal }));
  setTimeout(() => { abort.abort(new Error('no time')); }, 20);
  t.match(await connecting, { reason: 'cancelled', cause: { message: 'no time' } });
  t.equal((await failure(connect({ url: `oap://127.0.0.1:${port}`, signal: abort.signal }))).reason, 'cancelled');
});

await t.test('a HELLO reply cut anywhere, with a GOAWAY right behind it', async (t) => {
  for (const splitBytes of [1, 7, 38, 100_000]) {
    let connections = 0;
    const [client, node] = await startSession(t, {
      splitBytes,
      onFrame: (peer, frame) => {
        if (frame.code !== ControlOp.HELLO || frame.app !== 0) return false;
        peer.sayHello(frame);
        if (connections++ === 0) peer.goAway(1_000);
        return true;
      },
    });
    t.equal((await client.echo(pattern(3))).length, 3);
    t.equal(node.peers.length, 2);
    await until(() => node.peers[0]?.socket.destroyed === true);
  }
});

await t.test('compressed replies are taken only when they were asked for', async (t) => {
  // One zstd frame: single segment, content size 256 + 0x1288 = 5,000, one last RLE block of that size.
  const rle = Buffer.from('28b52ffd608812439c0061', 'hex');
  const script: Script = {
    compression: true,
    onFrame: (peer, frame) => {
      if (frame.app === 0) return false;
      peer.reply(frame, rle, Flag.START | Flag.END | Flag.COMP);
      return true;
    },
  };
  const [client, node] = await startSession(t, script, { compression: true });
  t.equal(node.peer.hello.supported_flags, 255);
  const { payload } = await client.request(300, 0);
  t.equal(Buffer.from(payload).toString(), 'a'.repeat(5_000));
  const stream = client.stream(300, 0, { body: pattern(1) });
  const chunks: number[] = [];
  for await (const chunk of stream) chunks.push(chunk.length);
  t.same(chunks, [5_000]);
  const [without] = await startSession(t, script);
  const error = await failure(without.request(300, 0));
  t.match(error, { reason: 'bad_response', corrId: '1', message: /without being asked/ });
});
