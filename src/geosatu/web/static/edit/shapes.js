// Drawing lines and areas with Geoman: point by point, with holes and several parts where the layer has them, snapped
// to what is beside, every step of it to be undone.

import { element, icon } from "../map/dom.js";

const DECIMALS = 7;
const COARSE = matchMedia("(pointer: coarse)").matches;
const SNAP = COARSE ? 22 : 12;

const WORDS = {
  firstVertex: "Ketuk peta untuk titik pertama",
  continueLine: "Ketuk untuk titik berikutnya",
  finishLine: "Ketuk titik terakhir untuk selesai",
  finishPoly: "Ketuk titik pertama untuk selesai",
};

const KINDS = {
  polygon: { draw: "Polygon", title: "Gambar bidang", more: "Tambah bidang", icon: "pentagon" },
  line: { draw: "Line", title: "Gambar garis", more: "Tambah garis", icon: "pentagon" },
};

export class ShapeTool {
  /** `changed()` is called when the shape has changed, `growing(geometry)` while it is drawn. */
  constructor(map, layer, tools, changed, growing) {
    this.map = map;
    this.layer = layer;
    this.changed = changed;
    this.growing = growing;
    this.kind = KINDS[layer.shape];
    this.multi = layer.geometry.startsWith("Multi");
    this.group = L.featureGroup([], { pmIgnore: false }).addTo(map);
    this.past = [];
    this.mode = null;
    this.told = "";
    L.PM.setOptIn(true);
    map.pm.setLang("id", { tooltips: WORDS }, "id");
    map.pm.setGlobalOptions({
      snappable: true,
      snapDistance: SNAP,
      allowSelfIntersection: false,
      tooltips: !COARSE,
      templineStyle: { color: layer.colour, weight: 3 },
      hintlineStyle: { color: layer.colour, weight: 2, dashArray: "4 6" },
      pathOptions: this.style,
    });
    this.buttons = this.makeButtons(tools);
    map.on("pm:drawstart", ({ workingLayer }) => this.follow(workingLayer));
    map.on("pm:create", ({ layer: drawn }) => this.take(drawn));
    map.on("pm:drawend", () => this.enter(null));
    this.enter(null);
  }

  get style() {
    return { color: this.layer.colour, weight: 3, fillColor: this.layer.colour, fillOpacity: 0.18, pmIgnore: false };
  }

  get unfinished() {
    return this.mode === "draw" || this.mode === "hole";
  }

  /** The parts as GeoJSON coordinates. */
  get parts() {
    return this.group.getLayers().map((part) => part.toGeoJSON(DECIMALS).geometry.coordinates);
  }

  get geometry() {
    const { parts } = this;
    if (!parts.length) return null;
    return { type: this.layer.geometry, coordinates: this.multi ? parts : parts[0] };
  }

  /** Shows a geometry, or none, as it was stored. */
  show(geometry) {
    this.past = [];
    this.draw(geometry);
    this.enter(null);
  }

  draw(geometry) {
    this.group.clearLayers();
    const parts = !geometry ? [] : geometry.type.startsWith("Multi") ? geometry.coordinates : [geometry.coordinates];
    parts.forEach((part) => this.add(part));
    this.last = this.geometry;
  }

  add(coordinates) {
    const latlngs = L.GeoJSON.coordsToLatLngs(coordinates, this.layer.shape === "polygon" ? 1 : 0);
    const part = this.layer.shape === "polygon" ? L.polygon(latlngs, this.style) : L.polyline(latlngs, this.style);
    this.group.addLayer(part);
    part.on("pm:edit", () => this.commit());
    part.on("pm:change", () => this.growing(this.geometry));
    part.on("click", () => this.mode === "remove" && this.remove(part));
  }

  /** What has just been drawn becomes a part, or a hole in the part around it. */
  take(drawn) {
    const { coordinates } = drawn.toGeoJSON(DECIMALS).geometry;
    drawn.remove();
    if (this.mode !== "hole") this.add(coordinates);
    else if (!this.pierce(coordinates[0])) return;
    this.commit();
  }

  /** Makes a hole in the part around it; false: there is none. */
  pierce(ring) {
    const hole = L.polygon(L.GeoJSON.coordsToLatLngs(ring)).getBounds();
    const around = this.group.getLayers().find((part) => part.getBounds().contains(hole));
    if (!around) {
      this.told = "Lubang harus berada di dalam bidang. Gambar lagi.";
      return false;
    }
    const { coordinates } = around.toGeoJSON(DECIMALS).geometry;
    this.group.removeLayer(around);
    this.add([...coordinates, ring]);
    return true;
  }

