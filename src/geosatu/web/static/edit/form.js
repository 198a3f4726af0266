// The fields of the form: what stands in them, what is wrong with it, and what the service said about which.

import { rawOf, same, valueOf } from "./values.js";

export class Form {
  /** `changed()` is called whenever somebody writes. */
  constructor(root, fields, changed) {
    this.root = root;
    this.fields = fields;
    this.named = new Map(fields.map((field) => [field.name, field]));
    const edited = (event) => {
      if (!this.named.has(event.target.name)) return;
      this.tell(event.target.name, "");
      changed(event.target.name);
    };
    root.addEventListener("input", edited);
    for (const box of root.querySelectorAll("[data-empties]")) {
      box.addEventListener("change", () => {
        this.write(box.dataset.empties, box.checked ? null : "");
        this.tell(box.dataset.empties, "");
        changed(box.dataset.empties);
      });
    }
    root.addEventListener("change", (event) => {
      edited(event);
      const field = this.named.get(event.target.name);
      if (field) this.tell(field.name, valueOf(field, this.raw(field.name)).fault || "");
    });
  }

  inputs(name) {
    return [...this.root.querySelectorAll(`[name="${name}"]`)];
  }

  /** The box that empties a field whose value is not shown, or null. */
  emptying(name) {
    return this.root.querySelector(`[data-empties="${name}"]`);
  }

  /** What stands in a field: a text, or the codes that are ticked; null: it is to be emptied, whatever it holds. */
  raw(name) {
    const inputs = this.inputs(name);
    const box = this.emptying(name);
    if (box && box.checked) return null;
    if (inputs[0].type !== "checkbox") return inputs[0].value;
    return inputs.filter((box) => box.checked).map((box) => box.value);
  }

  write(name, raw) {
    const inputs = this.inputs(name);
    const box = this.emptying(name);
    if (box) {
      box.checked = raw === null;
      inputs[0].placeholder = raw === null ? "Akan dikosongkan" : "";
    }
    inputs.forEach((input) => (input.disabled = raw === null));
    if (inputs[0].type === "checkbox") inputs.forEach((each) => (each.checked = (raw || []).includes(each.value)));
    else inputs[0].value = raw || "";
    inputs[0].dispatchEvent(new Event("written"));
  }

  set(name, value) {
    this.write(name, rawOf(this.named.get(name), value));
    this.tell(name, "");
  }

  /** All fields as they stand there, also what is half typed. */
  get raws() {
    return Object.fromEntries(this.fields.map(({ name }) => [name, this.raw(name)]));
  }

  set raws(given) {
    for (const { name } of this.fields) {
      if (given[name] !== undefined) this.write(name, given[name]);
      this.tell(name, "");
    }
  }

  /** Shows values; of a new feature those that fields begin with. */
  fill(properties) {
    for (const field of this.fields) {
      this.set(field.name, properties ? properties[field.name] : field.default);
    }
  }

  /**
   * The value of each field; faults are told at their fields, and the value is then undefined. That of a field which
   * is not shown is undefined too where it stays.
   */
  values() {
    const values = {};
    for (const field of this.fields) {
      const raw = this.raw(field.name);
      const { value, fault } = raw === null ? { value: null } : valueOf(field, raw);
      this.tell(field.name, fault || "");
      const stays = value === null && raw !== null && this.emptying(field.name);
      values[field.name] = stays ? undefined : value;
    }
    return values;
  }

  /** The fields that are worth sending: all that are filled, or what differs from the properties that there were. */
  changes(values, base) {
    const changed = this.fields.filter((field) => {
      const value = values[field.name];
      if (!base) return value !== null;
      // What cannot be read is replaced, emptied, or left alone.
      if (field.unseen) return value !== undefined;
      return !same(field, value, base[field.name]);
    });
    return Object.fromEntries(changed.map(({ name }) => [name, values[name]]));
  }

  /** The titles of the fields that have to be filled before the feature is handed in. */
  missing(base) {
    return this.fields
      .filter((field) => field.required)
      .filter((field) => {
        const raw = this.raw(field.name);
        return raw === null || (raw.length === 0 && !(field.unseen && base));
      })
      .map((field) => field.title);
  }

  tell(name, sentence) {
    const place = this.root.querySelector(`#e-${name}`);
    if (!place || place.textContent === sentence) return;
    place.textContent = sentence;
    place.hidden = sentence === "";
    this.inputs(name).forEach((input) => input.setAttribute("aria-invalid", sentence !== ""));
  }

  /** The first field with a fault gets the focus; false: there is none. */
  goToFault() {
    const fault = [...this.root.querySelectorAll(".fault")].find((place) => !place.hidden);
    if (!fault) return false;
    const holder = fault.closest("[data-field]");
    const input = holder.querySelector("input, select, textarea") || holder;
    holder.scrollIntoView({ block: "center" });
    input.focus({ preventScroll: true });
    return true;
  }

  /** Shows a sentence of the service at the fields that it names; false: it names none. */
  attribute(sentence, key) {
    const plain = sentence.replace(/^Fitur [^:]{1,20}: /, "");
    const begun = this.fields.find((field) => plain.startsWith(`${field.title}: `));
    if (begun) this.tell(begun.name, plain.slice(begun.title.length + 2));
    const lacking = /tidak boleh kosong: (.*?)\. /.exec(plain);
    const names = lacking ? lacking[1].split(", ") : / sudah dipakai fitur lain/.test(plain) ? key : [];
    const meant = this.fields.filter((field) => names.includes(field.title) || names.includes(field.name));
    meant.forEach((field) => this.tell(field.name, lacking ? "Wajib diisi." : plain));
    if (begun || meant.length) return true;
    if (!/lintang|bujur|letak|geometri|bidang|garis|poligon|kelurahan|tumpang|koordinat/i.test(plain)) return false;
    this.tell("geometry", plain);
    return true;
  }
}
