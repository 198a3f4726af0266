// A quiet net of parallels and meridians: the ground of a map that has no base map.

/** Steps between two lines, in seconds of arc: ten degrees to one second. */
const STEPS = [36000, 18000, 7200, 3600, 1800, 1200, 600, 300, 120, 60, 30, 20, 10, 5, 2, 1];
const WIDEST = 260;

export class Graticule {
  constructor(map) {
    this.map = map;
    map.createPane("graticule").style.zIndex = 150;
    map.createPane("graticule-names").style.zIndex = 445;
    this.lines = L.layerGroup().addTo(map);
    map.on("moveend", () => this.draw());
    this.draw();
  }

  draw() {
    this.lines.clearLayers();
    const seconds = this.step();
    const step = seconds / 3600;
    const view = this.map.getBounds();
    const wide = view.pad(0.5);
    const corner = this.map.containerPointToLatLng([8, 6]);
    // Names that would be cut off, or run into the corner, are left out.
    const first = this.map.containerPointToLatLng([0, 30]);
    const last = this.map.containerPointToLatLng([this.map.getSize().x - 70, 0]);
    for (const lat of multiples(step, wide.getSouth(), wide.getNorth())) {
      this.line([[lat, wide.getWest()], [lat, wide.getEast()]]);
      if (lat < first.lat) this.name([lat, corner.lng], written(lat, seconds, "LU", "LS"), "parallel");
    }
    for (const lng of multiples(step, wide.getWest(), wide.getEast())) {
      this.line([[wide.getSouth(), lng], [wide.getNorth(), lng]]);
      if (lng > first.lng && lng < last.lng) this.name([corner.lat, lng], written(lng, seconds, "BT", "BB"), "meridian");
    }
  }

  /** The widest step of even minutes or seconds whose lines are not too far apart on the screen. */
  step() {
    const view = this.map.getBounds();
    const width = this.map.getSize().x;
    const perPixel = ((view.getEast() - view.getWest()) * 3600) / width;
    return STEPS.find((step) => step / perPixel <= Math.min(WIDEST, width / 2)) || 1;
  }

  line(ends) {
    L.polyline(ends, { pane: "graticule", color: "#d8dcd2", weight: 1, interactive: false }).addTo(this.lines);
  }

  name(latlng, text, kind) {
    L.marker(latlng, {
      pane: "graticule-names",
      icon: L.divIcon({ className: `graticule-name ${kind}`, html: text, iconSize: null }),
      interactive: false,
      keyboard: false,
    }).addTo(this.lines);
  }
}

function multiples(step, from, to) {
  const found = [];
  for (let i = Math.ceil(from / step); i * step <= to; i += 1) found.push(i * step);
  return found;
}

/** 7°50′ LS */
function written(degrees, step, positive, negative) {
  const seconds = Math.round(Math.abs(degrees) * 3600);
  let text = `${Math.floor(seconds / 3600)}°`;
  if (step < 3600) text += `${two(Math.floor(seconds / 60) % 60)}′`;
  if (step < 60) text += `${two(seconds % 60)}″`;
  if (seconds === 0) return text;
  return `${text} ${degrees < 0 ? negative : positive}`;
}

function two(number) {
  return String(number).padStart(2, "0");
}
