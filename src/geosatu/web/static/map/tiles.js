// A layer drawn from vector tiles, however many features it has: canvases in a pane of the layer's own.

import { dropped, painted } from "./painter.js";
import * as server from "./server.js";
import { SIZE, Tile } from "./tile.js";

/** Sharper than this, in pixels of the canvas for each of the screen, costs more than it shows. */
const SHARPEST = 2;

let made = 0;

export class VectorTiles extends L.GridLayer {
  /** `pane` exists; `ground` paints white paper instead of the layer; `changed()` is called as tiles come. */
  constructor(layer, { pane, ground = false, changed = () => {} }) {
    super({ pane, updateWhenZooming: false, tileSize: SIZE });
    this.layer = layer;
    this.ground = ground;
    this.changed = changed;
    this.sheets = new Map();
    // Leaflet says so just before it makes the tiles.
    this.on("loading", () => queueMicrotask(() => this.changed()));
    this.on("tileunload", ({ coords }) => this.drop(coords));
  }

  getEvents() {
    // A tile is shown at several zooms; painted anew it is sharp at each.
    return { ...super.getEvents(), zoomend: () => this.shown().forEach((sheet) => this.sharpen(sheet)) };
  }

  turn(map, on) {
    if (on && !map.hasLayer(this)) this.addTo(map);
    if (!on) this.remove();
  }

  get loading() {
    return [...this.sheets.values()].some((sheet) => sheet.request);
  }

  get failed() {
    return [...this.sheets.values()].some((sheet) => sheet.failed);
  }

  /** Asks again for what did not come. */
  retry() {
    this.sheets.forEach((sheet) => sheet.failed && this.load(sheet));
  }

  /** The pieces at a place; `reach` in degrees counts as on a line or point. */
  at([lng, lat], reach) {
    const { x, y } = L.CRS.EPSG3857.latLngToPoint(L.latLng(lat, lng), this._tileZoom).divideBy(SIZE);
    const sheet = this.sheets.get(keyOf({ x: Math.floor(x), y: Math.floor(y), z: this._tileZoom }));
    if (!sheet || !sheet.bytes) return [];
    sheet.tile ||= new Tile(sheet.bytes, this.layer.name, sheet.coords);
    return sheet.tile.at([x % 1, y % 1], (reach / 360) * 2 ** this._tileZoom);
  }

  /** Where names fit in the tiles of the present zoom. */
  names() {
    return this.shown().flatMap(({ names }) => names);
  }

  /** The tiles of the present zoom, without those that stand in until these have come. */
  shown() {
    return [...this.sheets.values()].filter(({ coords }) => coords.z === this._tileZoom);
  }

  createTile({ x, y, z }, done) {
    made += 1;
    const sheet = {
      key: made,
      coords: { x, y, z },
      canvas: document.createElement("canvas"),
      bytes: null,
      tile: null,
      names: [],
      request: null,
      failed: false,
    };
    this.sheets.set(keyOf(sheet.coords), sheet);
    this.load(sheet).then((trouble) => done(trouble, sheet.canvas));
    return sheet.canvas;
  }

  /** Fetches and paints a tile; gives back what went wrong, or null. */
  async load(sheet) {
    const request = new AbortController();
    sheet.request = request;
    sheet.failed = false;
    let trouble = null;
    try {
      const bytes = await server.tile(this.layer, sheet.coords, request.signal);
      sheet.names = await this.paint(sheet, bytes);
      sheet.bytes = bytes;
    } catch (error) {
      if (request.signal.aborted) return error;
      sheet.failed = true;
      trouble = error;
      console.warn(error);
    }
    sheet.request = null;
    this.changed();
    return trouble;
  }

  drop(coords) {
    const sheet = this.sheets.get(keyOf(coords));
    if (!sheet) return;
    if (sheet.request) sheet.request.abort();
    this.sheets.delete(keyOf(coords));
    dropped(sheet.key);
  }

  sharpen(sheet) {
    if (sheet.bytes) this.paint(sheet, null).catch((error) => console.warn(error));
  }

  /** Paints a tile for the present zoom; its bytes are needed the first time only. */
  paint(sheet, bytes) {
    const scale = this._map ? this._map.getZoomScale(this._map.getZoom(), sheet.coords.z) : 1;
    const dense = Math.min(window.devicePixelRatio || 1, SHARPEST);
    const size = Math.round(SIZE * Math.min(scale, SHARPEST) * dense);
    const { key, coords } = sheet;
    return painted(sheet.canvas, size, { key, bytes, coords, layer: this.layer, ground: this.ground, scale });
  }
}

function keyOf({ x, y, z }) {
  return `${z}/${y}/${x}`;
}
