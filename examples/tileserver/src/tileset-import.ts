import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OapError } from '@omnigate/sdk';
import type { Storage } from '@omnigate/sdk';
import { counted, formatFigures, TileMeter } from './figures.ts';
import { PUTS_IN_FLIGHT, TILESET_BYTES_MAX } from './limits.ts';
import type { Log } from './log.ts';
import { cutTiles, TILE_MEDIA_TYPE } from './tile-cutter.ts';
import type { Tile } from './tile-cutter.ts';
import { recipe, tileName, Tileset } from './tileset.ts';
import type { TileEntry } from './tileset.ts';

/** What a tileset is looked for and made with. */
export interface ImportOptions {
  readonly storage: Storage;
  /** Folder that remembers the id of the tileset; made where it is not there. */
  readonly data: string;
  readonly zoomMax: number;
  readonly log: Log;
  /** Gives up when aborted; what was put stays, and the next run finds it. */
  readonly signal: AbortSignal;
}

/** A tileset of which every tile is in the store, and what was put for that. */
export interface ImportResult {
  readonly tileset: Tileset;
  /** Different tiles that were sent to the store. */
  readonly put: number;
  /** Those of them that it had already. */
  readonly existed: number;
}

/** Reasons for which the tiles are put once more. */
const MISSING: ReadonlySet<string> = new Set(['blob_not_found', 'blob_corrupt', 'blob_unverified']);

/** Finds the tileset that an earlier run put, or cuts the map and puts it. */
export async function openTileset(options: ImportOptions): Promise<ImportResult> {
  const found = await find(options);
  return found === undefined ? importTileset(options) : { tileset: found, put: 0, existed: 0 };
}

/** The tileset of an earlier run, if all of it is there and it is what would be cut today. */
async function find({ storage, data, zoomMax, log, signal }: ImportOptions): Promise<Tileset | undefined> {
  const id = await readName(data);
  if (id === undefined) return undefined;
  try {
    const tileset = Tileset.decode(id, await storage.get(id, { signal }).bytes({ maxBytes: TILESET_BYTES_MAX }));
    if (tileset.recipe !== recipe(zoomMax)) {
      log.info(`The tiles in the store are of another making: ${tileset.recipe}.`);
      return undefined;
    }
    const { ids } = tileset;
    const missing = (await storage.has(ids, { signal })).filter((there) => !there).length;
    if (missing === 0) return tileset;
    log.info(`The store lost ${counted(missing)} of ${counted(ids.length)} different tiles.`);
  } catch (error) {
    if (!(error instanceof OapError && MISSING.has(error.reason))) throw error;
    log.info(`The store has no good tileset: ${error.reason}.`);
  }
  return undefined;
}

async function importTileset({ storage, data, zoomMax, log, signal }: ImportOptions): Promise<ImportResult> {
  log.info(`Cutting the map: ${recipe(zoomMax)}.`);
  const cutStartMs = performance.now();
  const tiles = cutTiles(zoomMax);
  const pieces = distinct(tiles);
  const cutSeconds = (performance.now() - cutStartMs) / 1_000;
  log.info(`Cut ${counted(tiles.length)} tiles, ${counted(pieces.length)} of them different, in ${cutSeconds.toFixed(1)} s.`);

  const putStartMs = performance.now();
  const meter = new TileMeter();
  const entries = new Map<string, TileEntry>();
  let existed = 0;
  const waiting = pieces.values();
  const putting = Array.from({ length: PUTS_IN_FLIGHT }, async () => {
    // All of them take from the same pieces; when one fails, there are none left for the others.
    for (const { bytes, names } of waiting) {
      const startMs = performance.now();
      const blob = await storage.put(bytes, { mediaType: TILE_MEDIA_TYPE, signal });
      meter.add(bytes.length, performance.now() - startMs);
      if (blob.existed) existed++;
      for (const name of names) entries.set(name, { id: blob.id, sizeBytes: blob.sizeBytes });
    }
  });
  await Promise.all(putting);
  // Last, so that a tileset that can be read is complete. In the order of the tiles, so that it is the same every time.
  const ordered = tiles.map(({ z, x, y }) => tileName(z, x, y)).map((name) => [name, entries.get(name) as TileEntry] as const);
  const manifest = Tileset.encode(zoomMax, ordered);
  const { id } = await storage.put(manifest, { mediaType: 'application/json', signal });
  await writeName(data, id);
  log.info(`Put ${formatFigures(meter.figures, performance.now() - putStartMs)}; ${counted(existed)} were there already.`);
  return { tileset: Tileset.decode(id, manifest), put: pieces.length, existed };
}

/** Tiles with the same bytes as one: the middle of a large country looks the same everywhere. */
function distinct(tiles: readonly Tile[]): { readonly bytes: Uint8Array; readonly names: readonly string[] }[] {
  const pieces = new Map<string, { readonly bytes: Uint8Array; readonly names: string[] }>();
  for (const { z, x, y, bytes } of tiles) {
    const key = Buffer.from(bytes).toString('latin1');
    const piece = pieces.get(key) ?? { bytes, names: [] };
    piece.names.push(tileName(z, x, y));
    pieces.set(key, piece);
  }
  return [...pieces.values()];
}

const nameFile = (data: string): string => join(data, 'tileset.json');

async function readName(data: string): Promise<string | undefined> {
  let text: string;
  try {
    text = await readFile(nameFile(data), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const { tileset } = JSON.parse(text) as { tileset?: unknown };
  return typeof tileset === 'string' ? tileset : undefined;
}

async function writeName(data: string, tileset: string): Promise<void> {
  await mkdir(data, { recursive: true, mode: 0o700 });
  const draft = `${nameFile(data)}.new`;
  await writeFile(draft, `${JSON.stringify({ tileset })}\n`);
  await rename(draft, nameFile(data));
}
