/** Fills by tint of a country; the numbers of the tiles stand for no colour of their own. */
const TINTS = ['#f4e8cc', '#e3ecd0', '#f5dcc8', '#e9dfee', '#d9e8e0'];
const WATER = '#a8cfe3';
const ICE = '#f8fafa';
const BORDER = '#b08f72';
const COAST = '#6fa5c4';
const TEXT = '#33475a';

/** How large the name of a country with so much room is drawn at a zoom, pixels. */
const textSize = (smallest, largest) => ['interpolate', ['linear'], ['get', 'size'], 0.5, smallest, 26, largest];

/** Lines every ten degrees. They are geometry, so no tile has them. */
function graticule() {
  const lines = [];
  for (let longitude = -180; longitude < 180; longitude += 10) lines.push(Array.from({ length: 35 }, (_, index) => [longitude, index * 5 - 85]));
  for (let latitude = -80; latitude <= 80; latitude += 10) lines.push(Array.from({ length: 73 }, (_, index) => [index * 5 - 180, latitude]));
  return { type: 'Feature', properties: {}, geometry: { type: 'MultiLineString', coordinates: lines } };
}

/**
 * The style of the map. Text is drawn with fonts of the browser, so it needs no
 * glyphs from anywhere.
 *
 * @param tileset TileJSON whose `tiles` have the scheme that `map.js` loads
 */
export function mapStyle(tileset) {
  const { tiles, minzoom, maxzoom, attribution } = tileset;
  const layer = (id, type, sourceLayer, rest) => ({ id, type, source: 'world', 'source-layer': sourceLayer, ...rest });
  return {
    version: 8,
    projection: { type: 'globe' },
    sky: { 'atmosphere-blend': ['interpolate', ['linear'], ['zoom'], 0, 0.6, 4, 0.6, 6, 0] },
    sources: {
      world: { type: 'vector', tiles, minzoom, maxzoom, attribution, promoteId: { countries: 'name' } },
      graticule: { type: 'geojson', data: graticule() },
    },
    layers: [
      { id: 'water', type: 'background', paint: { 'background-color': WATER } },
      { id: 'graticule', type: 'line', source: 'graticule', paint: { 'line-color': '#ffffff', 'line-opacity': 0.35, 'line-width': 0.7 } },
      layer('shallows', 'line', 'countries', {
        layout: { 'line-join': 'round' },
        paint: {
          'line-color': '#d3e9f3',
          'line-width': ['interpolate', ['exponential', 1.4], ['zoom'], 0, 2, 6, 14],
          'line-blur': ['interpolate', ['exponential', 1.4], ['zoom'], 0, 1, 6, 9],
        },
      }),
      layer('coast', 'line', 'countries', {
        layout: { 'line-join': 'round' },
        paint: { 'line-color': COAST, 'line-width': ['interpolate', ['linear'], ['zoom'], 0, 0.8, 6, 2] },
      }),
      layer('land', 'fill', 'countries', {
        paint: {
          'fill-color': [
            'case',
            ['==', ['get', 'name'], 'Antarctica'],
            ICE,
            ['match', ['get', 'tint'], ...TINTS.flatMap((color, tint) => [tint, color]), TINTS[0]],
          ],
        },
      }),
      layer('pointed', 'fill', 'countries', {
        paint: { 'fill-color': '#ffffff', 'fill-opacity': ['case', ['boolean', ['feature-state', 'pointed'], false], 0.45, 0] },
      }),
      layer('borders', 'line', 'borders', {
        layout: { 'line-join': 'round', 'line-cap': 'round' },
        paint: { 'line-color': BORDER, 'line-opacity': 0.75, 'line-width': ['interpolate', ['linear'], ['zoom'], 0, 0.4, 6, 1.5] },
      }),
      layer('names', 'symbol', 'places', {
        // From afar, a name that fits nowhere near its country says nothing.
        filter: ['>=', ['get', 'size'], ['step', ['zoom'], 3.2, 3, 1.6, 4, 0.5, 5, 0.1, 6, 0]],
        layout: {
          'text-field': ['get', 'name'],
          'text-font': ['DejaVu Sans', 'Arial', 'sans-serif'],
          'text-size': ['interpolate', ['linear'], ['zoom'], 1, textSize(7, 13), 4, textSize(10, 24), 7, textSize(15, 34)],
          'text-letter-spacing': 0.06,
          'text-max-width': 7,
          'text-padding': 6,
          // The larger country keeps its name where there is no room for both.
          'symbol-sort-key': ['-', 0, ['get', 'size']],
        },
        paint: { 'text-color': TEXT, 'text-halo-color': 'rgba(255, 255, 255, 0.75)', 'text-halo-width': 1.2 },
      }),
    ],
  };
}
