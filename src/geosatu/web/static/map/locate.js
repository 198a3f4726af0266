// My location: where the reader stands, and how sure the device is of it.

import * as format from "./format.js";

/** What a refusal of the device means, by its code. */
export const TROUBLE = {
  1: "Izin lokasi ditolak. Izinkan lokasi untuk situs ini di pengaturan peramban Anda.",
  2: "Lokasi Anda tidak ditemukan. Nyalakan GPS, lalu coba lagi.",
  3: "Lokasi Anda tidak ditemukan. Coba lagi di tempat terbuka.",
};

export const INSECURE = "Lokasi hanya dapat dipakai bila alamat situs ini diawali https.";

const AROUND = { pane: "mark", interactive: false, color: "#1864ab", weight: 1, fillOpacity: 0.12 };
const HERE = {
  pane: "mark",
  interactive: false,
  radius: 7,
  color: "#fff",
  weight: 2.5,
  fillColor: "#1864ab",
  fillOpacity: 1,
};

export class Locator {
  constructor(map, button, messages) {
    this.map = map;
    this.button = button;
    this.messages = messages;
    this.mark = L.layerGroup();
    this.following = false;
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => (this.following ? this.stop() : this.start()));
    map.on("locationfound", (event) => this.found(event));
    map.on("locationerror", (event) => this.trouble(event));
  }

  start() {
    if (!window.isSecureContext) {
      this.messages.show("locate", INSECURE, { seconds: 10 });
      return;
    }
    this.following = true;
    this.first = true;
    this.button.setAttribute("aria-pressed", "true");
    this.mark.addTo(this.map);
    this.map.locate({ watch: true, enableHighAccuracy: true, timeout: 20000, maximumAge: 5000 });
    this.messages.show("locate", "Mencari lokasi Anda …");
  }

  stop() {
    this.map.stopLocate();
    this.mark.clearLayers().remove();
    this.following = false;
    this.button.setAttribute("aria-pressed", "false");
    this.messages.clear("locate");
  }

  found({ latlng, accuracy, bounds }) {
    if (!this.following) return;
    this.mark.clearLayers();
    L.circle(latlng, { ...AROUND, radius: accuracy }).addTo(this.mark);
    L.circleMarker(latlng, HERE).addTo(this.mark);
    if (this.first) this.map.fitBounds(bounds, { maxZoom: 17 });
    this.first = false;
    this.messages.show("locate", `Akurasi lokasi Anda ${format.number(Math.round(accuracy))} m.`, { seconds: 6 });
  }

  trouble({ code }) {
    if (!this.following) return;
    this.stop();
    this.messages.show("locate", TROUBLE[code] || TROUBLE[2], { seconds: 10 });
  }
}
