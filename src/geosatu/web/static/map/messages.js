// One line at the top of the map: what could not be done, and what to do about it.

import { element, iconButton } from "./dom.js";

export class Messages {
  constructor(place) {
    this.place = place;
    this.shown = new Map();
  }

  /** Shows a sentence under a key, in place of an earlier one; `action` is [title, what to do]. */
  show(key, sentence, { action = null, seconds = 0 } = {}) {
    const before = this.shown.get(key);
    if (before && before.sentence === sentence) return;
    this.clear(key);
    const message = element("p", { class: "message" }, element("span", {}, sentence));
    if (action) {
      const button = element("button", { type: "button", class: "message-action" }, action[0]);
      button.addEventListener("click", action[1]);
      message.append(button);
    }
    const close = iconButton("x", "Tutup pesan");
    close.addEventListener("click", () => message.remove());
    message.append(close);
    this.place.append(message);
    this.shown.set(key, { sentence, message });
    if (seconds) setTimeout(() => message.isConnected && this.clear(key), seconds * 1000);
  }

  clear(key) {
    const before = this.shown.get(key);
    if (before) before.message.remove();
    this.shown.delete(key);
  }
}
