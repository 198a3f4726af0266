// The strip that tells what has not been sent yet: how much, what, and why; always visible while there is any.

import { element } from "../map/dom.js";
import * as memory from "./memory.js";
import { told } from "./outbox.js";

export class Unsent {
  /** `place` is where the strip stands; `outbox` holds the entries. */
  constructor(place, outbox, root) {
    this.place = place;
    this.outbox = outbox;
    this.root = root;
    this.opened = false;
    this.show();
  }

  show() {
    const entries = this.outbox.waiting;
    const { others } = this.outbox;
    this.place.hidden = entries.length + others === 0;
    this.place.replaceChildren();
    if (entries.length) this.place.append(this.head(entries), this.list(entries));
    if (others) {
      const sentence = `Di perangkat ini ada ${others} data akun lain yang belum terkirim; ia terkirim bila akun itu masuk.`;
      this.place.append(element("p", { class: "small" }, sentence));
    }
  }

  head(entries) {
    const head = element("p", { class: "unsent-head" }, element("strong", {}, `Belum terkirim: ${entries.length}`));
    if (this.outbox.signedOut) head.append(element("a", { class: "button", href: this.signIn() }, "Masuk lagi"));
    else head.append(this.button("Kirim sekarang", () => this.outbox.flush(true)));
    if (this.outbox.unreachable) head.append(element("span", {}, "Belum tersambung; dicoba lagi sendiri."));
    if (!memory.lasting) {
      head.append(element("span", {}, "Peramban ini tidak dapat menyimpannya: jangan tutup halaman ini."));
    }
    return head;
  }

  list(entries) {
    const list = element("ul", {}, ...entries.map((entry) => this.line(entry)));
    const details = element("details", {}, element("summary", {}, "Lihat daftarnya"), list);
    details.open = this.opened || entries.some((entry) => entry.problem);
    details.addEventListener("toggle", () => {
      this.opened = details.open;
    });
    return details;
  }

  line(entry) {
    const at = new Date(entry.at).toLocaleString("id-ID", { dateStyle: "medium", timeStyle: "short" });
    const line = element("li", {}, element("span", {}, `${told(entry)}, ${at}`));
    const why = entry.problem ? entry.problem.title : entry.held ? "Sedang diubah; buka, lalu simpan." : "";
    if (why) line.append(element("span", { class: "fault" }, why));
    const place = entry.kind === "create" ? entry.layer : `${entry.layer}/${entry.id}`;
    line.append(
      element("a", { class: "button", href: `${this.root}ubah/${place}?isian=${entry.key}` }, "Buka"),
      this.button("Buang", () => {
        if (confirm(`Buang ${entry.title}? Isian ini belum terkirim dan tidak dapat dikembalikan.`)) {
          this.outbox.remove(entry.key);
        }
      }),
    );
    return line;
  }

  button(title, act) {
    const button = element("button", { type: "button", class: "button" }, title);
    button.addEventListener("click", act);
    return button;
  }

  signIn() {
    const path = location.pathname.slice(new URL(this.root, location).pathname.length);
    return `${this.root}masuk?lanjut=${encodeURIComponent(`/${path}`)}`;
  }
}
