// One vector tile of a layer: its shapes as paths to draw, and its features as GeoJSON where somebody asks.
// What a tile holds of a feature is a piece, cut at the tile's edge and drawn roughly.

import { VectorTile } from "@mapbox/vector-tile";
import { PbfReader } from "pbf";
import { areaOf, roomsIn, touches } from "./geometry.js";

const POINT = 1;
const POLYGON = 3;
/** Pixels of a tile, before it is scaled. */
export const SIZE = 256;
/** Pieces that are narrower, in pixels, have no room for a name. */
const NARROW = 24;
/** So many features share a path: one by one they are slow to paint, and a long path is slow to build. */
const TOGETHER = 50;
/** So many places for a name are tried. */
const ROOMS = 5;

export class Tile {
  /** `bytes` is the tile `{x, y, z}`; `name` its one layer. */
  constructor(bytes, name, coords) {
    const layer = new VectorTile(new PbfReader(bytes)).layers[name];
    this.coords = coords;
    this.extent = layer ? layer.extent : 4096;
    this.features = layer ? Array.from({ length: layer.length }, (_, at) => layer.feature(at)) : [];
    this.boxes = this.features.map((feature) => feature.bbox());
  }

  /** The areas and lines in units of the tile, as paths with their colours; without the areas that are specks. */
  paths(colourOf, speck = 0) {
    const add = (path, feature) => {
      for (const line of feature.loadGeometry()) trace(path, line, feature.type === POLYGON);
    };
    return this.byColour(colourOf, add, (feature, box) => !isSpeck(feature, box, speck));
  }

  /**
   * The areas that are at most so many units long and wide, as squares with their colours. Their sides lie between
   * the pixels of the canvas, `grain` units each, so that no seams show where they meet.
   */
  specks(colourOf, speck, grain) {
    const add = (path, feature, box) => {
      const [west, north, east, south] = box.map((edge) => Math.round(edge / grain) * grain);
      path.rect(west, north, Math.max(east - west, grain), Math.max(south - north, grain));
    };
    return this.byColour(colourOf, add, (feature, box) => isSpeck(feature, box, speck));
  }

  /** The points as discs of this radius, in units of the tile, as paths with their colours. */
  discs(colourOf, radius) {
    return this.byColour(colourOf, (path, feature) => {
      for (const [place] of feature.loadGeometry()) {
        path.moveTo(place.x + radius, place.y);
        path.arc(place.x, place.y, radius, 0, 2 * Math.PI);
      }
    });
  }

  byColour(colourOf, add, wanted = () => true) {
    const paths = [];
    const open = new Map();
    this.features.forEach((feature, at) => {
      if (!wanted(feature, this.boxes[at])) return;
      const colour = colourOf(feature);
      let last = open.get(colour);
      if (!last || last.held === TOGETHER) {
        last = { path: new Path2D(), held: 0 };
        open.set(colour, last);
        paths.push([colour, last.path]);
      }
      add(last.path, feature, this.boxes[at]);
      last.held += 1;
    });
    return paths;
  }

  /**
   * The pieces at a place of the tile, from 0 to 1 each way; `reach` counts as on a line or point. The nearest
   * point comes first.
   */
  at([x, y], reach) {
    const place = [x * this.extent, y * this.extent];
    const near = reach * this.extent;
    return this.features
      .filter((_, at) => inBox(this.boxes[at], place, near))
      .map((feature) => ({ feature, away: away(feature, place, near) }))
      .filter((found) => found.away <= near)
      .sort((one, other) => one.away - other.away)
      .map(({ feature }) => this.piece(feature));
  }

  /** Whose names have room in the tile, and where. */
  names() {
    const narrow = (NARROW / SIZE) * this.extent;
    const degrees = (NARROW / SIZE) * (360 / 2 ** this.coords.z);
    return this.features
      .filter((_, at) => this.boxes[at][2] - this.boxes[at][0] >= narrow)
      .map((feature) => {
        const { id, properties, geometry } = this.piece(feature);
        const rooms = roomsIn(geometry).filter((room) => room.width >= degrees);
        return { id, properties, piece: true, area: areaOf(geometry), rooms: rooms.slice(0, ROOMS) };
      })
      .filter(({ rooms }) => rooms.length > 0);
  }

  piece(feature) {
    const { x, y, z } = this.coords;
    return { ...feature.toGeoJSON(x, y, z), piece: true };
  }
}

function isSpeck(feature, [west, south, east, north], most) {
  return feature.type === POLYGON && east - west <= most && north - south <= most;
}

function trace(path, line, closed) {
  path.moveTo(line[0].x, line[0].y);
  for (let at = 1; at < line.length - 1; at += 1) path.lineTo(line[at].x, line[at].y);
  if (closed) path.closePath();
  else path.lineTo(line[line.length - 1].x, line[line.length - 1].y);
}

function inBox([west, south, east, north], [x, y], reach) {
  return x >= west - reach && x <= east + reach && y >= south - reach && y <= north + reach;
}

/** How far a point is from a place; 0 for areas and lines at it, Infinity for those that are not. */
function away(feature, place, reach) {
  const lines = feature.loadGeometry().map((line) => line.map(({ x, y }) => [x, y]));
  if (feature.type === POINT) return Math.min(...lines.map(([[x, y]]) => Math.hypot(x - place[0], y - place[1])));
  const type = feature.type === POLYGON ? "Polygon" : "MultiLineString";
  return touches({ type, coordinates: lines }, place, reach) ? 0 : Infinity;
}
