// Names on areas, where there is room for them: an area too small on the screen stays without, and a name
// keeps clear of pins and of other names, or is left out.

import { name } from "./format.js";
import { areaOf, roomsIn } from "./geometry.js";

const FAMILY = '"Plus Jakarta Sans", sans-serif';
const LINE = 14;
const GAP = 3;
/** How far a name may reach over its area, as a share of the area's width. */
const OVERHANG = 1.15;

export class Labels {
  /** `layers` gives the map layers whose names may be shown, the most important first. */
  constructor(map, layers) {
    this.map = map;
    this.layers = layers;
    this.named = new WeakMap();
    this.widths = new Map();
    this.written = new Map();
    this.pane = map.createPane("labels");
    this.pen = document.createElement("canvas").getContext("2d");
    map.on("zoomend moveend", () => this.refresh());
  }

  /** Writes the names anew with the next picture, however often it is asked for until then. */
  refresh() {
    if (!this.waiting) this.waiting = requestAnimationFrame(() => this.write());
  }

  write() {
    this.waiting = null;
    const view = this.map.getBounds().pad(0.1);
    const [west, south, east, north] = [view.getWest(), view.getSouth(), view.getEast(), view.getNorth()];
    const pixels = this.map.getPixelWorldBounds().getSize().x / 360;
    const within = ({ at: [lng, lat] }) => lng > west && lng < east && lat > south && lat < north;
    const taken = this.pins();
    const written = new Map();
    this.layers().forEach((layer, rank) => {
      const className = rank === 0 ? "label label-main" : "label";
      const font = rank === 0 ? `700 12px ${FAMILY}` : `500 11px ${FAMILY}`;
      for (const named of this.namesOf(layer)) {
        const { lines, rooms, widest } = named;
        named.width ||= this.width(lines, font);
        if (named.width > widest * pixels * OVERHANG || !rooms.some(within)) continue;
        const spot = this.spot(rooms, named.width, lines.length * LINE, pixels, taken);
        if (!spot) continue;
        taken.push(spot);
        const key = [className, layer.config.colour, spot.x, spot.y, ...lines].join("\n");
        written.set(key, this.written.get(key) || label(lines, spot, className, layer.config.colour));
      }
    });
    this.put(written);
  }

  /** Shows these names; what stands there already is left alone, because most stay when the map moves a little. */
  put(written) {
    for (const [key, made] of this.written) if (!written.has(key)) made.remove();
    this.pane.append(...[...written].filter(([key]) => !this.written.has(key)).map(([, made]) => made));
    this.written = written;
  }

  /** The names of a layer with the rooms for them, large areas first. */
  namesOf(layer) {
    const features = layer.toName() || [];
    return features.map((feature) => this.nameOf(layer, feature)).sort((one, other) => other.area - one.area);
  }

  nameOf(layer, feature) {
    if (!this.named.has(feature)) {
      // A piece in a tile brings its rooms along.
      const { area, rooms } = feature.piece
        ? feature
        : { area: areaOf(feature.geometry), rooms: roomsIn(feature.geometry) };
      const lines = inLines(name(layer.config, feature));
      this.named.set(feature, { area, rooms, lines, widest: Math.max(...rooms.map((room) => room.width)), width: 0 });
    }
    return this.named.get(feature);
  }

  /** The best free rectangle for a name on the screen, or null; `pixels` are those of a degree. */
  spot(rooms, width, height, pixels, taken) {
    for (const room of rooms) {
      if (width > room.width * pixels * OVERHANG) continue;
      const [lng, lat] = room.at;
      const centre = this.map.latLngToLayerPoint([lat, lng]);
      const spot = { x: centre.x - width / 2, y: centre.y - height / 2, width, height };
      if (!taken.some((other) => overlap(spot, other))) return spot;
    }
    return null;
  }

  /** Where pins and rings stand. */
  pins() {
    const found = [];
    this.map.eachLayer((layer) => {
      if (!(layer instanceof L.Marker) || layer.options.pane !== "markerPane" || !layer.getElement()) return;
      const { marginLeft, marginTop, width, height } = layer.getElement().style;
      const at = this.map.latLngToLayerPoint(layer.getLatLng());
      found.push({
        x: at.x + parseFloat(marginLeft),
        y: at.y + parseFloat(marginTop),
        width: parseFloat(width),
        height: parseFloat(height),
      });
    });
    return found;
  }

  width(lines, font) {
    return Math.max(...lines.map((line) => this.lineWidth(line, font)));
  }

  lineWidth(line, font) {
    const key = `${font} ${line}`;
    if (!this.widths.has(key)) {
      this.pen.font = font;
      this.widths.set(key, this.pen.measureText(line).width);
    }
    return this.widths.get(key);
  }

  /** Forgets measured widths, when the typeface has arrived. */
  measureAgain() {
    this.widths.clear();
    this.named = new WeakMap();
    this.refresh();
  }
}

/** A long name in two lines, broken at the space nearest its middle. */
function inLines(text) {
  const spaces = [...text].map((sign, at) => (sign === " " ? at : -1)).filter((at) => at > 0);
  if (text.length < 9 || spaces.length === 0) return [text];
  const middle = text.length / 2;
  const at = spaces.reduce((one, other) => (Math.abs(one - middle) <= Math.abs(other - middle) ? one : other));
  return [text.slice(0, at), text.slice(at + 1)];
}

function label(lines, spot, className, colour) {
  const made = document.createElement("span");
  made.className = className;
  made.style.color = colour;
  // Hundreds of transforms would each be worked out anew for every picture of a moving map.
  made.style.left = `${Math.round(spot.x)}px`;
  made.style.top = `${Math.round(spot.y)}px`;
  made.style.width = `${Math.ceil(spot.width) + 2}px`;
  made.textContent = lines.join("\n");
  return made;
}

function overlap(one, other) {
  return (
    one.x < other.x + other.width + GAP &&
    other.x < one.x + one.width + GAP &&
    one.y < other.y + other.height + GAP &&
    other.y < one.y + one.height + GAP
  );
}
