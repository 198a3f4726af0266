// The map under a form: the net of parallels or the base map, the kelurahan, and what the layer has already.

import { iconButton } from "../map/dom.js";
import * as format from "../map/format.js";
import { pointsOf, touches } from "../map/geometry.js";
import { Graticule } from "../map/graticule.js";
import { Labels } from "../map/labels.js";
import { MapLayer } from "../map/layer.js";
import { paneAt } from "../map/shapes.js";

const INDONESIA = [95, -11.1, 141.1, 6.1];
const CLOSEST = 18;
const WAIT = 200;

/** Neighbours: not to be edited, but to be snapped to. */
const BESIDE = { pmIgnore: true, snapIgnore: false, interactive: false };

export function makeMap(config, holder, tools) {
  const map = L.map(holder, {
    attributionControl: Boolean(config.basemap),
    // Two quick taps are two corners.
    doubleClickZoom: false,
    maxZoom: 21,
    minZoom: 4,
    pmIgnore: false,
    zoomControl: false,
    zoomSnap: config.basemap ? 1 : 0.25,
  });
  const [west, south, east, north] = config.bounds || INDONESIA;
  map.fitBounds([[south, west], [north, east]], { animate: false });
  if (config.basemap) {
    const [address, attribution] = config.basemap;
    map.attributionControl.setPrefix(false);
    L.tileLayer(address, { attribution, maxZoom: 21, maxNativeZoom: 19, pmIgnore: true }).addTo(map);
  } else {
    new Graticule(map);
  }
  const closer = iconButton("plus", "Perbesar");
  const farther = iconButton("minus", "Perkecil");
  closer.addEventListener("click", () => map.zoomIn());
  farther.addEventListener("click", () => map.zoomOut());
  tools.append(closer, farther);
  new ResizeObserver(() => map.invalidateSize()).observe(holder);
  return map;
}

/** Shows a geometry with its surroundings. */
export function lookAt(map, geometry) {
  const bounds = L.geoJSON(geometry).getBounds();
  if (bounds.isValid()) map.fitBounds(bounds.pad(0.12), { animate: false, maxZoom: CLOSEST });
}

export class Surroundings {
  /** `moved()` is called when more is known of the kelurahan around. */
  constructor(map, config, moved) {
    this.map = map;
    const own = config.feature && config.feature.id;
    const ground = new Beside(map, config.territory, "ground", 180, !config.basemap);
    const beside = new Beside(map, config.layer, "beside", 410, false, own);
    const told = (layer) => {
      this.labels.refresh();
      if (layer === this.territory) moved();
    };
    this.labels = new Labels(map, () => this.named());
    this.territory = new MapLayer(served(config, config.territory), map, [ground], told);
    this.layers = [this.territory];
    if (config.layer.name !== config.territory.name) {
      this.layers.push(new MapLayer(served(config, config.layer), map, [beside], told));
    }
    this.layers.forEach((layer) => layer.turn(true));
    let waiting = null;
    map.on("moveend", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => this.refresh(), WAIT);
    });
    window.addEventListener("online", () => this.refresh());
    document.fonts.ready.then(() => this.labels.measureAgain());
  }

  named() {
    return this.layers.filter((layer) => layer.config.labels).reverse();
  }

  refresh() {
    this.layers.forEach((layer) => layer.refresh());
  }

  /** Asks anew for what has just been changed. */
  again() {
    for (const layer of this.layers.slice(1)) layer.loaded = null;
    this.refresh();
  }

  /** The kelurahan that a place lies in; null: none is known there. */
  kelurahanAt(place) {
    const found = this.territory.features.find((feature) => touches(feature.geometry, place, 0));
    if (!found) return null;
    const code = found.properties.kode_wilayah;
    return { code, name: format.name(this.territory.config, found) };
  }
}

/** A layer as the map's modules ask for it, from this page. */
function served(config, layer) {
  return { ...layer, url: config.root + layer.url, minZoom: Math.min(layer.minZoom, 14), whole: false, empty: false };
}

/** Features of a layer that lie around the one that is edited. */
class Beside {
  constructor(map, layer, pane, depth, paper, own = null) {
    this.own = own;
    const shapes = {
      color: layer.colour,
      weight: 1.25,
      dashArray: layer.dash,
      fill: paper || layer.shape === "polygon",
      fillColor: paper ? "#fffefb" : layer.colour,
      fillOpacity: paper ? 1 : 0.05,
    };
    const dots = { radius: 5, color: "#fff", weight: 1.5, fillColor: layer.colour, fillOpacity: 0.75 };
    const name = paneAt(map, pane, depth);
    const renderer = L.svg({ pane: name, padding: 0.3 });
    this.group = L.geoJSON(null, {
      ...BESIDE,
      pane: name,
      renderer,
      style: (feature) => (pointsOf(feature.geometry).length ? dots : shapes),
      pointToLayer: (feature, latlng) => L.circleMarker(latlng, { ...BESIDE, pane: name, renderer }),
    }).addTo(map);
  }

  draw(features) {
    this.group.clearLayers();
    this.group.addData(features.filter((feature) => feature.id !== this.own));
  }
}
