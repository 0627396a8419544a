import { open } from 'node:fs/promises';
import { request } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import t from 'tap';
import { connect } from '@omnigate/sdk';
import type { Storage } from '@omnigate/sdk';
import { TileMeter } from '../src/figures.ts';
import { readByteRange } from '../src/http/byte-range.ts';
import { ifRangeHolds, noneMatchHas } from '../src/http/conditional.ts';
import { NO_BODY } from '../src/http/http-answer.ts';
import { MapServer } from '../src/http/map-server.ts';
import type { MapRoutes } from '../src/http/map-routes.ts';
import { GONE, TileAnswers } from '../src/http/tile-answers.ts';
import { READS_MAX } from '../src/limits.ts';
import { cutTiles } from '../src/tile-cutter.ts';
import { Tileset } from '../src/tileset.ts';
import { TileNode, ZOOM_MAX } from './fixtures/tile-node.ts';

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** One request as it is, without what a library would add or hide. */
function ask(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
      });
    });
    sent.on('error', reject);
    sent.end();
  });
}

const problemOf = ({ body }: Answer): { status: number; reason: string; message: string } =>
  JSON.parse(body.toString()) as { status: number; reason: string; message: string };

await t.test('Range, byte for byte', (t) => {
  const cases: readonly [string | undefined, unknown][] = [
    [undefined, undefined],
    ['bytes=0-0', { start: 0, end: 1 }],
    ['bytes=2-5', { start: 2, end: 6 }],
    ['bytes=5-', { start: 5, end: 10 }],
    ['bytes=9-9', { start: 9, end: 10 }],
    ['bytes=0-99999999999999999999', { start: 0, end: 10 }],
    ['bytes=-3', { start: 7, end: 10 }],
    ['bytes=-30', { start: 0, end: 10 }],
    ['Bytes=1-2', { start: 1, end: 3 }],
    ['bytes=10-', 'unsatisfiable'],
    ['bytes=99-100', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=5-2', undefined],
    ['bytes=-', undefined],
    ['bytes=0-1,4-5', undefined],
    ['bytes=a-b', undefined],
    ['lines=0-1', undefined],
  ];
  for (const [field, expected] of cases) t.same(readByteRange(field, 10), expected, String(field));
  t.end();
});

await t.test('If-None-Match is weak and takes lists, If-Range is strong and takes one', (t) => {
  const etag = '"b3m:00"';
  for (const field of [etag, `W/${etag}`, `"x", ${etag}`, `"x",W/${etag} ,"y"`, '*', ' * ']) t.ok(noneMatchHas(field, etag), field);
  for (const field of [undefined, '', '"b3m:01"', 'b3m:00', '"b3m:00', '"*"']) t.notOk(noneMatchHas(field, etag), String(field));
  for (const field of [undefined, etag, ` ${etag}`]) t.ok(ifRangeHolds(field, etag), String(field));
  for (const field of [`W/${etag}`, '"b3m:01"', 'Sat, 28 Nov 2026 12:00:00 GMT', '*']) t.notOk(ifRangeHolds(field, etag), field);
  t.end();
});

const SILENT = { info: () => undefined, error: () => undefined };

await t.test('no more tiles are read at one time than the bound says', async (t) => {
  const id = `b3m:${'0'.repeat(64)}`;
  const tileset = Tileset.decode(id, Tileset.encode(0, [['0/0/0', { id, sizeBytes: 3 }]]));
  let release = (): void => undefined;
  const held = new Promise<Uint8Array>((resolve) => {
    release = () => {
      resolve(Buffer.from('abc'));
    };
  });
  const storage = { get: () => ({ bytes: () => held }) } as unknown as Storage;
  const answers = new TileAnswers(tileset, storage, new TileMeter(), SILENT);
  const read = () => answers.answer(0, 0, 0, { head: false, range: undefined, ifRange: undefined, ifNoneMatch: undefined, signal: new AbortController().signal });
  const reading = Array.from({ length: READS_MAX }, read);
  t.match(await read(), { status: 503, headers: { 'retry-after': /\d/ }, body: /"reason":"busy"/ });
  release();
  t.ok((await Promise.all(reading)).every(({ status }) => status === 200));
  t.equal((await read()).status, 200, 'and then there is room again');
});

await t.test('a server that stops finishes its answers, and one nobody waits for is given up', async (t) => {
  const signals: AbortSignal[] = [];
  let finish = (): void => undefined;
  const answer = (_: unknown, signal: AbortSignal) =>
    new Promise((resolve) => {
      signals.push(signal);
      finish = () => {
        resolve({ status: 200, headers: {}, body: Buffer.from('whole') });
      };
    });
  const server = await MapServer.listen({ host: '127.0.0.1', port: 0 }, { answer } as unknown as MapRoutes, SILENT);
  const asked = async (count: number): Promise<void> => {
    while (signals.length < count) await new Promise(setImmediate);
  };

  const gone = request(server.url, { agent: false }).on('error', () => undefined);
  gone.end();
  await asked(1);
  gone.destroy();
  while (signals[0]?.aborted !== true) await new Promise(setImmediate);
  t.equal(signals[0].reason, GONE);

  const waiting = ask(server.url);
  await asked(2);
  const stopped = server[Symbol.asyncDispose]();
  await t.rejects(ask(server.url), { code: 'ECONNREFUSED' }, 'nobody new comes in');
  finish();
  t.match(await waiting, { status: 200, headers: { connection: 'close' }, body: /^whole$/ });
  await stopped;
  await t.rejects(MapServer.listen({ host: '192.0.2.1', port: 0 }, { answer: () => NO_BODY } as unknown as MapRoutes, SILENT), /--listen/);
});

await t.test('tiles over HTTP, out of the store of a node', async (t) => {
  await using node = await TileNode.start();
  const tiles = new Map(cutTiles(ZOOM_MAX).map(({ z, x, y, bytes }) => [`${z}/${x}/${y}`, bytes]));

  await t.test('as they were cut, under the id of their blob', async (t) => {
    await using server = await node.serve();
    const { tileset, put, existed } = server.import;
    t.equal(tileset.size, tiles.size);
    t.ok(put > 200 && put <= tiles.size, `${put} different tiles were put`);
    t.equal(existed, 0);
    const { tiles: [template = ''] = [], ...described } = JSON.parse((await ask(`${server.url}tileset.json`)).body.toString()) as { tiles?: string[] };
    t.match(described, { tilejson: '3.0.0', minzoom: 0, maxzoom: 4, tileset: tileset.id });
    const url = (name: string): string => `${server.url.slice(0, -1)}${template.replace('{z}/{x}/{y}', name)}`;
    const bytes = Buffer.from(tiles.get('4/8/5') ?? []);
    const etag = `"${tileset.tile(4, 8, 5)?.id ?? ''}"`;
    const caching = { etag, 'cache-control': 'public, max-age=31536000, immutable', 'accept-ranges': 'bytes' };
    const length = String(bytes.length);

    const whole = await ask(url('4/8/5'));
    t.match(whole, { status: 200, headers: { ...caching, 'content-length': length, 'content-type': 'application/vnd.mapbox-vector-tile' } });
    t.ok(whole.body.equals(bytes));
    await using client = await connect(node.connect);
    const blob = await client.storage().get(etag.slice(1, -1)).bytes();
    t.ok(bytes.equals(blob), 'the tag is the name of these bytes in the store');

    const head = await ask(url('4/8/5'), { range: 'bytes=0-9' }, 'HEAD');
    t.match(head, { status: 200, headers: { ...caching, 'content-length': length } });
    t.equal(head.body.length, 0);

    const unchanged = await ask(url('4/8/5'), { 'if-none-match': `"other", W/${etag}`, range: 'bytes=0-9' });
    t.match(unchanged, { status: 304, headers: caching });
    t.equal(unchanged.body.length, 0);
    t.equal((await ask(url('4/8/5'), { 'if-none-match': etag }, 'HEAD')).status, 304);

    for (const [range, start, end] of [['bytes=100-299', 100, 300], ['bytes=-7', bytes.length - 7, bytes.length], ['bytes=10-', 10, bytes.length]] as const) {
      const part = await ask(url('4/8/5'), { range });
      t.match(part, { status: 206, headers: { ...caching, 'content-range': `bytes ${start}-${end - 1}/${length}`, 'content-length': String(end - start) } });
      t.ok(part.body.equals(bytes.subarray(start, end)), range);
    }
    t.equal((await ask(url('4/8/5'), { range: 'bytes=0-9', 'if-range': etag })).status, 206);
    const anew = await ask(url('4/8/5'), { range: 'bytes=0-9', 'if-range': '"b3m:other"' });
    t.equal(anew.status, 200);
    t.ok(anew.body.equals(bytes), 'all of it, where the client has a part of something else');
    t.ok((await ask(url('4/8/5'), { range: 'bytes=0-1,4-5' })).body.equals(bytes), 'all of it for several ranges');
    const beyond = await ask(url('4/8/5'), { range: `bytes=${length}-` });
    t.match(beyond, { status: 416, headers: { 'content-range': `bytes */${length}`, 'cache-control': 'no-store' } });

    const sea = await ask(url('3/1/5'));
    t.match(sea, { status: 204, headers: { 'cache-control': /immutable/ } });
    t.notOk(tiles.has('3/1/5'));

    const expected: readonly [string, string, number, string][] = [
      ['GET', url('5/0/0'), 404, 'tile_unknown'],
      ['GET', url('4/16/0'), 404, 'tile_unknown'],
      ['GET', url('4/8/5').replace(/tiles\/\w+/, 'tiles/0123456789abcdef'), 404, 'tileset_unknown'],
      ['GET', url('4/8/-5'), 404, 'path_unknown'],
      ['GET', `${server.url}%2e%2e/package.json`, 404, 'path_unknown'],
      ['POST', url('4/8/5'), 405, 'method_unknown'],
    ];
    for (const [method, path, status, reason] of expected) {
      const refused = await ask(path, {}, method);
      t.match([refused.status, problemOf(refused)], [status, { status, reason, message: /\w+/ }], `${method} ${path}`);
      t.equal(refused.headers['cache-control'], 'no-store');
    }

    const page = await ask(server.url);
    t.match(page, { status: 200, headers: { 'content-type': /^text\/html/, 'content-security-policy': /default-src 'none'.*connect-src 'self'/ } });
    t.equal((await ask(server.url, { 'if-none-match': String(page.headers.etag) })).status, 304);
    t.equal((await ask(`${server.url}lib/maplibre-gl.mjs`)).status, 200);
    const figures = JSON.parse((await ask(`${server.url}figures.json`)).body.toString()) as Record<string, number>;
    t.ok((figures['tiles'] ?? 0) >= 7 && (figures['bytes'] ?? 0) > bytes.length && (figures['p50_ms'] ?? 0) > 0, 'what was served is counted');
    t.ok((figures['p99_ms'] ?? 0) >= (figures['p50_ms'] ?? 0));
    t.equal(figures['not_modified'], 2);
    t.same(node.errors, []);
  });

  await t.test('a second run finds them, and puts nothing', async (t) => {
    await using server = await node.serve();
    t.match(server.import, { put: 0, existed: 0, tileset: { size: tiles.size } });
    await using client = await connect(node.connect);
    const { blobs } = await client.storage().usage();
    t.equal(blobs, server.import.tileset.ids.length + 1, 'the tiles and their manifest');
  });

  await t.test('a tile that is damaged on the disk is not served, and the next run mends it', async (t) => {
    const bytes = Buffer.from(tiles.get('0/0/0') ?? []);
    {
      await using server = await node.serve();
      const { id, tag } = { id: server.import.tileset.tile(0, 0, 0)?.id ?? '', tag: server.import.tileset.id.slice(4, 20) };
      const file = await open(node.blobFile(id), 'r+');
      await file.write(Buffer.from([(bytes[20_000] ?? 0) ^ 1]), 0, 1, 20_000);
      await file.close();
      const url = `${server.url}tiles/${tag}/0/0/0.mvt`;
      for (const headers of [{}, { range: 'bytes=0-9' }]) {
        const refused = await ask(url, headers);
        t.match(problemOf(refused), { status: 502, message: /not served/ });
        t.match(refused, { status: 502, headers: { 'cache-control': 'no-store' } });
        t.equal(refused.headers.etag, undefined);
      }
      t.equal((await ask(url, {}, 'HEAD')).status, 502);
      t.equal((await ask(url, { 'if-none-match': `"${id}"` })).status, 304, 'a copy that was good is good');
      t.match(node.errors, [`tile 0/0/0, ${id}: Leaf 0 of ${id}`, `tile 0/0/0, ${id}`], 'and each try is logged');
    }
    await using server = await node.serve();
    t.equal(server.import.put - server.import.existed, 1, 'the others were there');
    const mended = await ask(`${server.url}tiles/${server.import.tileset.id.slice(4, 20)}/0/0/0.mvt`);
    t.ok(mended.body.equals(bytes));
  });

  await t.test('503 says that the node is gone, and stopping is orderly', async (t) => {
    const server = await node.serve();
    const url = `${server.url}tiles/${server.import.tileset.id.slice(4, 20)}/4/8/5.mvt`;
    await node.test.node[Symbol.asyncDispose]();
    const answer = await ask(url);
    t.match([answer.status, answer.headers['retry-after'], problemOf(answer)], [503, /\d/, { reason: 'deadline_exceeded', message: /store cannot be asked/ }]);
    await server[Symbol.asyncDispose]();
    await t.rejects(ask(url), { code: 'ECONNREFUSED' });
  });
});
