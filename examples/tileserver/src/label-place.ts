import type { MultiPolygon, Position } from 'geojson';

/** Heights at which a country is measured. */
const ROWS = 24;

const RADIANS = Math.PI / 180;

/** Where a name fits, and how much room there is, in degrees. */
export interface LabelPlace {
  readonly at: [longitude: number, latitude: number];
  readonly size: number;
}

/** The middle of the widest row through the largest piece of a country: text is wide, so that is where it fits. */
export function labelPlace({ coordinates: pieces }: MultiPolygon): LabelPlace {
  let largest: Position[][] = [];
  let area = 0;
  for (const piece of pieces) {
    const pieceArea = areaOf(piece[0] ?? []);
    if (pieceArea > area) [largest, area] = [piece, pieceArea];
  }
  const latitudes = (largest[0] ?? []).map(([, latitude = 0]) => latitude);
  const [south, north] = latitudes.reduce(([low, high], latitude) => [Math.min(low, latitude), Math.max(high, latitude)], [90, -90]);
  let best: LabelPlace = { at: [0, 0], size: 0 };
  let bestScore = -1;
  for (let row = 1; row < ROWS; row++) {
    const latitude = south + ((north - south) * row) / ROWS;
    // Not at the edge, where the widest row of a country often is: its name would hang over.
    const middle = 1 - Math.abs((2 * row) / ROWS - 1) ** 2;
    const crossings = crossingsAt(largest, latitude);
    for (let index = 0; index + 1 < crossings.length; index += 2) {
      const [from = 0, to = 0] = crossings.slice(index, index + 2);
      const score = (to - from) * middle;
      if (score <= bestScore) continue;
      bestScore = score;
      best = { at: [(((from + to) / 2 + 540) % 360) - 180, latitude], size: Math.sqrt(area) };
    }
  }
  return best;
}

/** On the sphere, in square degrees as they are at the equator. */
function areaOf(ring: readonly Position[]): number {
  let sum = 0;
  for (const [index, [x2 = 0, y2 = 0]] of ring.entries()) {
    const [x1 = 0, y1 = 0] = ring.at(index - 1) ?? [];
    sum += (x1 - x2) * (Math.sin(y1 * RADIANS) + Math.sin(y2 * RADIANS));
  }
  return Math.abs(sum / 2 / RADIANS);
}

/** Longitudes at which a latitude enters or leaves a piece, lakes and enclaves included, ascending. */
function crossingsAt(rings: readonly (readonly Position[])[], latitude: number): number[] {
  const crossings: number[] = [];
  for (const ring of rings) {
    for (const [index, [x2 = 0, y2 = 0]] of ring.entries()) {
      const [x1 = 0, y1 = 0] = ring.at(index - 1) ?? [];
      if (y1 > latitude === y2 > latitude) continue;
      crossings.push(x1 + ((latitude - y1) / (y2 - y1)) * (x2 - x1));
    }
  }
  return crossings.sort((one, other) => one - other);
}
