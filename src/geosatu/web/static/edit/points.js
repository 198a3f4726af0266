// Where a point lies: tapped, dragged, typed or found by GPS. Layers of several points take one with every tap.

import { pin } from "../map/pins.js";

const DECIMALS = 7;
const CIRCLE = { interactive: false, color: "#1864ab", weight: 1, fillOpacity: 0.12 };

export class PointTool {
  /** `changed(byHand)` is called when the place has changed. */
  constructor(map, layer, changed) {
    this.map = map;
    this.layer = layer;
    this.changed = changed;
    this.several = layer.geometry === "MultiPoint";
    this.markers = [];
    this.circle = L.circle([0, 0], { ...CIRCLE, radius: 0 });
    map.on("click", ({ latlng }) => this.put(latlng));
    map.getContainer().addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target === map.getContainer()) {
        event.preventDefault();
        this.put(map.getCenter());
      }
    });
  }

  /** Whether something is half drawn. */
  get unfinished() {
    return false;
  }

  get geometry() {
    const places = this.markers.map((marker) => {
      const { lat, lng } = marker.getLatLng();
      return [rounded(lng), rounded(lat)];
    });
    if (!places.length) return null;
    return this.several ? { type: "MultiPoint", coordinates: places } : { type: "Point", coordinates: places[0] };
  }

  /** Shows a geometry, or none, as it was stored. */
  show(geometry) {
    this.markers.forEach((marker) => marker.remove());
    this.markers = [];
    this.circle.remove();
    if (!geometry) return;
    const places = geometry.type === "Point" ? [geometry.coordinates] : geometry.coordinates;
    places.forEach(([lng, lat]) => this.add(L.latLng(lat, lng)));
  }

  /** The point is here now; with an accuracy where a device says so. */
  put(latlng, accuracy = null) {
    const place = latlng.wrap();
    this.circle.remove();
    if (this.several || !this.markers.length) this.add(place);
    else this.markers[0].setLatLng(place);
    if (accuracy !== null) this.circle.setLatLng(place).setRadius(accuracy).addTo(this.map);
    this.changed(accuracy === null);
  }

  add(latlng) {
    const icon = pin(this.layer, { properties: {} }, "Letak yang dipilih; seret untuk memindahkan", "pin pin-chosen");
    const marker = L.marker(latlng, { icon, draggable: true, autoPan: true, keyboard: false, zIndexOffset: 1000 });
    marker.on("dragstart", () => this.circle.remove());
    marker.on("dragend", () => this.changed(true));
    marker.on("click", () => this.several && this.take(marker));
    this.markers.push(marker.addTo(this.map));
  }

  take(marker) {
    this.markers.splice(this.markers.indexOf(marker), 1);
    marker.remove();
    this.changed(true);
  }
}

function rounded(degrees) {
  return Number(degrees.toFixed(DECIMALS));
}
