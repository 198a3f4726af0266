// Search by name: results as one types, chosen with the arrow keys or a tap.

import { element } from "./dom.js";
import { search } from "./server.js";

const WAIT = 250;
const SHORTEST = 2;

export class Search {
  /** `chosen(result)` is called with the result that the reader picks. */
  constructor(input, chosen) {
    this.input = input;
    this.chosen = chosen;
    this.list = document.getElementById("search-results");
    this.box = this.list.parentElement;
    this.note = this.box.querySelector(".search-note");
    this.results = [];
    this.active = -1;
    input.addEventListener("input", () => this.later());
    input.addEventListener("keydown", (event) => this.key(event));
    input.addEventListener("focus", () => this.results.length && this.open(true));
    document.addEventListener("pointerdown", (event) => {
      if (!input.parentElement.contains(event.target)) this.open(false);
    });
    input.parentElement.addEventListener("focusout", (event) => {
      if (event.relatedTarget && !input.parentElement.contains(event.relatedTarget)) this.open(false);
    });
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), WAIT);
  }

  async ask() {
    if (this.request) this.request.abort();
    const text = this.input.value.trim();
    if (text.length < SHORTEST) {
      this.show([], "");
      return;
    }
    const request = new AbortController();
    this.request = request;
    try {
      const results = await search(text, request.signal);
      this.show(results, results.length ? "" : `Tidak ada yang cocok dengan “${text}”.`);
    } catch (error) {
      if (!request.signal.aborted) this.show([], "Pencarian belum dapat dilakukan. Coba lagi.");
    }
  }

  show(results, note) {
    this.results = results;
    this.list.textContent = "";
    results.forEach((result, at) => this.list.append(this.option(result, at)));
    this.note.textContent = note;
    this.note.hidden = note === "";
    this.point(-1);
    this.open(results.length > 0 || note !== "");
  }

  option(result, at) {
    const option = element(
      "li",
      { role: "option", id: `search-result-${at}`, "data-layer": result.layer, "aria-selected": "false" },
      element("span", { class: "result-title" }, result.title),
      element("span", { class: "result-kind" }, result.subtitle),
    );
    option.addEventListener("pointerdown", (event) => event.preventDefault());
    option.addEventListener("click", () => this.pick(at));
    return option;
  }

  key(event) {
    const last = this.results.length - 1;
    if (event.key === "Escape") {
      this.open(false);
    } else if (event.key === "ArrowDown" && last >= 0) {
      event.preventDefault();
      this.open(true);
      this.point(this.active >= last ? 0 : this.active + 1);
    } else if (event.key === "ArrowUp" && last >= 0) {
      event.preventDefault();
      this.point(this.active <= 0 ? last : this.active - 1);
    } else if (event.key === "Enter" && last >= 0) {
      event.preventDefault();
      this.pick(Math.max(this.active, 0));
    }
  }

  /** Moves the mark in the list; the input keeps the focus. */
  point(at) {
    this.active = at;
    [...this.list.children].forEach((option, index) => option.setAttribute("aria-selected", index === at));
    const option = this.list.children[at];
    if (option) {
      this.input.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else {
      this.input.removeAttribute("aria-activedescendant");
    }
  }

  pick(at) {
    const result = this.results[at];
    this.input.value = result.title;
    this.open(false);
    this.input.blur();
    this.chosen(result);
  }

  open(wanted) {
    this.box.hidden = !wanted;
    this.input.setAttribute("aria-expanded", wanted);
  }
}
