// Points of a layer, as pins among those of the other layers: near ones are gathered in one ring.

import { placeOf, pointsOf } from "./geometry.js";
import { name } from "./format.js";
import { pin, ring } from "./pins.js";
import { colourOf } from "./style.js";

/** The cluster that the pins of all layers share, so that they never lie on each other. */
export function sharedCluster() {
  return L.markerClusterGroup({
    iconCreateFunction: ring,
    // From afar fewer rings, so that boundaries and names stay readable between them.
    maxClusterRadius: (zoom) => (zoom < 14 ? 76 : zoom < 16 ? 52 : 30),
    showCoverageOnHover: false,
    spiderLegPolylineOptions: { weight: 1.5, color: "#51626a", opacity: 0.8 },
    animate: !matchMedia("(prefers-reduced-motion: reduce)").matches,
  });
}

/** The pins of one layer. */
export class Points {
  /** `chosen(feature, latlng)` is called when a pin is clicked, or entered with the keyboard. */
  constructor(layer, cluster, chosen) {
    this.layer = layer;
    this.cluster = cluster;
    this.chosen = chosen;
    this.markers = new Map();
  }

  /** Shows these features and no others; pins that stay are left alone. */
  draw(features) {
    const wanted = new Map();
    for (const feature of features) {
      this.places(feature).forEach((place, part) => {
        wanted.set(`${feature.id}/${feature.properties.version}/${part}`, [feature, place]);
      });
    }
    const gone = [...this.markers].filter(([key]) => !wanted.has(key));
    const added = [...wanted].filter(([key]) => !this.markers.has(key));
    this.cluster.removeLayers(gone.map(([, marker]) => marker));
    gone.forEach(([key]) => this.markers.delete(key));
    added.forEach(([key, [feature, place]]) => this.markers.set(key, this.marker(feature, place)));
    this.cluster.addLayers(added.map(([key]) => this.markers.get(key)));
  }

  places(feature) {
    const points = pointsOf(feature.geometry);
    return points.length ? points : [placeOf(feature.geometry)];
  }

  marker(feature, [lng, lat]) {
    const title = `${this.layer.title}: ${name(this.layer, feature)}`;
    const marker = L.marker([lat, lng], {
      icon: pin(this.layer, feature, title),
      title,
      colour: colourOf(this.layer, feature),
    });
    marker.on("click", () => this.chosen(feature, marker.getLatLng()));
    marker.on("keypress", (event) => {
      if (event.originalEvent.key === "Enter") this.chosen(feature, marker.getLatLng());
    });
    return marker;
  }
}
