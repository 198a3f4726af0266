// Asking the map: what is here? A click opens the card of the smallest thing at the place, marks it, and
// offers the others. The card is a popup, or a sheet below the map where a popup would fill the screen.

import { iconButton } from "./dom.js";
import { areaOf, placeOf, pointsOf } from "./geometry.js";
import { WIDE } from "./panel.js";
import { pin } from "./pins.js";
import * as server from "./server.js";

/** How many pixels beside a line still count as on it. */
const REACH = 8;

const OUTLINE = [
  { color: "#ffffff", weight: 7, opacity: 0.9, fill: false },
  { color: "#0f4c52", weight: 3, fillColor: "#0f4c52", fillOpacity: 0.08 },
];

export class Inspector {
  /** `sheet` is the element for cards on narrow screens; `failed()` is called when a card cannot be fetched. */
  constructor(map, layers, cards, sheet, failed) {
    this.map = map;
    this.layers = layers;
    this.cards = cards;
    this.sheet = sheet;
    this.failed = failed;
    this.wanted = null;
    this.mark = L.layerGroup().addTo(map);
    map.createPane("mark").style.zIndex = 440;
    WIDE.addListener(() => this.close());
    map.on("click", (event) => this.ask(event.latlng));
    map.on("popupclose", (event) => this.putAway(event.popup.getElement()));
    map.getContainer().addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target === map.getContainer()) this.ask(map.getCenter(), true);
    });
  }

  /** Opens what lies at a place, if anything does. */
  ask(latlng, byKeyboard = false) {
    const found = this.under(latlng);
    if (found.length) this.open(found[0], latlng, found, { focus: byKeyboard });
    else this.close();
  }

  /** Opens the card of a feature wherever it is, as after a search. */
  show(layer, feature) {
    const [lng, lat] = placeOf(feature.geometry);
    this.open({ layer, feature }, L.latLng(lat, lng), [], { focus: true, above: isPoint(feature) });
  }

  /** Opens a pin's card, with the areas that it lies in. */
  showPin(layer, feature, latlng) {
    this.open({ layer, feature }, latlng, this.under(latlng), { above: true });
  }

  /** What lies at a place, but for pins, small before large. */
  under(latlng) {
    const point = this.map.latLngToContainerPoint(latlng);
    const reach = Math.abs(this.map.containerPointToLatLng(point.add([REACH, 0])).lng - latlng.lng);
    return this.layers
      .flatMap((layer) =>
        layer.at([latlng.lng, latlng.lat], reach).map((feature) => ({ layer: layer.config, feature })),
      )
      .map((found) => ({ ...found, area: areaOf(found.feature.geometry) }))
      .sort((one, other) => one.area - other.area);
  }

  /** Opens one of the things at a place; `above` leaves its pin free, `focus` moves the keyboard along. */
  async open(shown, latlng, all, { focus = false, above = false }) {
    this.wanted = shown;
    const feature = shown.feature.piece ? await this.whole(shown) : shown.feature;
    if (this.wanted !== shown || !feature) return;
    if (shown.feature.piece && isPoint(feature)) {
      const [lng, lat] = placeOf(feature.geometry);
      latlng = L.latLng(lat, lng);
      above = true;
    }
    const others = all.filter((other) => other.feature !== shown.feature);
    const choose = (other) => this.open(other, latlng, [shown, ...others], { focus: true, above });
    const card = this.cards.card(shown.layer, feature, latlng, others, choose);
    card.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
    this.close();
    if (WIDE.matches) this.popUp(card, latlng, above);
    else this.layOut(card, latlng);
    this.highlight(shown.layer, feature, latlng);
    if (focus) card.focus({ preventScroll: true });
  }

  /** The feature that a tile shows a piece of, or null. */
  async whole({ layer, feature }) {
    try {
      return await server.feature(layer, feature.id);
    } catch (error) {
      this.failed();
      return null;
    }
  }

  popUp(card, latlng, above) {
    const popup = L.popup({
      minWidth: 300,
      maxWidth: 340,
      maxHeight: Math.max(180, this.map.getSize().y - 150),
      offset: above ? [0, -30] : [0, 2],
      autoPanPaddingTopLeft: [12, 12],
      autoPanPaddingBottomRight: [64, 48],
      closeButtonLabel: "Tutup",
    })
      .setLatLng(latlng)
      .setContent(card)
      .openOn(this.map);
    card.addEventListener("grown", () => popup.update());
  }

  layOut(card, latlng) {
    const close = iconButton("x", "Tutup");
    close.addEventListener("click", () => this.close());
    this.sheet.append(close, card);
    this.sheet.hidden = false;
    this.map.panInside(latlng, {
      paddingTopLeft: [40, 60],
      paddingBottomRight: [60, this.sheet.offsetHeight + 20],
    });
  }

  close() {
    this.wanted = null;
    this.map.closePopup();
    if (!this.sheet.hidden) {
      this.putAway(this.sheet);
      this.sheet.hidden = true;
      this.sheet.textContent = "";
    }
  }

  /** The mark goes with the card, and the keyboard back to the map if the card had it. */
  putAway(holder) {
    this.mark.clearLayers();
    if (holder.contains(document.activeElement)) this.map.getContainer().focus();
  }

  highlight(layer, feature, latlng) {
    if (isPoint(feature)) {
      const icon = pin(layer, feature, "", "pin pin-chosen");
      this.mark.addLayer(L.marker(latlng, { icon, interactive: false, keyboard: false, zIndexOffset: 10000 }));
      return;
    }
    for (const style of OUTLINE) {
      this.mark.addLayer(L.geoJSON(feature, { pane: "mark", interactive: false, style }));
    }
  }
}

function isPoint(feature) {
  return pointsOf(feature.geometry).length > 0;
}
