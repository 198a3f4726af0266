// One layer of the map: when it is fetched, for which part of the world, and what is drawn of it.

import * as server from "./server.js";

/** What a layer is doing; the panel and the messages tell the reader. */
export const OFF = "off";
export const FAR = "far";
export const EMPTY = "empty";
export const LOADING = "loading";
export const READY = "ready";
export const CROWDED = "crowded";
export const FAILED = "failed";

/** How much more than the view is fetched on each side, as a share of it. */
const MARGIN = 0.15;

export class MapLayer {
  /**
   * `drawings` show features; `changed(layer)` is called whenever the state changes; `crowd` are tiles that show
   * in dots what is too much to be fetched.
   */
  constructor(config, map, drawings, changed, crowd = null) {
    this.config = config;
    this.map = map;
    this.drawings = drawings;
    this.changed = changed;
    this.crowd = crowd;
    this.on = false;
    this.state = OFF;
    this.features = [];
    this.matched = 0;
    this.drawn = null;
    this.loaded = null;
    this.request = null;
    if (crowd) crowd.changed = () => this.changed(this);
  }

  /** Whether something is still to come. */
  get loading() {
    return this.state === LOADING || (this.state === CROWDED && this.crowd !== null && this.crowd.loading);
  }

  /** Whether something did not come. */
  get failed() {
    return this.state === FAILED || (this.state === CROWDED && this.crowd !== null && this.crowd.failed);
  }

  turn(on) {
    if (on === this.on) return;
    this.on = on;
    if (on) this.refresh();
    else this.hide(OFF);
  }

  /** Brings the layer to what the view needs now: nothing, what is here already, or a new request. */
  refresh() {
    if (!this.on) return;
    if (this.config.empty) {
      this.enter(EMPTY);
    } else if (this.map.getZoom() < this.config.minZoom) {
      this.hide(FAR);
    } else if (covers(this.loaded, this.map)) {
      this.show();
    } else if (!this.request || !covers(this.request, this.map)) {
      this.load();
    }
  }

  async load() {
    this.abort();
    const box = this.config.whole ? null : this.map.getBounds().pad(MARGIN);
    const request = { box, complete: true, controller: new AbortController() };
    this.request = request;
    this.enter(LOADING);
    try {
      const { signal } = request.controller;
      const { features, matched } = await server.features(this.config, box && toArray(box), signal);
      if (this.request !== request) return;
      this.request = null;
      this.features = features;
      this.matched = matched;
      this.loaded = { box, complete: features.length > 0 || matched === 0 };
      this.show();
    } catch (error) {
      if (this.request !== request) return;
      this.request = null;
      this.enter(FAILED);
      console.warn(error);
    }
  }

  show() {
    this.draw(this.features);
    this.enter(this.loaded.complete ? READY : CROWDED);
  }

  hide(state) {
    this.abort();
    this.draw([]);
    this.enter(state);
  }

  /** Hands the features over, unless these are drawn already. */
  draw(features) {
    if (this.drawn === features || (features.length === 0 && !this.drawn)) return;
    this.drawings.forEach((drawing) => drawing.draw(features));
    this.drawn = features.length ? features : null;
  }

  /** What lies at a place, but for pins. */
  at(place, reach) {
    const drawings = this.crowd && this.map.hasLayer(this.crowd) ? [...this.drawings, this.crowd] : this.drawings;
    return drawings.flatMap((drawing) => (drawing.at ? drawing.at(place, reach) : []));
  }

  /** The features whose names may stand on the map, or null. */
  toName() {
    return this.drawn;
  }

  enter(state) {
    this.state = state;
    // While the layer is loading the map keeps what it has.
    if (this.crowd && state !== LOADING) this.crowd.turn(this.map, state === CROWDED);
    if (this.crowd && state === CROWDED) this.crowd.retry();
    this.changed(this);
  }

  abort() {
    if (this.request) this.request.controller.abort();
    this.request = null;
  }
}

/** Whether what was fetched answers the present view. That there was too much says nothing of another view. */
function covers(extent, map) {
  if (!extent) return false;
  if (!extent.box) return true;
  if (!extent.complete) return false;
  return extent.box.contains(map.getBounds());
}

function toArray(box) {
  return [
    Math.max(box.getWest(), -180),
    Math.max(box.getSouth(), -90),
    Math.min(box.getEast(), 180),
    Math.min(box.getNorth(), 90),
  ];
}
