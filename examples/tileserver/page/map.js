import { addProtocol, GlobeControl, Map as WorldMap, MercatorCoordinate, NavigationControl, ScaleControl } from 'maplibre-gl';
import { mapStyle } from './map-style.js';
import { Panel } from './panel.js';

/** Tags of tiles that were loaded, to tell which blob is under the pointer. */
const BLOBS_KEPT = 4_096;
const blobs = new Map();

// The library would load tiles in its worker, whose requests the page does not see.
addProtocol('tile', async ({ url }, { signal }) => {
  const response = await fetch(url.replace('tile://', `${location.origin}/`), { signal });
  if (!response.ok) throw new Error((await response.json()).message);
  const data = await response.arrayBuffer();
  const name = /(\d+\/\d+\/\d+)\.mvt$/.exec(url)?.[1];
  if (blobs.size >= BLOBS_KEPT) blobs.clear();
  blobs.set(name, response.status === 204 ? 'open sea' : `${response.headers.get('etag')?.replaceAll('"', '')}`);
  return { data };
});

const tileset = await fetch('/tileset.json').then((response) => response.json());
const map = new WorldMap({
  container: 'map',
  style: mapStyle({ ...tileset, tiles: tileset.tiles.map((path) => `tile:/${path}`) }),
  center: [14, 32],
  zoom: 2.3,
  maxZoom: tileset.maxzoom + 2,
  hash: true,
  attributionControl: { compact: false },
});
map.addControl(new NavigationControl({ visualizePitch: true }), 'top-right');
map.addControl(new GlobeControl(), 'top-right');
map.addControl(new ScaleControl(), 'bottom-left');

// Whoever cannot see it, a program for example, can tell when it is drawn.
const busy = (value) => map.getContainer().setAttribute('aria-busy', String(value));
map.on('movestart', () => busy(true));
map.on('dataloading', () => busy(true));
map.on('idle', () => busy(false));

const panel = new Panel();
panel.start();

/** The tile that has a place, at the zoom whose tiles are drawn now. */
function tileAt(place) {
  const z = Math.min(tileset.maxzoom, Math.max(0, Math.floor(map.getZoom())));
  const { x, y } = MercatorCoordinate.fromLngLat(place.wrap());
  const edge = 2 ** z;
  return `${z}/${Math.floor(x * edge)}/${Math.min(edge - 1, Math.max(0, Math.floor(y * edge)))}`;
}

let pointer;
let pointed = '';

function brighten(country, pointed) {
  if (country !== '') map.setFeatureState({ source: 'world', sourceLayer: 'countries', id: country }, { pointed });
}

/** Says what is under the pointer, and brightens that country. */
function point() {
  if (pointer === undefined) return;
  const name = map.queryRenderedFeatures(pointer, { layers: ['land'] })[0]?.properties.name ?? '';
  if (name !== pointed) {
    brighten(pointed, false);
    brighten(name, true);
    pointed = name;
  }
  const tile = tileAt(map.unproject(pointer));
  panel.point(`${name === '' ? 'Open sea' : name} · tile ${tile}`, blobs.get(tile) ?? '');
}

map.getCanvas().addEventListener('pointermove', ({ offsetX, offsetY }) => {
  pointer = [offsetX, offsetY];
  if (!map.isMoving()) point();
});
// The map has moved under the pointer, or tiles came.
map.on('idle', point);
