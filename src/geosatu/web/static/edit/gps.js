// My location, from several fixes of the device: their mean, weighted by how sure the device was of each.

import { element } from "../map/dom.js";
import * as format from "../map/format.js";
import { INSECURE, TROUBLE } from "../map/locate.js";

/** So many fixes, or as many as come in so many milliseconds after the first. */
const ENOUGH = 10;
const LONG_ENOUGH = 15000;

/** Fixes that are so many times less sure than the best one are left out. */
const WORSE = 3;

/** Metres; what is less sure than this is warned of. */
export const GOOD = 10;

export class Gps {
  /** `panel` tells how far it is; `found(latlng, accuracy)` is called once. */
  constructor(map, panel, found) {
    this.map = map;
    this.panel = panel;
    this.found = found;
    this.fixes = [];
    this.watch = null;
    this.mark = L.circle([0, 0], { interactive: false, color: "#1864ab", weight: 1, fillOpacity: 0.12 });
  }

  start() {
    this.stop();
    if (!window.isSecureContext || !navigator.geolocation) return this.say(INSECURE);
    this.say("Mencari lokasi Anda …", ["Batal", () => this.stop()]);
    this.watch = navigator.geolocation.watchPosition(
      ({ coords }) => this.take(coords),
      ({ code }) => this.fixes.length === 0 && this.fail(TROUBLE[code] || TROUBLE[2]),
      { enableHighAccuracy: true, timeout: 20000, maximumAge: 0 },
    );
  }

  take({ latitude, longitude, accuracy }) {
    this.fixes.push({ latitude, longitude, accuracy: Math.max(accuracy, 0.1) });
    if (this.fixes.length === 1) this.timer = setTimeout(() => this.finish(), LONG_ENOUGH);
    const mean = meanOf(this.fixes);
    this.mark.setLatLng(mean.latlng).setRadius(mean.accuracy).addTo(this.map);
    if (this.fixes.length === 1) this.map.fitBounds(this.mark.getBounds().pad(0.5), { maxZoom: 19, animate: false });
    if (this.fixes.length >= ENOUGH) return this.finish();
    const told = `Mengukur ${this.fixes.length} dari ${ENOUGH} kali, akurasi ${format.number(Math.round(mean.accuracy))} m. Diam di tempat.`;
    this.say(told, ["Pakai sekarang", () => this.finish()], ["Batal", () => this.stop()]);
  }

  finish() {
    if (!this.fixes.length) return;
    const { latlng, accuracy, count } = meanOf(this.fixes);
    this.stop();
    this.found(latlng, accuracy);
    const told = `Rata-rata ${count} pengukuran GPS, akurasi ${format.number(accuracy)} m.`;
    const poor = " Lebih dari 10 m: ulangi di tempat terbuka, atau geser titiknya di peta.";
    this.say(accuracy > GOOD ? told + poor : told, ["Ukur lagi", () => this.start()]);
    this.panel.classList.toggle("warn", accuracy > GOOD);
  }

  fail(sentence) {
    this.stop();
    this.say(sentence, ["Coba lagi", () => this.start()]);
  }

  stop() {
    if (this.watch !== null) navigator.geolocation.clearWatch(this.watch);
    clearTimeout(this.timer);
    this.watch = null;
    this.fixes = [];
    this.mark.remove();
    this.panel.hidden = true;
    this.panel.classList.remove("warn");
  }

  say(sentence, ...actions) {
    const buttons = actions.map(([title, act]) => {
      const button = element("button", { type: "button", class: "button" }, title);
      button.addEventListener("click", act);
      return button;
    });
    this.panel.replaceChildren(element("span", {}, sentence), ...buttons);
    this.panel.hidden = false;
  }
}

/** The weighted mean of fixes, and what the device says of the accuracy of those that were taken. */
export function meanOf(fixes) {
  const best = Math.min(...fixes.map((fix) => fix.accuracy));
  const taken = fixes.filter((fix) => fix.accuracy <= best * WORSE);
  const weights = taken.map((fix) => 1 / (fix.accuracy * fix.accuracy));
  const sum = weights.reduce((one, other) => one + other);
  const mean = (name) => taken.reduce((so, fix, i) => so + fix[name] * weights[i], 0) / sum;
  // Fixes of one phone err together, so that many of them are not surer than one of the better half.
  const accuracy = taken.map((fix) => fix.accuracy).sort((one, other) => one - other)[Math.floor((taken.length - 1) / 2)];
  const latlng = L.latLng(mean("latitude"), mean("longitude"));
  return { latlng, accuracy: Math.round(accuracy * 10) / 10, count: taken.length };
}
