// The list of layers, which is the legend as well: a panel beside the map, or a sheet over it on a phone.

import * as format from "./format.js";
import { CROWDED, EMPTY, FAILED, FAR, LOADING } from "./layer.js";

/** Whether there is room for a panel beside the map, as on paper. */
export const WIDE = matchMedia("print, (min-width: 800px)");

export class Panel {
  /** `turned(name, on)` is called when the reader switches a layer. */
  constructor(root, opener, turned) {
    this.root = root;
    this.opener = opener;
    this.entries = new Map();
    for (const entry of root.querySelectorAll("[data-layer]")) {
      const box = entry.querySelector("input");
      box.addEventListener("change", () => turned(entry.dataset.layer, box.checked));
      this.entries.set(entry.dataset.layer, entry);
    }
    for (const button of root.querySelectorAll(".entry-info")) {
      button.addEventListener("click", () => this.tell(button));
    }
    root.querySelector("#panel-close").addEventListener("click", () => this.open(false));
    opener.addEventListener("click", () => this.open(true));
    root.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !WIDE.matches) this.open(false);
    });
    WIDE.addListener(() => this.open(WIDE.matches, false));
    this.open(WIDE.matches, false);
  }

  /** Opens or closes the panel; the focus goes along with the one who asked for it. */
  open(wanted, focus = true) {
    document.body.dataset.panel = wanted ? "open" : "closed";
    this.opener.setAttribute("aria-expanded", wanted);
    if (focus) (wanted ? this.root.querySelector("#panel-close") : this.opener).focus();
  }

  /** Makes room for the map where the panel lies over it. */
  giveWay() {
    if (!WIDE.matches && document.body.dataset.panel === "open") this.open(false, false);
  }

  tell(button) {
    const about = document.getElementById(button.getAttribute("aria-controls"));
    about.hidden = !about.hidden;
    button.setAttribute("aria-expanded", !about.hidden);
  }

  /** Shows what a layer is doing. */
  update(layer) {
    const entry = this.entries.get(layer.config.name);
    entry.dataset.on = layer.on;
    entry.dataset.state = layer.state;
    entry.querySelector("input").checked = layer.on;
    const hint = entry.querySelector(".entry-hint");
    hint.textContent = hintOf(layer);
    hint.hidden = hint.textContent === "";
  }
}

/** How many features the view has; so many are not counted to the last one. */
function manyOf(layer) {
  return layer.matched === null ? "sangat banyak" : format.number(layer.matched);
}

function hintOf(layer) {
  switch (layer.state) {
    case FAR:
      return "Perbesar peta untuk melihat lapisan ini.";
    case CROWDED:
      if (layer.crowd) return `Ada ${manyOf(layer)} data di tampilan ini, digambar sebagai titik kecil.`;
      return `Perbesar peta untuk melihat lapisan ini: ada ${manyOf(layer)} data di tampilan sekarang.`;
    case LOADING:
      return "Memuat …";
    case FAILED:
      return "Data belum dapat dimuat.";
    case EMPTY:
      return "Belum ada data.";
    default:
      return layer.config.empty ? "Belum ada data." : "";
  }
}
