// A field of photographs: taken or chosen, made smaller on this device, shown with a way to take them off.

import { element, icon } from "../map/dom.js";
import * as album from "./album.js";
import * as memory from "./memory.js";
import { photoAddress } from "./service.js";

/** Pixels of the longer side: enough to see, and little to send. Redrawing leaves out what the camera wrote. */
const LONGEST = 2048;
const QUALITY = 0.85;

export class Photos {
  /** `feature()` is the uid of the feature; `tell(sentence)` tells what went wrong at the field. */
  constructor(holder, { root, layer, most, feature, tell }) {
    Object.assign(this, { holder, root, layer, most, feature, tell });
    this.list = holder.querySelector("ul");
    this.input = holder.querySelector("input[type=hidden]");
    this.chooser = holder.querySelector("input[type=file]");
    this.input.addEventListener("written", () => this.show());
    this.chooser.addEventListener("change", () => this.add([...this.chooser.files]));
    this.drawn = new Map();
  }

  get ids() {
    return this.input.value ? this.input.value.split("\n") : [];
  }

  set ids(ids) {
    this.input.value = ids.join("\n");
    this.input.dispatchEvent(new Event("input", { bubbles: true }));
    this.show();
  }

  async add(files) {
    this.chooser.value = "";
    this.busy(true);
    let fault = "";
    for (const file of files) {
      if (this.ids.length >= this.most) {
        fault = `Paling banyak ${this.most} foto.`;
        break;
      }
      try {
        const id = memory.newUid();
        if (!(await album.remember(id, await smaller(file)))) {
          fault = "Peramban ini tidak dapat menyimpan foto: jangan tutup halaman ini sebelum tersimpan.";
        }
        this.ids = [...this.ids, id];
      } catch (error) {
        fault = `${file.name} bukan foto yang dapat dibaca peramban ini. Pilih foto JPEG, PNG atau WebP.`;
      }
    }
    this.busy(false);
    this.tell(fault);
  }

  busy(on) {
    this.holder.classList.toggle("is-busy", on);
    this.holder.setAttribute("aria-busy", on);
    this.chooser.disabled = on || this.ids.length >= this.most;
  }

  show() {
    const { ids } = this;
    for (const id of this.drawn.keys()) if (!ids.includes(id)) this.drawn.delete(id);
    this.list.replaceChildren(...ids.map((id, at) => this.drawn.get(id) || this.item(id, at)));
    this.list.hidden = ids.length === 0;
    this.chooser.disabled = ids.length >= this.most;
  }

  item(id, at) {
    const image = element("img", { alt: `Foto ${at + 1}`, width: 96, height: 96 });
    const off = element("button", { type: "button", title: "Lepas foto ini", "aria-label": `Lepas foto ${at + 1}` }, icon("x"));
    off.addEventListener("click", () => {
      this.ids = this.ids.filter((each) => each !== id);
      this.chooser.focus();
    });
    this.draw(image, id);
    const item = element("li", {}, image, off);
    this.drawn.set(id, item);
    return item;
  }

  async draw(image, id) {
    const here = await album.recall(id);
    image.src = here ? await asAddress(here) : photoAddress(this.root, this.layer, this.feature(), id, "-kecil");
  }
}

/** The photograph upright and no larger than it has to be. */
async function smaller(file) {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(bitmap.width * scale);
  canvas.height = Math.round(bitmap.height * scale);
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
  if (!blob) throw new Error("no picture");
  return blob;
}

/** A photograph of this device as the address of an image. */
function asAddress(blob) {
  return new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.readAsDataURL(blob);
  });
}
