// What is told of a feature: the content of a popup.

import { element, icon } from "./dom.js";
import * as format from "./format.js";
import { mayChange } from "./server.js";
import { colourOf } from "./style.js";

/** A text of more letters stands below its title, not beside it. */
const LONG = 60;

export class Cards {
  /** `territory` is the map layer that knows the names of the kelurahan, if there is one. */
  constructor(config, territory) {
    this.statuses = config.statuses;
    this.sources = config.sources;
    this.territory = territory;
    this.editing = config.editing;
  }

  /** The card of a feature; `others` are further cards at the same place, opened with `choose(other)`. */
  card(layer, feature, latlng, others, choose) {
    const card = element("article", { class: "card", tabindex: "-1" });
    card.append(
      this.kind(layer, feature),
      element("h2", {}, format.name(layer, feature)),
      this.photos(layer, feature),
      this.facts(layer, feature),
      this.origin(feature),
      this.foot(layer, feature, latlng),
      this.actions(layer, feature),
    );
    if (others.length) card.append(this.others(others, choose));
    return card;
  }

  kind(layer, feature) {
    const mark = element("span", { class: "card-mark" });
    mark.style.backgroundColor = colourOf(layer, feature);
    if (layer.shape !== "polygon" && layer.shape !== "line") mark.append(icon(layer.icon));
    return element("p", { class: "card-kind" }, mark, layer.title);
  }

  photos(layer, feature) {
    const { properties } = feature;
    const ids = layer.fields.filter(isPhotos).flatMap((field) => listed(properties[field.name]));
    if (!ids.length) return "";
    const name = format.name(layer, feature);
    return element("p", { class: "card-photos" }, ...ids.map((id, at) => photo(layer, properties.uid, id, `${name}, foto ${at + 1}`)));
  }

  facts(layer, feature) {
    const list = element("dl", { class: "facts" });
    const rows = layer.fields
      .filter((field) => field.name !== layer.label && !isPhotos(field))
      .map((field) => [field.title, format.value(field, feature.properties[field.name])]);
    for (const [title, text] of [...rows, this.owner(layer, feature)]) {
      if (!text) continue;
      const looks = { class: text.length > LONG ? "long" : null };
      list.append(element("dt", looks, title), element("dd", looks, text));
    }
    return list;
  }

  /** Whose data it is: the kelurahan by name where the map knows it. */
  owner(layer, feature) {
    const code = feature.properties.kode_wilayah;
    const known = this.territory && this.territory.features.find((one) => one.properties.kode_wilayah === code);
    if (!code || !known || layer === this.territory.config) return ["Kode wilayah", code];
    const kind = /\.1\d{3}$/.test(code) ? "Kelurahan" : "Desa";
    return [kind, `${format.name(this.territory.config, known)} (${code})`];
  }

  origin(feature) {
    const { source, accuracy_m: accuracy, status, updated_at: updated } = feature.properties;
    const parts = [
      source && `Sumber data: ${this.sources[source] || source}`,
      accuracy !== null && accuracy !== undefined && `akurasi ${format.number(accuracy)} m`,
      status && `status: ${(this.statuses[status] || status).toLowerCase()}`,
      updated && `diperbarui ${format.date(updated)}`,
    ];
    const text = parts.filter(Boolean).join(" · ");
    return text ? element("p", { class: "card-origin" }, capital(text)) : "";
  }

  foot(layer, feature, latlng) {
    const foot = element("p", { class: "card-foot" }, element("span", {}, format.place(latlng)));
    if (layer.paged) {
      const address = `${layer.url}/${encodeURIComponent(feature.id)}`;
      foot.append(element("a", { href: address, target: "_blank", rel: "noopener" }, "GeoJSON"));
    }
    return foot;
  }

  /** What the reader may do with the feature, where it is theirs to change. */
  actions(layer, feature) {
    if (!this.editing) return "";
    const code = feature.properties.kode_wilayah || "";
    const within = (areas) => (areas[layer.name] || []).some((area) => code.startsWith(area));
    const place = `${layer.name}/${encodeURIComponent(feature.id)}`;
    const link = (name, title, address) => element("a", { href: address }, icon(name), title);
    const actions = element(
      "p",
      { class: "card-actions" },
      link("pencil", "Ubah", `ubah/${place}`),
      link("history", "Riwayat", `riwayat/${place}`),
      link("trash-2", "Hapus", `ubah/${place}#hapus`),
    );
    if (within(this.editing.areas)) return actions;
    return within(this.editing.own) ? ifTheirs(layer, feature, actions) : "";
  }

  others(others, choose) {
    const list = element("div", { class: "card-others" }, element("span", {}, "Juga di sini"));
    for (const other of others) {
      const mark = element("span", { class: "card-mark" });
      mark.style.backgroundColor = colourOf(other.layer, other.feature);
      const button = element("button", { type: "button" }, mark, format.name(other.layer, other.feature));
      button.title = other.layer.title;
      button.addEventListener("click", () => choose(other));
      list.append(button);
    }
    return list;
  }
}

/** The actions, which show themselves once the service says that the feature is the reader's own. */
function ifTheirs(layer, feature, actions) {
  actions.hidden = true;
  mayChange(layer, feature.id).then((may) => {
    actions.hidden = !may;
    if (may) actions.dispatchEvent(new Event("grown", { bubbles: true }));
  });
  return actions;
}

function isPhotos(field) {
  return field.type === "photos";
}

/** A list, which some answers bring as its JSON. */
function listed(value) {
  return typeof value === "string" ? JSON.parse(value) : value || [];
}

/** A thumbnail that opens the photograph; one that cannot be had is left out. */
function photo(layer, uid, id, title) {
  const place = `foto/${layer.name}/${uid}/${id}`;
  const image = element("img", { src: `${place}-kecil.jpg`, alt: title, loading: "lazy" });
  const link = element("a", { href: `${place}.jpg`, target: "_blank", rel: "noopener" }, image);
  image.addEventListener("error", () => link.remove());
  return link;
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
