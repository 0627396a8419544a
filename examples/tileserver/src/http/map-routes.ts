import type { IncomingMessage } from 'node:http';
import type { TileMeter } from '../figures.ts';
import type { Tileset } from '../tileset.ts';
import { noneMatchHas } from './conditional.ts';
import { json, NO_BODY, problemAnswer } from './http-answer.ts';
import type { HttpAnswer } from './http-answer.ts';
import type { PageFiles } from './page-files.ts';
import type { TileAnswers } from './tile-answers.ts';

const TILE_PATH = /^\/tiles\/([0-9a-f]{16})\/(\d{1,2})\/(\d{1,7})\/(\d{1,7})\.mvt$/;

const ATTRIBUTION = '<a href="https://www.naturalearthdata.com">Made with Natural Earth</a>';

/** What the server answers under which path. */
export class MapRoutes {
  readonly #tileset: Tileset;
  readonly #tiles: TileAnswers;
  readonly #files: PageFiles;
  readonly #meter: TileMeter;

  constructor(tileset: Tileset, tiles: TileAnswers, files: PageFiles, meter: TileMeter) {
    this.#tileset = tileset;
    this.#tiles = tiles;
    this.#files = files;
    this.#meter = meter;
  }

  /** @param signal aborted when the client is gone */
  async answer({ method, url = '', headers }: IncomingMessage, signal: AbortSignal): Promise<HttpAnswer> {
    if (method !== 'GET' && method !== 'HEAD') {
      const message = 'Ask with GET or HEAD.';
      return problemAnswer({ status: 405, reason: 'method_unknown', message, headers: { allow: 'GET, HEAD' } });
    }
    const [path = ''] = url.split('?', 1);
    const ifNoneMatch = headers['if-none-match'];
    const file = this.#files.answer(path, ifNoneMatch);
    if (file !== undefined) return file;
    if (path === '/tileset.json') return this.#describe(ifNoneMatch);
    if (path === '/figures.json') return this.#figures();
    const [, tag, z, x, y] = TILE_PATH.exec(path) ?? [];
    if (tag === undefined) return problemAnswer({ status: 404, reason: 'path_unknown', message: `There is nothing at ${path}. The map is at /.` });
    if (tag !== this.#tiles.tag) {
      return problemAnswer({ status: 404, reason: 'tileset_unknown', message: 'This is another map by now. /tileset.json says where its tiles are.' });
    }
    return this.#tiles.answer(Number(z), Number(x), Number(y), {
      head: method === 'HEAD',
      range: headers.range,
      ifRange: headers['if-range']?.toString(),
      ifNoneMatch,
      signal,
    });
  }

  /** TileJSON 3.0. Where the tiles are changes with the tileset, so that those can be cached for ever. */
  #describe(ifNoneMatch: string | undefined): HttpAnswer {
    const { id, zoomMax, size, recipe } = this.#tileset;
    const headers = { etag: `"${id}"`, 'cache-control': 'no-cache' };
    if (noneMatchHas(ifNoneMatch, headers.etag)) return { status: 304, headers, body: NO_BODY };
    const fields = (...names: string[]): Record<string, string> => Object.fromEntries(names.map((name) => [name, '']));
    return json(
      {
        tilejson: '3.0.0',
        name: 'The world',
        description: recipe,
        attribution: ATTRIBUTION,
        scheme: 'xyz',
        minzoom: 0,
        maxzoom: zoomMax,
        tiles: [`/tiles/${this.#tiles.tag}/{z}/{x}/{y}.mvt`],
        vector_layers: [
          { id: 'countries', fields: fields('name', 'tint') },
          { id: 'borders', fields: {} },
          { id: 'places', fields: fields('name', 'size') },
        ],
        tileset: id,
        tile_count: size,
      },
      headers,
    );
  }

  #figures(): HttpAnswer {
    const { tiles, bytes, p50Ms, p99Ms } = this.#meter.figures;
    const figures = { tiles, bytes, p50_ms: p50Ms, p99_ms: p99Ms, not_modified: this.#tiles.notModified };
    return json(figures, { 'cache-control': 'no-store' });
  }
}
