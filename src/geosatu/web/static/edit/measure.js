// Areas and lengths of small shapes on the WGS 84 ellipsoid: degrees become metres at the middle of the shape.

import * as format from "../map/format.js";
import { boundsOf } from "../map/geometry.js";

const AXIS = 6378137;
const ECCENTRICITY = 0.00669437999014;
const HECTARE = 10000;

/** Metres of a degree of longitude and of latitude at a latitude. */
function scale(latitude) {
  const sine = Math.sin((latitude * Math.PI) / 180);
  const root = 1 - ECCENTRICITY * sine * sine;
  const degree = Math.PI / 180;
  const meridian = (AXIS * (1 - ECCENTRICITY)) / Math.pow(root, 1.5);
  const parallel = (AXIS / Math.sqrt(root)) * Math.cos((latitude * Math.PI) / 180);
  return [parallel * degree, meridian * degree];
}

function middleOf(geometry) {
  const [, south, , north] = boundsOf(geometry);
  return (south + north) / 2;
}

/** Square metres of a polygon, holes taken off. */
export function areaOf(geometry) {
  const [x, y] = scale(middleOf(geometry));
  const polygons = geometry.type === "Polygon" ? [geometry.coordinates] : geometry.coordinates;
  let sum = 0;
  for (const rings of polygons) {
    rings.forEach((ring, number) => {
      sum += (number ? -1 : 1) * Math.abs(shoelace(ring)) * x * y;
    });
  }
  return sum;
}

function shoelace(ring) {
  const [left, low] = ring[0];
  let twice = 0;
  for (let i = 1; i < ring.length; i += 1) {
    const [ax, ay] = ring[i - 1];
    const [bx, by] = ring[i];
    twice += (ax - left) * (by - low) - (bx - left) * (ay - low);
  }
  return twice / 2;
}

/** Metres of a line. */
export function lengthOf(geometry) {
  const [x, y] = scale(middleOf(geometry));
  const lines = geometry.type === "LineString" ? [geometry.coordinates] : geometry.coordinates;
  let sum = 0;
  for (const line of lines) {
    for (let i = 1; i < line.length; i += 1) {
      sum += Math.hypot((line[i][0] - line[i - 1][0]) * x, (line[i][1] - line[i - 1][1]) * y);
    }
  }
  return sum;
}

/** "Luas 1.234 m²", "Luas 2,35 ha", "Panjang 120 m"; empty for points. */
export function written(geometry) {
  if (/Polygon$/.test(geometry.type)) {
    const area = areaOf(geometry);
    return area < HECTARE ? `Luas ${format.number(Math.round(area))} m²` : `Luas ${format.number(area / HECTARE)} ha`;
  }
  if (/LineString$/.test(geometry.type)) return `Panjang ${format.number(Math.round(lengthOf(geometry)))} m`;
  return "";
}
