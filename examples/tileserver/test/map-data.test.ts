import t from 'tap';
import { labelPlace } from '../src/label-place.ts';
import { readMapLayers } from '../src/map-layers.ts';
import { cutTiles } from '../src/tile-cutter.ts';
import { unwrap } from '../src/unwrap.ts';

const square = (west: number, south: number, east: number, north: number): number[][] => [
  [west, south],
  [east, south],
  [east, north],
  [west, north],
  [west, south],
];

await t.test('a ring over the 180th meridian goes on beyond it', (t) => {
  const ring = [[170, 0], [-170, 0], [-170, 10], [170, 10], [170, 0]];
  t.same(unwrap({ type: 'MultiPolygon', coordinates: [[ring]] }).coordinates, [[square(170, 0, 190, 10)]]);
  const ordinary = { type: 'MultiPolygon', coordinates: [[square(-10, 0, 10, 10)]] } as const;
  t.same(unwrap({ ...ordinary, coordinates: ordinary.coordinates.map((rings) => [...rings]) }), ordinary);
  t.end();
});

await t.test('a ring around a pole is closed along it, and one that is the pole is left out', (t) => {
  const coast = [[-180, -70], [-60, -70], [60, -70], [180, -70]];
  const pole = [[-180, -89.99], [-60, -89.99], [60, -89.99], [180, -89.99]];
  // On the globe the last place is the first one again.
  const around = coast.map(([x = 0, y = 0]) => [x === 180 ? -180 : x, y]);
  t.same(unwrap({ type: 'MultiPolygon', coordinates: [[pole, around]] }).coordinates, [
    [[...coast, [180, -90], [-180, -90], [-180, -70]]],
  ]);
  t.end();
});

await t.test('a name goes where the largest piece is widest', (t) => {
  const tall = [[0, 0], [4, 0], [4, 6], [10, 6], [10, 10], [0, 10], [0, 0]];
  const { at, size } = labelPlace({ type: 'MultiPolygon', coordinates: [[square(50, 0, 51, 1)], [tall]] });
  t.ok(at[0] > 4 && at[1] > 6 && at[1] < 10, `not in the narrow part, nor on the small island: ${String(at)}`);
  t.ok(size > 7 && size < 9, `${size} is the root of 76 square degrees, less what they are narrower there`);
  t.same(labelPlace({ type: 'MultiPolygon', coordinates: [[square(175, -1, 195, 1)]] }).at[0], -175, 'on the other side');
  t.end();
});

await t.test('Natural Earth has countries with names, and neighbours of different tints', (t) => {
  const { countries, borders, places } = readMapLayers('50m');
  const tints = new Map(countries.features.map(({ properties }) => [properties?.['name'] as string, properties?.['tint'] as number]));
  t.ok(tints.size > 200);
  for (const [one, other] of [['France', 'Germany'], ['Spain', 'Portugal'], ['India', 'China'], ['Chile', 'Argentina']] as const) {
    t.not(tints.get(one), tints.get(other), `${one} and ${other}`);
  }
  t.ok(Math.max(...tints.values()) < 5, 'no more tints than the page has');
  t.ok(borders.geometry.coordinates.length > 100);
  const [longitude = 0, latitude = 0] = places.features.find(({ properties }) => properties?.['name'] === 'Russia')?.geometry.coordinates ?? [];
  t.ok(longitude > 60 && longitude < 140 && latitude > 55, `Russia is at ${longitude}, ${latitude}`);
  t.end();
});

await t.test('tiles are the same every time, and none is of open sea', (t) => {
  const tiles = cutTiles(3);
  const names = tiles.map(({ z, x, y }) => `${z}/${x}/${y}`);
  const has = (name: string, text: string): boolean => Buffer.from(tiles[names.indexOf(name)]?.bytes ?? []).includes(text);
  t.equal(new Set(names).size, names.length);
  t.ok(has('0/0/0', 'Brazil') && has('0/0/0', 'countries') && has('0/0/0', 'borders') && has('0/0/0', 'places'));
  t.ok(has('3/0/2', 'Russia'), 'which is on both sides of the 180th meridian');
  t.notOk(has('3/4/4', 'Russia'));
  t.ok(names.includes('3/4/2'), 'Europe');
  t.notOk(names.includes('3/1/5'), 'the Pacific');
  t.same(cutTiles(3), tiles);
  t.end();
});
