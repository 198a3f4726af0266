// Two people changed a feature: what was, what is mine, what is stored now, and which of them is to hold.

import { element } from "../map/dom.js";
import * as format from "../map/format.js";
import { written } from "./measure.js";
import { same, samePlace } from "./values.js";

const MINE = { color: "#1864ab", weight: 3, fillOpacity: 0.12 };
const STORED = { color: "#c2410c", weight: 3, dashArray: "6 5", fillOpacity: 0.12 };
const PLACE = "geometry";

export class Conflict {
  constructor(place, config) {
    this.place = place;
    this.config = config;
  }

  /**
   * Lets somebody choose between their changes and what is stored; `base` is the feature as they saw it. Fields
   * that both left alone, or made the same, are not asked for. `chosen(names)` gets the names of what stays mine.
   */
  ask({ base, stored, values, geometry, problem }, chosen, givenUp) {
    const rows = this.rows({ base, stored, values, geometry, problem });
    const list = element("ul", { class: "versus" }, ...rows.map((row) => this.row(row, stored)));
    const save = element("button", { type: "button", class: "button strong" }, "Simpan pilihan");
    const stop = element("button", { type: "button", class: "button" }, "Batalkan perubahan saya");
    const left = element("p", { class: "small", role: "status" });
    const check = () => {
      const open = rows.filter((row) => !this.choice(row)).length;
      save.disabled = open > 0;
      left.textContent = open ? `Pilih untuk ${open} isian lagi.` : "";
    };
    list.addEventListener("change", check);
    save.addEventListener("click", () => {
      const mine = rows.filter((row) => this.choice(row) === "mine").map((row) => row.name);
      this.place.hidden = true;
      chosen(mine);
    });
    stop.addEventListener("click", givenUp);
    this.place.replaceChildren(
      element("h2", {}, "Data ini sudah diubah orang lain"),
      element("p", {}, this.told(stored)),
      list,
      left,
      element("p", { class: "actions" }, save, stop),
    );
    this.place.hidden = false;
    this.drawMaps(rows);
    check();
    this.place.focus();
    this.place.scrollIntoView({ block: "start" });
  }

  told(stored) {
    const { updated_by: by, updated_at: at, version } = stored.properties;
    const when = new Date(at).toLocaleTimeString("id-ID", { hour: "2-digit", minute: "2-digit", timeZone: "Asia/Jakarta" });
    return `Sementara Anda mengisi, ${by} menyimpan perubahan pada ${format.date(at)} pukul ${when} WIB (versi ${version}). Untuk setiap isian, pilih yang dipakai.`;
  }

  rows({ base, stored, values, geometry, problem }) {
    const rows = [];
    for (const field of this.config.fields) {
      const [was, mine, now] = [base.properties[field.name], values[field.name], stored.properties[field.name]];
      const shown = (value) => format.value({ ...field, type: field.shown }, value) || (field.unseen ? "Dikosongkan" : "Tidak diisi");
      if (field.unseen) {
        const changed = problem && (problem.berubah || []).includes(field.title);
        if (mine !== undefined && changed) rows.push(row(field, "(tidak ditampilkan)", shown(mine), "(tidak ditampilkan)", true, true));
        else if (mine !== undefined) rows.push(row(field, "(tidak ditampilkan)", shown(mine), "(tidak ditampilkan)", true, false));
        continue;
      }
      if (same(field, mine, now)) continue;
      rows.push(row(field, shown(was), shown(mine), shown(now), !same(field, mine, was), !same(field, now, was)));
    }
    if (!samePlace(geometry, stored.geometry)) {
      const told = (shape) => (shape ? written(shape) || coordinates(shape) : "Tidak ditampilkan");
      const [iMoved, theyMoved] = [!samePlace(geometry, base.geometry), !samePlace(stored.geometry, base.geometry)];
      const field = { name: PLACE, title: "Letak" };
      const one = row(field, told(base.geometry), told(geometry), told(stored.geometry), iMoved, theyMoved);
      rows.push({ ...one, shapes: [geometry, stored.geometry] });
    }
    return rows;
  }

  row(row, stored) {
    const who = stored.properties.updated_by;
    const told = row.iChanged && row.theyChanged
      ? `Anda dan ${who} sama-sama mengubahnya`
      : row.iChanged ? "Hanya Anda yang mengubahnya" : `Hanya ${who} yang mengubahnya`;
    const line = element("fieldset", { "data-row": row.name });
    line.append(
      element("legend", {}, row.title),
      element("p", { class: "small" }, `${told}. Semula: ${row.was}`),
      this.option(row, "mine", "Pakai punya saya", row.mine),
      this.option(row, "stored", "Pakai yang tersimpan", row.now),
    );
    if (row.shapes) line.append(element("div", { class: "versus-map", "aria-hidden": "true" }));
    return element("li", {}, line);
  }

  option(row, side, title, text) {
    const radio = element("input", { type: "radio", name: `pilih-${row.name}`, value: side, autocomplete: "off" });
    if (!(row.iChanged && row.theyChanged)) radio.checked = (side === "mine") === row.iChanged;
    const words = element("span", {}, element("b", {}, title), element("span", { class: `value ${side}` }, text));
    return element("label", { class: "option" }, radio, words);
  }

  choice(row) {
    const chosen = this.place.querySelector(`[name="pilih-${row.name}"]:checked`);
    return chosen && chosen.value;
  }

  drawMaps(rows) {
    for (const { name, shapes } of rows) {
      if (!shapes) continue;
      const holder = this.place.querySelector(`[data-row="${name}"] .versus-map`);
      const map = L.map(holder, { attributionControl: false, zoomControl: false, zoomSnap: 0.25, scrollWheelZoom: false, pmIgnore: true });
      const drawn = [[shapes[1], STORED], [shapes[0], MINE]].filter(([shape]) => shape).map(([shape, style]) =>
        L.geoJSON(shape, { style, pmIgnore: true, pointToLayer: (_, latlng) => L.circleMarker(latlng, { ...style, radius: 8 }) }),
      );
      map.fitBounds(L.featureGroup(drawn).getBounds().pad(0.3), { maxZoom: 19, animate: false });
      drawn.forEach((layer) => layer.addTo(map));
    }
  }
}

function row({ name, title }, was, mine, now, iChanged, theyChanged) {
  return { name, title, was, mine, now, iChanged, theyChanged };
}

function coordinates(shape) {
  const [lng, lat] = shape.type === "Point" ? shape.coordinates : shape.coordinates[0];
  return format.place({ lat, lng });
}
