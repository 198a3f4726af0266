// Plain geometry on GeoJSON coordinates, in degrees: enough to find what was clicked and where a name fits.

/** How many parallels are tried for a name. */
const SCANS = 16;

/** The points of a geometry, one by one. */
export function pointsOf(geometry) {
  if (geometry.type === "Point") return [geometry.coordinates];
  return geometry.type === "MultiPoint" ? geometry.coordinates : [];
}

function polygonsOf(geometry) {
  if (geometry.type === "Polygon") return [geometry.coordinates];
  return geometry.type === "MultiPolygon" ? geometry.coordinates : [];
}

function linesOf(geometry) {
  if (geometry.type === "LineString") return [geometry.coordinates];
  return geometry.type === "MultiLineString" ? geometry.coordinates : [];
}

/** West, south, east, north. */
export function boundsOf(geometry) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  (function visit(part) {
    if (typeof part[0] !== "number") return part.forEach(visit);
    box[0] = Math.min(box[0], part[0]);
    box[1] = Math.min(box[1], part[1]);
    box[2] = Math.max(box[2], part[0]);
    box[3] = Math.max(box[3], part[1]);
  })(geometry.coordinates);
  return box;
}

/** Whether a place lies in the geometry's area, or within `reach` degrees of its line. */
export function touches(geometry, [x, y], reach) {
  return (
    polygonsOf(geometry).some((rings) => inside(rings, x, y)) ||
    linesOf(geometry).some((line) => near(line, x, y, reach))
  );
}

function inside(rings, x, y) {
  let within = false;
  for (const ring of rings) {
    for (const [from, to] of edges(ring)) {
      if (from[1] > y !== to[1] > y && x < crossing(from, to, y)) within = !within;
    }
  }
  return within;
}

function near(line, x, y, reach) {
  for (const [from, to] of edges(line)) {
    const dx = to[0] - from[0];
    const dy = to[1] - from[1];
    const length = dx * dx + dy * dy;
    const along = length ? ((x - from[0]) * dx + (y - from[1]) * dy) / length : 0;
    const t = Math.max(0, Math.min(1, along));
    if (Math.hypot(x - from[0] - t * dx, y - from[1] - t * dy) <= reach) return true;
  }
  return false;
}

function* edges(line) {
  for (let i = 1; i < line.length; i += 1) yield [line[i - 1], line[i]];
}

function crossing(from, to, y) {
  return from[0] + ((y - from[1]) / (to[1] - from[1])) * (to[0] - from[0]);
}

/** The area of a geometry in square degrees, to tell large from small. */
export function areaOf(geometry) {
  return polygonsOf(geometry).reduce((sum, rings) => sum + ringArea(rings[0]), 0);
}

function ringArea(ring) {
  let twice = 0;
  for (const [from, to] of edges(ring)) twice += from[0] * to[1] - to[0] * from[1];
  return Math.abs(twice) / 2;
}

/**
 * Where a horizontal name fits, best first: the middles of the wide stretches across the largest part, rather
 * in its middle than at its ends. Widths are in degrees.
 */
export function roomsIn(geometry) {
  const polygons = polygonsOf(geometry);
  if (polygons.length === 0) return [];
  const rings = polygons.reduce((one, other) => (ringArea(one[0]) >= ringArea(other[0]) ? one : other));
  const [, south, , north] = boundsOf({ coordinates: rings[0] });
  const rooms = [];
  for (let step = 2; step < SCANS - 1; step += 1) {
    const t = step / SCANS;
    const y = south + t * (north - south);
    const [from, to] = widest(rings, y);
    rooms.push({ at: [(from + to) / 2, y], width: to - from, score: (to - from) * (1 - Math.abs(t - 0.5)) });
  }
  return rooms.sort((one, other) => other.score - one.score);
}

/** The longest stretch of a parallel that lies inside the rings. */
function widest(rings, y) {
  const crossings = [];
  for (const ring of rings) {
    for (const [from, to] of edges(ring)) {
      if (from[1] > y !== to[1] > y) crossings.push(crossing(from, to, y));
    }
  }
  crossings.sort((one, other) => one - other);
  let best = [0, 0];
  for (let i = 1; i < crossings.length; i += 2) {
    if (crossings[i] - crossings[i - 1] > best[1] - best[0]) best = [crossings[i - 1], crossings[i]];
  }
  return best;
}

/** A place that stands for the whole geometry: its point, its inside or the middle of its line. */
export function placeOf(geometry) {
  const [point] = pointsOf(geometry);
  if (point) return point;
  const [line] = linesOf(geometry);
  if (line) return line[Math.floor(line.length / 2)];
  return roomsIn(geometry)[0].at;
}
