import { mapDataVersion } from './map-layers.ts';
import { CUTTER_VERSION } from './tile-cutter.ts';

const FORMAT = 'omnigate-tileset/1';

/** Where the bytes of a tile are. */
export interface TileEntry {
  /** Id of a blob. */
  readonly id: string;
  readonly sizeBytes: number;
}

/** What a manifest holds. */
interface Manifest {
  readonly format: string;
  /** From what and how the tiles were cut. */
  readonly recipe: string;
  readonly zoomMax: number;
  /** By `z/x/y`; what is not there is open sea. */
  readonly tiles: Readonly<Record<string, readonly [id: string, sizeBytes: number]>>;
}

/** What the tiles up to a zoom are cut from and how; the tiles are the same where this is. */
export function recipe(zoomMax: number): string {
  return `${mapDataVersion()}, cutter ${CUTTER_VERSION}, zoom 0 to ${zoomMax}`;
}

/**
 * The tiles of one map, by zoom, column and row. Its manifest is a blob as well, so
 * the id of that blob stands for every byte of the map.
 */
export class Tileset {
  /** Id of the manifest. */
  readonly id: string;
  readonly recipe: string;
  readonly zoomMax: number;
  readonly #tiles: ReadonlyMap<string, TileEntry>;

  private constructor(id: string, recipe: string, zoomMax: number, tiles: ReadonlyMap<string, TileEntry>) {
    this.id = id;
    this.recipe = recipe;
    this.zoomMax = zoomMax;
    this.#tiles = tiles;
  }

  /** The bytes of a manifest; the same for the same tiles in the same order. */
  static encode(zoomMax: number, tiles: readonly (readonly [name: string, entry: TileEntry])[]): Uint8Array {
    const entries = tiles.map(([name, { id, sizeBytes }]) => [name, [id, sizeBytes]] as const);
    const manifest: Manifest = { format: FORMAT, recipe: recipe(zoomMax), zoomMax, tiles: Object.fromEntries(entries) };
    return Buffer.from(JSON.stringify(manifest));
  }

  /**
   * @param id that of the bytes, which are verified
   * @throws Error when they are no manifest
   */
  static decode(id: string, bytes: Uint8Array): Tileset {
    const manifest = JSON.parse(Buffer.from(bytes).toString()) as Partial<Manifest>;
    if (manifest.format !== FORMAT) throw new Error(`blob ${id} is no tileset`);
    const { recipe, zoomMax, tiles } = manifest as Manifest;
    const entries = Object.entries(tiles).map(([name, [id, sizeBytes]]) => [name, { id, sizeBytes }] as const);
    return new Tileset(id, recipe, zoomMax, new Map(entries));
  }

  get size(): number {
    return this.#tiles.size;
  }

  /** Ids of all tiles, each once. */
  get ids(): string[] {
    return [...new Set([...this.#tiles.values()].map(({ id }) => id))];
  }

  /** Where a tile is; undefined for open sea, and for what is not on the map. */
  tile(z: number, x: number, y: number): TileEntry | undefined {
    return this.#tiles.get(tileName(z, x, y));
  }

  /** Whether there is such a tile, be it open sea. */
  covers(z: number, x: number, y: number): boolean {
    return z <= this.zoomMax && x < 2 ** z && y < 2 ** z;
  }
}

export function tileName(z: number, x: number, y: number): string {
  return `${z}/${x}/${y}`;
}
