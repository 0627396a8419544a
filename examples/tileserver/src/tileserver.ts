import { connect } from '@omnigate/sdk';
import type { ConnectOptions } from '@omnigate/sdk';
import { counted, formatFigures, TileMeter } from './figures.ts';
import { MapRoutes } from './http/map-routes.ts';
import { MapServer } from './http/map-server.ts';
import type { ListenAddress } from './http/map-server.ts';
import { PageFiles } from './http/page-files.ts';
import { TileAnswers } from './http/tile-answers.ts';
import { REPORT_INTERVAL_MS } from './limits.ts';
import type { Log } from './log.ts';
import { openTileset } from './tileset-import.ts';
import type { ImportResult } from './tileset-import.ts';

/** How to start a tile server. */
export interface TileServerOptions {
  /** The node; what is absent, `connect()` takes from the environment. */
  readonly connect: ConnectOptions;
  readonly listen: ListenAddress;
  /** Folder that remembers the id of the tileset. */
  readonly data: string;
  readonly zoomMax: number;
}

/** A tile server that takes requests. */
export interface TileServer extends AsyncDisposable {
  readonly url: string;
  readonly import: ImportResult;
}

/**
 * Starts everything in the order in which it is needed; disposing of it stops it in reverse.
 *
 * @param signal gives up starting when aborted; no effect afterwards
 */
export async function startTileServer({ connect: connectOptions, listen, data, zoomMax }: TileServerOptions, log: Log, signal: AbortSignal): Promise<TileServer> {
  const owned: AsyncDisposable[] = [];
  const own = <T extends AsyncDisposable>(resource: T): T => {
    owned.push(resource);
    return resource;
  };
  const stop = async (): Promise<void> => {
    for (let last = owned.pop(); last !== undefined; last = owned.pop()) await last[Symbol.asyncDispose]();
  };
  try {
    const client = own(await connect({ ...connectOptions, signal }));
    log.info(`The store is at ${client.url}.`);
    const storage = client.storage();
    const result = await openTileset({ storage, data, zoomMax, log, signal });
    const { tileset } = result;
    if (result.put === 0) log.info(`The store has all ${counted(tileset.size)} tiles; nothing was put.`);
    const meter = new TileMeter();
    const routes = new MapRoutes(tileset, new TileAnswers(tileset, storage, meter, log), await PageFiles.read(), meter);
    const server = own(await MapServer.listen(listen, routes, log));
    own(report(meter, log));
    log.info(`The map is ${tileset.id}.`);
    return { url: server.url, import: result, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Logs from time to time, and at the end, what was served since it last did. */
function report(meter: TileMeter, log: Log): AsyncDisposable {
  let { tiles, bytes } = meter.figures;
  let sinceMs = performance.now();
  const tell = (): void => {
    const figures = meter.figures;
    const nowMs = performance.now();
    const served = { ...figures, tiles: figures.tiles - tiles, bytes: figures.bytes - bytes };
    if (served.tiles > 0) log.info(`Served ${formatFigures(served, nowMs - sinceMs)}.`);
    ({ tiles, bytes } = figures);
    sinceMs = nowMs;
  };
  const timer = setInterval(tell, REPORT_INTERVAL_MS).unref();
  return {
    [Symbol.asyncDispose]() {
      clearInterval(timer);
      tell();
      return Promise.resolve();
    },
  };
}
