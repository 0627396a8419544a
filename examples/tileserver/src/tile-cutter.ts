import { GeoJSONVT } from '@maplibre/geojson-vt';
import { fromGeojsonVt } from '@maplibre/vt-pbf';
import type { GeoJSON } from 'geojson';
import { readMapLayers } from './map-layers.ts';
import type { Scale } from './map-layers.ts';

/** Changes whenever the tiles of the same map data would. */
export const CUTTER_VERSION = 1;

/** What a tile is. */
export const TILE_MEDIA_TYPE = 'application/vnd.mapbox-vector-tile';

/** Units along the edge of a tile. */
const EXTENT = 4_096;
/** Units that lines and areas go on beyond it, so that no seam is seen. */
const BUFFER = 64;
/** How far a simplified line may be from the drawn one, units. */
const TOLERANCE = 3;

/** Up to this zoom the coarser drawing is enough: what it leaves out would be smaller than a pixel. */
const COARSE_ZOOM_MAX = 4;

/** One tile, in the form of Mapbox Vector Tile 2. */
export interface Tile {
  readonly z: number;
  readonly x: number;
  readonly y: number;
  readonly bytes: Uint8Array;
}

/** The part of a GeoJSONVT that is used; its own types do not resolve under the rules of Node. */
interface TileIndex {
  getTile(z: number, x: number, y: number): { readonly features: readonly unknown[] } | null;
}
const TileIndexOf = GeoJSONVT as new (data: GeoJSON, options: Readonly<Record<string, number>>) => TileIndex;

/** All tiles of the world up to a zoom that have anything on them; open sea has none. The same every time. */
export function cutTiles(zoomMax: number): Tile[] {
  const coarse = cutScale('50m', 0, Math.min(zoomMax, COARSE_ZOOM_MAX));
  return zoomMax > COARSE_ZOOM_MAX ? [...coarse, ...cutScale('10m', COARSE_ZOOM_MAX + 1, zoomMax)] : coarse;
}

function cutScale(scale: Scale, zoomMin: number, zoomMax: number): Tile[] {
  const options = { maxZoom: zoomMax, indexMaxZoom: zoomMax, indexMaxPoints: 0, extent: EXTENT, buffer: BUFFER, tolerance: TOLERANCE };
  const indexes = Object.entries<GeoJSON>({ ...readMapLayers(scale) }).map(([name, data]) => [name, new TileIndexOf(data, options)] as const);
  const tiles: Tile[] = [];
  for (let z = zoomMin; z <= zoomMax; z++) {
    for (let x = 0; x < 2 ** z; x++) {
      for (let y = 0; y < 2 ** z; y++) {
        const layers = indexes.flatMap(([name, index]) => {
          const layer = index.getTile(z, x, y);
          return layer === null || layer.features.length === 0 ? [] : [[name, layer] as const];
        });
        if (layers.length > 0) tiles.push({ z, x, y, bytes: fromGeojsonVt(Object.fromEntries(layers), { version: 2, extent: EXTENT }) });
      }
    }
  }
  return tiles;
}
