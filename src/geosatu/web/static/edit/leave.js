// Signing out while this device keeps what was not sent: that is told, and the person chooses what becomes of it.

import { element } from "../map/dom.js";
import * as album from "./album.js";
import * as memory from "./memory.js";
import { Outbox, told } from "./outbox.js";
import { Service } from "./service.js";

const form = document.querySelector("form.sign-out");
const { account, root } = form.dataset;
const OUTBOX = `kirim:${account}:`;
const FORMS = `isian:${account}:`;

const dialog = element("dialog", { class: "leaving", "aria-labelledby": "leaving-title" });
const list = element("ul", {});
const state = element("p", { class: "leaving-state", role: "status" });
const send = button("Kirim sekarang, lalu keluar", "strong", sendAll);
const keep = button("Simpan di perangkat ini, lalu keluar", "", leave);
const discard = button("Buang, lalu keluar", "danger", throwAway);
let outbox = null;
let sure = false;

dialog.append(
  element("h2", { id: "leaving-title" }, "Ada yang belum terkirim"),
  element("p", {}, "Ini hanya ada di peramban ini, belum sampai ke layanan:"),
  list,
  state,
  send,
  keep,
  element("p", { class: "small" }, "Yang disimpan menunggu sampai Anda masuk lagi di peramban ini. Di komputer bersama, kirim dahulu."),
  discard,
  button("Batal keluar", "", () => dialog.close()),
);
document.body.append(dialog);

form.addEventListener("submit", (event) => {
  if (!show()) return;
  event.preventDefault();
  sure = false;
  state.textContent = "";
  discard.textContent = "Buang, lalu keluar";
  dialog.showModal();
});

/** Lists what is kept; how much that is. */
function show() {
  const entries = memory.keysOf(OUTBOX).map((key) => memory.recall(key)).filter(Boolean);
  const lines = [
    ...entries.map((entry) => [told(entry), entry.problem && entry.problem.title].filter(Boolean).join(": ")),
    ...memory.keysOf(FORMS).map(unsaved),
  ];
  list.replaceChildren(...lines.map((line) => element("li", {}, line)));
  send.hidden = entries.length === 0;
  return lines.length;
}

function unsaved(key) {
  const [layer, id] = key.slice(FORMS.length).split("/");
  return `Isian yang belum disimpan: ${layer.replaceAll("_", " ")} ${id === "baru" ? "baru" : `nomor ${id}`}`;
}

async function sendAll() {
  outbox = outbox || new Outbox(new Service({ root, account: Number(account), csrf: form.csrf.value }), show);
  send.disabled = true;
  state.textContent = "Mengirim …";
  await outbox.flush(true);
  send.disabled = false;
  if (!show()) return leave();
  if (outbox.signedOut) state.textContent = "Sesi Anda sudah berakhir. Masuk lagi, lalu kirim.";
  else if (outbox.unreachable) state.textContent = "Belum tersambung ke layanan; coba lagi, atau simpan di perangkat ini.";
  else if (outbox.entries.length) state.textContent = "Sebagian ditolak layanan; alasannya ada di daftar di atas.";
  else state.textContent = "Terkirim. Yang tersisa adalah isian yang belum Anda simpan.";
  return undefined;
}

function throwAway() {
  if (sure) {
    [...memory.keysOf(OUTBOX), ...memory.keysOf(FORMS)].forEach((key) => memory.forget(key));
    album.tidy(0).then(leave);
    return;
  }
  sure = true;
  state.textContent = "Yang dibuang tidak dapat dikembalikan.";
  discard.textContent = "Ya, buang dan keluar";
}

function leave() {
  form.submit();
}

function button(title, look, act) {
  const made = element("button", { type: "button", class: look }, title);
  made.addEventListener("click", act);
  return made;
}
