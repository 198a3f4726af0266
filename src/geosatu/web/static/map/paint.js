// Painting a vector tile in the style of its layer: in a worker, or in the page where there is none.

import { colourOf } from "./style.js";
import { SIZE, Tile } from "./tile.js";

const GROUND = "#fffefb";
/** Pixels of paper around a point. */
const RIM = 0.75;
/** Areas of so many pixels are too small for an outline: they are filled as darkly as one would make them. */
const SPECK = 3;

/** The decoded tiles, by the keys under which they are asked for. */
const tiles = new Map();

/**
 * Takes a tile in and paints it: `bytes` of `coords` the first time, later its `key` is enough. The canvas is
 * `size` pixels wide and shows the tile at `scale`; gives back where its names fit, the first time.
 */
export function paint(canvas, { key, bytes, coords, layer, ground, scale }) {
  if (bytes) tiles.set(key, new Tile(bytes, layer.name, coords));
  const tile = tiles.get(key);
  if (!tile) return [];
  const pen = canvas.getContext("2d");
  pen.scale(canvas.width / tile.extent, canvas.height / tile.extent);
  /** A pixel of the screen in units of the tile. */
  const pixel = tile.extent / (SIZE * scale);
  if (ground) paper(pen, tile);
  else if (layer.shape === "point") dots(pen, tile, pixel, layer);
  else shapes(pen, tile, pixel, layer);
  return bytes && layer.labels && !ground ? tile.names() : [];
}

export function forget(key) {
  tiles.delete(key);
}

function paper(pen, tile) {
  pen.fillStyle = GROUND;
  for (const [, path] of tile.paths(() => GROUND)) pen.fill(path);
}

function dots(pen, tile, pixel, layer) {
  pen.strokeStyle = GROUND;
  pen.lineWidth = 2 * RIM * pixel;
  const radius = (layer.disc || discAt(tile.coords.z)) * pixel;
  for (const [colour, path] of tile.discs((feature) => colourOf(layer, feature), radius)) {
    pen.fillStyle = colour;
    pen.stroke(path);
    pen.fill(path);
  }
}

/** Points are small from afar, where they are many. */
function discAt(zoom) {
  return Math.max(1.5, Math.min(3.5, (zoom - 8) * 0.4));
}

function shapes(pen, tile, pixel, layer) {
  // From farther than the layer is meant to be seen its lines would run together.
  const far = Math.max(0, layer.minZoom - tile.coords.z);
  pen.lineWidth = layer.width * pixel * 2 ** (-0.8 * far);
  pen.lineJoin = "round";
  if (layer.dash) pen.setLineDash(layer.dash.split(" ").map((length) => length * pixel));
  const speck = SPECK * pixel;
  const ofFeature = (feature) => colourOf(layer, feature);
  const outline = Math.min(1, (4 * pen.lineWidth) / speck);
  pen.globalAlpha = layer.fillOpacity + (1 - layer.fillOpacity) * outline;
  for (const [colour, path] of tile.specks(ofFeature, speck, tile.extent / pen.canvas.width)) {
    pen.fillStyle = colour;
    pen.fill(path);
  }
  for (const [colour, path] of tile.paths(ofFeature, speck)) {
    pen.strokeStyle = colour;
    pen.fillStyle = colour;
    pen.globalAlpha = layer.fillOpacity;
    if (layer.shape !== "line") pen.fill(path);
    pen.globalAlpha = 1;
    pen.stroke(path);
  }
}
