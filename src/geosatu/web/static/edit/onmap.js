// On the large map: the choice of a layer to add to, and what has not been sent yet.

import { Outbox } from "./outbox.js";
import { Service } from "./service.js";

export function offerEditing(map, editing, messages) {
  const outbox = new Outbox(new Service(editing), show);
  const dialog = document.getElementById("choose");

  function show() {
    const count = outbox.waiting.length;
    const action = ["Lihat", () => location.assign("ubah")];
    if (count) messages.show("unsent", `Belum terkirim: ${count}`, { action });
    else messages.clear("unsent");
  }

  const add = document.getElementById("add");
  add.disabled = false;
  add.addEventListener("click", () => {
    // The view goes along, so that the form opens where the reader looks.
    const { lat, lng } = map.getCenter();
    const view = `${Number(map.getZoom().toFixed(2))}/${lat.toFixed(5)}/${lng.toFixed(5)}`;
    for (const link of dialog.querySelectorAll("a")) link.hash = view;
    dialog.showModal();
  });
  document.getElementById("choose-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  show();
  outbox.flush();
}
