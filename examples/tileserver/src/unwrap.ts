import type { MultiPolygon, Position } from 'geojson';

/** Beyond it there is nothing but a pole. */
const POLE_LATITUDE = 89.9;

/**
 * An area drawn on a globe as one drawn on a plane. Where a ring crosses the 180th
 * meridian its longitudes go on beyond 180 instead of jumping to the other side,
 * and a ring around a pole is closed along the edge of the plane. A ring that is
 * the pole itself has no place there.
 */
export function unwrap({ coordinates }: MultiPolygon): MultiPolygon {
  return { type: 'MultiPolygon', coordinates: coordinates.map((rings) => rings.filter((ring) => !isPole(ring)).map(unwrapRing)) };
}

function isPole(ring: readonly Position[]): boolean {
  return ring.every(([, latitude = 0]) => Math.abs(latitude) > POLE_LATITUDE);
}

function unwrapRing(ring: readonly Position[]): Position[] {
  let turn = 0;
  let before = ring[0]?.[0] ?? 0;
  const unwrapped = ring.map(([longitude = 0, latitude = 0]): Position => {
    if (longitude - before > 180) turn -= 360;
    else if (longitude - before < -180) turn += 360;
    before = longitude;
    return [longitude + turn, latitude];
  });
  const [first, last] = [unwrapped[0], unwrapped.at(-1)];
  if (turn === 0 || first === undefined || last === undefined) return unwrapped;
  const pole = Math.sign(first[1] ?? 0) * 90;
  return [...unwrapped, [last[0] ?? 0, pole], [first[0] ?? 0, pole], first];
}
