// A layer that is too large to be fetched feature by feature: the map shows its tiles.

import { EMPTY, FAILED, FAR, LOADING, MapLayer, READY } from "./layer.js";

export class TiledLayer extends MapLayer {
  /** `tiles` are drawings of the same tiles, the layer itself last; `changed(layer)` as for every layer. */
  constructor(config, map, tiles, changed) {
    super(config, map, [], changed);
    this.tiles = tiles;
    this.shown = false;
    for (const one of tiles) one.changed = () => this.follow();
  }

  refresh() {
    if (!this.on) return;
    if (this.config.empty) {
      this.enter(EMPTY);
    } else if (this.map.getZoom() < this.config.minZoom) {
      this.hide(FAR);
    } else {
      this.shown = true;
      this.tiles.forEach((one) => one.turn(this.map, true));
      if (this.state === FAILED) this.tiles.forEach((one) => one.retry());
      this.follow();
    }
  }

  /** The layer does what its tiles do. */
  follow() {
    if (!this.shown) return;
    const state = this.tiles.some((one) => one.loading)
      ? LOADING
      : this.tiles.some((one) => one.failed)
        ? FAILED
        : READY;
    if (state !== LOADING || this.state !== LOADING) this.enter(state);
  }

  hide(state) {
    this.shown = false;
    this.tiles.forEach((one) => one.turn(this.map, false));
    this.enter(state);
  }

  at(place, reach) {
    return this.shown ? this.tiles[this.tiles.length - 1].at(place, reach) : [];
  }

  /** The largest piece of each feature: a name stands once, though a feature lies in several tiles. */
  toName() {
    if (!this.shown) return null;
    const largest = new Map();
    for (const piece of this.tiles[this.tiles.length - 1].names()) {
      const other = largest.get(piece.id);
      if (!other || piece.area > other.area) largest.set(piece.id, piece);
    }
    return [...largest.values()];
  }
}
