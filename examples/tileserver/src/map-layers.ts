import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { feature, mesh, neighbors } from 'topojson-client';
import type { Feature, FeatureCollection, Geometry, MultiLineString, MultiPolygon, Point } from 'geojson';
import type { GeometryCollection, Topology } from 'topojson-specification';
import { labelPlace } from './label-place.ts';
import { unwrap } from './unwrap.ts';

/** Scale of the drawing, as Natural Earth names it: 1:50 and 1:10 million. */
export type Scale = '50m' | '10m';

/** TopoJSON, by URL. */
const DRAWINGS: Readonly<Record<Scale, string>> = {
  '50m': import.meta.resolve('world-atlas/countries-50m.json'),
  '10m': import.meta.resolve('world-atlas/countries-10m.json'),
};

interface CountryProperties {
  readonly name: string;
}

type World = Topology<{ countries: GeometryCollection<CountryProperties> }>;

/** What the map shows, in degrees of longitude and latitude. */
export interface MapLayers {
  /** `name`, and `tint`: a small number that differs between neighbours. */
  readonly countries: FeatureCollection<MultiPolygon>;
  /** Lines between countries. */
  readonly borders: Feature<MultiLineString>;
  /** Where the name of a country goes: `name`, and `size`, the room it has, in degrees. */
  readonly places: FeatureCollection<Point>;
}

/** Natural Earth at a scale, out of the package world-atlas. */
export function readMapLayers(scale: Scale): MapLayers {
  const world = readWorld(scale);
  const { countries } = world.objects;
  // At all scales the same tints, or a country would change its colour on the way in.
  const tints = tintsOf(readWorld('50m'));
  const features = feature(world, countries).features.map(({ geometry, properties }) => ({ ...properties, area: unwrap(asMultiPolygon(geometry)) }));
  return {
    countries: collection(
      features.map(({ name, area }) => ({ type: 'Feature', geometry: area, properties: { name, tint: tints.get(name) ?? 0 } })),
    ),
    borders: { type: 'Feature', geometry: mesh(world, countries, (one, other) => one !== other), properties: {} },
    places: collection(
      features.map(({ name, area }) => {
        const { at, size } = labelPlace(area);
        return { type: 'Feature', geometry: { type: 'Point', coordinates: at }, properties: { name, size } };
      }),
    ),
  };
}

/** Version of the map data, such as `world-atlas 2.0.2`. */
export function mapDataVersion(): string {
  const { name, version } = readJson(import.meta.resolve('world-atlas/package.json')) as { name: string; version: string };
  return `${name} ${version}`;
}

function readWorld(scale: Scale): World {
  return readJson(DRAWINGS[scale]) as World;
}

function readJson(url: string): unknown {
  return JSON.parse(readFileSync(fileURLToPath(url), 'utf8'));
}

/** A number for each country by name, the smallest that no neighbour has; those with most neighbours choose first. */
function tintsOf(world: World): Map<string, number> {
  const { geometries } = world.objects.countries;
  const around = neighbors(geometries);
  const tints: (number | undefined)[] = [];
  const order = [...geometries.keys()].sort((one, other) => (around[other]?.length ?? 0) - (around[one]?.length ?? 0));
  for (const index of order) {
    const taken = new Set((around[index] ?? []).map((neighbour) => tints[neighbour]));
    let tint = 0;
    while (taken.has(tint)) tint++;
    tints[index] = tint;
  }
  return new Map(geometries.map(({ properties }, index) => [(properties as CountryProperties).name, tints[index] ?? 0]));
}

function asMultiPolygon(geometry: Geometry): MultiPolygon {
  if (geometry.type === 'MultiPolygon') return geometry;
  if (geometry.type === 'Polygon') return { type: 'MultiPolygon', coordinates: [geometry.coordinates] };
  throw new Error(`a country is a ${geometry.type}`);
}

function collection<G extends MultiPolygon | Point>(features: Feature<G>[]): FeatureCollection<G> {
  return { type: 'FeatureCollection', features };
}