  remove(part) {
    this.group.removeLayer(part);
    this.commit();
    this.enter(null);
  }

  commit() {
    this.past.push(this.last);
    this.last = this.geometry;
    this.refresh();
    this.changed();
  }

  /** Takes back the last point of what is being drawn, else the last change. */
  undo() {
    if (this.unfinished) {
      this.drawing._removeLastVertex();
      return;
    }
    if (!this.past.length) return;
    this.draw(this.past.pop());
    this.enter(null);
    this.changed();
  }

  get drawing() {
    return this.map.pm.Draw[this.mode === "hole" ? "Polygon" : this.kind.draw];
  }

  follow(working) {
    const grown = () => {
      const places = working.getLatLngs().map(({ lat, lng }) => [lng, lat]);
      this.points = places.length;
      this.refresh();
      if (this.mode === "hole") return;
      if (this.layer.shape === "line") this.growing(places.length > 1 ? { type: "LineString", coordinates: places } : null);
      else this.growing(places.length > 2 ? { type: "Polygon", coordinates: [[...places, places[0]]] } : null);
    };
    working.on("pm:vertexadded pm:vertexremoved", grown);
  }

  /** Begins to draw, to pierce or to remove; null: the parts can be changed. */
  enter(mode) {
    if (mode) this.told = "";
    if (this.mode && this.map.pm.globalDrawModeEnabled()) {
      this.mode = null;
      this.map.pm.disableDraw();
    }
    this.mode = mode;
    this.points = 0;
    if (this.unfinished) this.map.pm.enableDraw(this.drawing._shape, { finishOn: null });
    this.refresh();
    this.growing(this.geometry);
  }

  /** Handles and buttons follow what can be done now. */
  refresh() {
    const parts = this.group.getLayers();
    for (const part of parts) {
      if (this.mode === null) part.pm.enable({ allowSelfIntersection: false, snappable: true, snapDistance: SNAP });
      else part.pm.disable();
    }
    const { draw, hole, remove, undo, finish, cancel, hint } = this.buttons;
    const busy = this.mode !== null;
    draw.hidden = busy || (parts.length > 0 && !this.multi);
    draw.querySelector("span").textContent = parts.length ? this.kind.more : this.kind.title;
    draw.classList.toggle("strong", !parts.length);
    hole.hidden = busy || !parts.length || this.layer.shape !== "polygon";
    remove.hidden = busy || !parts.length;
    undo.hidden = this.mode === "remove";
    undo.disabled = this.unfinished ? !this.points : !this.past.length;
    finish.hidden = !this.unfinished;
    finish.disabled = this.points < (this.layer.shape === "line" ? 2 : 3);
    cancel.hidden = !busy;
    hint.textContent = this.hint(parts.length);
  }

  hint(parts) {
    if (this.mode === "remove") return "Ketuk bagian yang akan dihapus.";
    if (this.mode === "hole") return "Ketuk sudut-sudut lubang di dalam bidang, lalu Selesai.";
    if (this.mode === "draw") return "Ketuk sudut demi sudut, lalu Selesai. Titik melekat pada batas di dekatnya.";
    if (!parts || this.told) return this.told;
    return "Seret sudut untuk memindahkan, titik kecil untuk menambah; tekan lama atau klik kanan untuk menghapus sudut.";
  }

  makeButtons(tools) {
    const made = (name, title, act, look = "") => {
      const button = element("button", { type: "button", class: `button ${look}` });
      button.append(icon(name), element("span", {}, title));
      button.addEventListener("click", act);
      tools.append(button);
      return button;
    };
    const buttons = {
      draw: made(this.kind.icon, this.kind.title, () => this.enter("draw")),
      finish: made("check", "Selesai", () => this.drawing._finishShape(), "strong"),
      undo: made("undo-2", "Urungkan", () => this.undo()),
      hole: made("scissors", "Lubangi", () => this.enter("hole")),
      remove: made("trash-2", "Hapus bagian", () => this.enter("remove")),
      cancel: made("x", "Batal", () => this.enter(null)),
      hint: element("p", { class: "hint", role: "status" }),
    };
    tools.append(buttons.hint);
    return buttons;
  }
}
