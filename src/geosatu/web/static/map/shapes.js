// Areas and lines of a layer, in a pane of their own. They take no clicks: what lies under a click is looked
// up in all layers at once, because boundaries cover each other.

import { boundsOf, pointsOf, touches } from "./geometry.js";
import { colourOf } from "./style.js";

const GROUND = { stroke: false, fillColor: "#fffefb", fillOpacity: 1 };

/** Makes a pane that lies at this depth; gives back its name. */
export function paneAt(map, name, depth) {
  map.createPane(name).style.zIndex = depth;
  return name;
}

/** The areas and lines of one layer. */
export class Shapes {
  /** `order` is the layer's place from bottom to top; `ground` paints white paper under its areas. */
  constructor(layer, map, order, ground) {
    this.layer = layer;
    this.map = map;
    this.boxes = new WeakMap();
    this.features = [];
    this.groups = [this.group(`layer-${layer.name}`, 400 + order, (feature) => this.style(feature))];
    if (ground) this.groups.unshift(this.group("ground", 180, () => GROUND));
  }

  group(pane, depth, style) {
    return L.geoJSON(null, {
      pane: paneAt(this.map, pane, depth),
      renderer: L.svg({ pane, padding: 0.3 }),
      interactive: false,
      style,
      filter: (feature) => pointsOf(feature.geometry).length === 0,
    }).addTo(this.map);
  }

  style(feature) {
    const colour = colourOf(this.layer, feature);
    return {
      color: colour,
      weight: this.layer.width,
      dashArray: this.layer.dash,
      fillColor: colour,
      fillOpacity: this.layer.fillOpacity,
      fill: this.layer.shape !== "line",
    };
  }

  /** Shows these features and no others. */
  draw(features) {
    this.features = features;
    for (const group of this.groups) {
      group.clearLayers();
      group.addData(features);
    }
  }

  /** The features at a place; `reach` in degrees counts as on a line. */
  at(place, reach) {
    return this.features.filter(
      (feature) => this.near(feature, place, reach) && touches(feature.geometry, place, reach),
    );
  }

  near(feature, [x, y], reach) {
    let box = this.boxes.get(feature);
    if (!box) {
      box = boundsOf(feature.geometry);
      this.boxes.set(feature, box);
    }
    return x >= box[0] - reach && y >= box[1] - reach && x <= box[2] + reach && y <= box[3] + reach;
  }
}
