// The page of one feature: a form and a map, from a blank one or from what is stored, to what the service has.

import { element } from "../map/dom.js";
import * as address from "../map/address.js";
import * as format from "../map/format.js";
import * as album from "./album.js";
import { Conflict } from "./conflict.js";
import { Form } from "./form.js";
import { Gps } from "./gps.js";
import { lookAt, makeMap, Surroundings } from "./ground.js";
import * as measure from "./measure.js";
import * as memory from "./memory.js";
import { Outbox, told } from "./outbox.js";
import { Photos } from "./photos.js";
import { PointTool } from "./points.js";
import { SENT, Service, SIGNED_OUT, STALE, UNSENT } from "./service.js";
import { ShapeTool } from "./shapes.js";
import { Unsent } from "./unsent.js";
import { degreesIn, pairIn, rawOf, samePlace } from "./values.js";

const config = JSON.parse(document.getElementById("config").textContent);
const { layer, root, feature } = config;
const find = (selector) => document.querySelector(selector);
const save = find("#save");
const isPoint = layer.shape === "point";
const own = `${layer.name}/${feature ? feature.id : "baru"}`;
const draftKey = `isian:${config.account}:${own}`;

const service = new Service(config);
const outbox = new Outbox(service, () => unsent.show(), arrived);
const unsent = new Unsent(find(".unsent"), outbox, root);
const form = new Form(find("#form"), config.fields, edited);
const photoFields = config.fields.filter((field) => field.type === "photos");
const conflict = new Conflict(find("#conflict"), config);
const map = makeMap(config, find("#edit-map"), find(".map-tools"));
const tool = isPoint
  ? new PointTool(map, layer, placed)
  : new ShapeTool(map, layer, find(".draw-tools"), placed, tellMeasure);
const surroundings = new Surroundings(map, config, tellWhere);
const gps = isPoint ? new Gps(map, find("#gps"), located) : null;

/** The feature as the form was begun from, and what a new one will be known by. */
let base = feature;
let uid = memory.newUid();
const uidOf = () => (base ? base.properties.uid : uid);
let saving = false;
/** Whether this was sent before without a word of what became of it. */
let attempted = false;
/** The key of the entry that the form was opened from; null: from none. */
let held = null;
let warned = false;
/** Whether the place and its accuracy come from GPS. */
let measured = false;

// --- What stands in the form ------------------------------------------------------------------------------

/** Begins anew: with what is stored, or with a blank form. */
function begin() {
  base = feature;
  uid = memory.newUid();
  attempted = false;
  held = null;
  form.fill(feature && feature.properties);
  show(feature ? feature.geometry : null);
  noteMissing();
}

function show(geometry) {
  measured = false;
  tool.show(geometry);
  writePlace();
  tellWhere();
}

function edited(name) {
  if (name === "source" || name === "accuracy_m") measured = false;
  keep();
  noteMissing();
}

/** The place has changed: by hand, or found by GPS. */
function placed(byHand = true) {
  if (byHand && measured) {
    form.set("source", null);
    form.set("accuracy_m", null);
    measured = false;
    if (gps) gps.stop();
  }
  form.tell("geometry", "");
  writePlace();
  tellWhere();
  keep();
}

function located(latlng, accuracy) {
  tool.put(latlng, accuracy);
  form.set("source", "survei_gps");
  form.set("accuracy_m", accuracy);
  measured = true;
  keep();
}

function state() {
  return { uid, base, raws: form.raws, geometry: tool.geometry, measured, attempted };
}

/** Remembers the form as it stands, until it is saved; that of an entry which waits to be sent, with the entry. */
function keep() {
  const entry = held && outbox.entry(held);
  if (entry) outbox.put({ ...entry, form: state() });
  else memory.remember(draftKey, state());
  if (memory.lasting || warned) return;
  warned = true;
  tell("Peramban ini tidak dapat menyimpan isian: jangan tutup halaman ini sebelum tersimpan.");
}

function restore({ uid: known, base: seen, raws, geometry, measured: byGps }) {
  // Its photographs may have been sent for this uid.
  if (photoFields.some(({ name }) => raws[name])) uid = known;
  base = seen;
  form.raws = raws;
  show(geometry);
  measured = byGps;
  noteMissing();
}

function noteMissing() {
  const missing = form.missing(base);
  find("#note").textContent = missing.length ? `Masih perlu sebelum diajukan: ${missing.join(", ")}.` : "";
}

// --- Where it lies ----------------------------------------------------------------------------------------

function writePlace() {
  const [latitude, longitude] = [find("#lintang"), find("#bujur")];
  if (!latitude) return;
  const [lng, lat] = tool.geometry ? tool.geometry.coordinates : ["", ""];
  latitude.value = rawOf({ type: "decimal" }, lat);
  longitude.value = rawOf({ type: "decimal" }, lng);
}

function readPlace() {
  const [latitude, longitude] = [find("#lintang"), find("#bujur")];
  const pair = pairIn(latitude.value) || pairIn(longitude.value);
  const [lat, lng] = pair || [degreesIn(latitude.value), degreesIn(longitude.value)];
  if (!latitude.value.trim() || (!longitude.value.trim() && !pair)) return;
  if (Number.isNaN(lat) || Number.isNaN(lng)) {
    form.tell("geometry", "Tulis lintang dan bujur dalam derajat, misalnya -7,82280 dan 112,01200.");
    return;
  }
  if (Math.abs(lat) > 90 || Math.abs(lng) > 180) {
    const swapped = Math.abs(lat) <= 180 && Math.abs(lng) <= 90;
    const told = swapped ? "Lintang dan bujur tampaknya tertukar." : "Lintang paling jauh 90 dan bujur 180 derajat.";
    form.tell("geometry", `${told} Periksa kedua angkanya.`);
    return;
  }
  tool.put(L.latLng(lat, lng));
  if (pair) writePlace();
  lookAt(map, tool.geometry);
}

/** In which kelurahan the place lies, and whether that is one of the editor's. */
function tellWhere() {
  const where = find("#where");
  const geometry = tool && tool.geometry;
  const home = config.home && feature && (!config.home.field || config.home.values.includes(feature.properties[config.home.field]));
  where.classList.remove("wrong");
  if (home && samePlace(geometry, feature.geometry)) {
    where.textContent =
      "Ini rumah: yang tampak adalah titik wakil RT-nya, letak sebenarnya tidak ditampilkan. Selama tidak digeser, letaknya tetap.";
    return;
  }
  if (!geometry) {
    where.textContent = isPoint ? "Ketuk peta untuk meletakkan titik." : "";
    return;
  }
  const [lng, lat] = isPoint ? geometry.coordinates.flat(1) : geometry.coordinates.flat(3);
  const found = surroundings.kelurahanAt([lng, lat]);
  const theirs = found && config.areas.some((area) => found.code.startsWith(area));
  where.textContent = !found ? "" : `Di ${found.name} (${found.code})${theirs ? "." : ", di luar wilayah yang boleh Anda ubah."}`;
  where.classList.toggle("wrong", Boolean(found) && !theirs);
}

function tellMeasure(geometry) {
  find("#reading").textContent = geometry ? measure.written(geometry) : "";
}

// --- Saving -----------------------------------------------------------------------------------------------

function tell(sentence, action = null) {
  const line = element("p", { class: "said grave", role: "alert" }, element("span", {}, sentence));
  if (action) line.append(action);
  find("#above").replaceChildren(line);
  find("#above").scrollIntoView({ block: "center" });
}

async function submit() {
  if (saving) return;
  find("#above").replaceChildren();
  form.tell("geometry", "");
  const values = form.values();
  const { geometry } = tool;
  if (tool.unfinished) form.tell("geometry", "Selesaikan dahulu gambarnya dengan tombol Selesai.");
  else if (!geometry && !(base && !base.geometry)) {
    form.tell("geometry", isPoint ? "Letaknya belum ada. Ketuk peta, pakai Lokasi saya, atau isi lintang dan bujur." : "Letaknya belum ada. Gambar di peta.");
  }
  if (form.goToFault()) return;
  const properties = form.changes(values, base && base.properties);
  const moved = !base || !samePlace(geometry, base.geometry);
  if (base && !moved && !Object.keys(properties).length) {
    forgetDraft();
    tell("Tidak ada yang diubah.");
    return;
  }
  const body = { type: "Feature", properties };
  if (moved) body.geometry = geometry;
  if (!base) body.properties = { ...properties, uid };
  const ids = photoFields.flatMap(({ name }) => properties[name] || []);
  await send({
    key: uid,
    photos: { feature: uidOf(), ids },
    kind: base ? "change" : "create",
    layer: layer.name,
    id: base ? base.id : null,
    etag: base && base.etag,
    body,
    form: state(),
    title: titleOf(values),
    at: Date.now(),
  });
}

function titleOf(values) {
  const label = config.fields.find((field) => field.name === layer.label);
  const name = format.value({ ...label, type: label.shown }, values[layer.label]);
  return name ? `${layer.title} ${name}` : `${layer.title} (${label.title} belum diisi)`;
}

async function send(entry) {
  busy(true);
  const sending = outbox.send(entry);
  forgetDraft();
  const result = await sending;
  busy(false);
  if (result.state === SENT) return undefined;
  attempted = attempted || result.state === UNSENT;
  if (result.state === UNSENT) return later(entry);
  // What may have arrived before stays the same create.
  if (attempted && result.state === SIGNED_OUT) outbox.put({ ...entry, held: true });
  else outbox.remove(entry.key);
  if (entry.kind !== "delete") keep();
  if (result.state === SIGNED_OUT) return signIn(entry);
  if (result.state === STALE) return compare(entry, result.problem);
  if (!form.attribute(result.problem.title, layer.key)) tell(result.problem.title);
  else form.goToFault();
  return undefined;
}

function busy(on) {
  saving = on;
  save.disabled = on;
  save.querySelector("span").textContent = on ? "Menyimpan …" : save.dataset.title;
}

function forgetDraft() {
  memory.forget(draftKey);
}

function signIn({ kind }) {
  const link = element("a", { class: "button strong", href: unsent.signIn() }, "Masuk lagi");
  const remedy = kind === "delete" ? "Masuk lagi, lalu ulangi." : "Isian ini tersimpan di perangkat ini; masuk lagi, lalu simpan.";
  tell(`Sesi Anda sudah berakhir. ${remedy}`, link);
}

/** The service has an entry, perhaps that of this page, at once or after a while. */
function arrived(entry, result) {
  if (entry.key === uid) done(entry, result);
}

function done(entry, { id }) {
  const number = id || entry.id;
  const links = [];
  if (entry.kind === "delete") {
    links.push([`${root}riwayat/${layer.name}/${number}`, "Riwayat"], [root, "Ke peta"]);
    outcome(`${entry.title} dihapus. Data ini dapat dipulihkan dari riwayatnya.`, links);
    return;
  }
  const after = entry.kind === "change" ? entry.form.base.becomes : "draf";
  const how = after === "draf" ? "Tersimpan sebagai draf" : `Tersimpan, status ${config.statuses[after].toLowerCase()}`;
  if (number) links.push([`${root}ubah/${layer.name}/${number}`, "Ubah lagi"], [`${root}tinjauan/${layer.name}/${number}`, "Tinjau dan ajukan"]);
  links.push([mapAddress(), "Lihat di peta"]);
  outcome(`${how}: ${entry.title}.`, links);
}

/** The service could not be reached: it is kept here. */
function later(entry) {
  outcome(
    `Belum terkirim: ${told(entry)}. Tersimpan di perangkat ini dan terkirim sendiri bila jaringan kembali.`,
    [],
    "warn",
  );
}

function outcome(sentence, links, look = "") {
  const place = find("#outcome");
  const actions = element("p", { class: "actions" });
  const again = element("button", { type: "button", class: "button strong" }, `Tambah ${layer.title} lagi`);
  again.addEventListener("click", anew);
  if (!feature) actions.append(again);
  actions.append(...links.map(([href, title]) => element("a", { class: "button", href }, title)));
  place.replaceChildren(element("p", { class: `outcome ${look}`, role: "status" }, sentence), actions);
  place.hidden = false;
  find("#form").hidden = true;
  find(".edit-head").hidden = true;
  place.focus();
  window.scrollTo(0, 0);
}

/** Another new feature, on the same view of the map and without asking the service for a page. */
function anew() {
  if (location.search) history.replaceState(null, "", location.pathname);
  find("#outcome").hidden = true;
  find("#form").hidden = false;
  find(".edit-head").hidden = false;
  begin();
  map.invalidateSize();
  surroundings.again();
  find("h1").scrollIntoView({ block: "start" });
}

function mapAddress() {
  const { lat, lng } = map.getCenter();
  const layers = [config.territory.name, layer.name].filter((name, i, all) => all.indexOf(name) === i);
  return `${root}#${Math.max(Math.floor(map.getZoom()), layer.minZoom)}/${lat.toFixed(5)}/${lng.toFixed(5)}/${layers.join(",")}`;
}

// --- Two people at once -----------------------------------------------------------------------------------

async function compare(entry, problem) {
  const stored = await service.stored(layer.name, entry.id);
  if (!stored) return tell(`${problem.title} Jaringan sedang terputus; coba simpan lagi nanti.`);
  if (stored.gone) return tell(`${stored.gone} Isian Anda masih ada di halaman ini.`);
  if (entry.kind === "delete") {
    return tell(`${problem.title}`, element("a", { class: "button", href: location.pathname }, "Muat ulang"));
  }
  const values = form.values();
  const { geometry } = tool;
  find("#form").hidden = true;
  conflict.ask({ base, stored, values, geometry, problem }, (mine) => resolve(stored, values, geometry, mine), giveUp);
  return undefined;
}

/** The form holds what was chosen, over what is stored now. */
function resolve(stored, values, geometry, mine) {
  base = stored;
  for (const field of config.fields) {
    if (mine.includes(field.name)) continue;
    form.set(field.name, field.unseen ? null : stored.properties[field.name]);
  }
  if (!mine.includes("geometry")) show(stored.geometry);
  find("#form").hidden = false;
  keep();
  submit();
}

function giveUp() {
  forgetDraft();
  location.assign(location.pathname);
}

// --- Deleting ---------------------------------------------------------------------------------------------

function askDelete() {
  const dialog = find("#confirm");
  const name = format.name({ ...layer, fields: config.fields }, feature);
  const yes = element("button", { type: "button", class: "button danger" }, "Hapus");
  const no = element("button", { type: "button", class: "button" }, "Batal");
  const history = element("a", { href: `${root}riwayat/${layer.name}/${feature.id}` }, "riwayatnya");
  const told = element("p", {}, "Data ini hilang dari peta dan daftar. Ia dapat dipulihkan dari ", history, ".");
  dialog.replaceChildren(
    element("h2", { id: "confirm-title" }, `Hapus ${name}?`),
    told,
    element("p", { class: "actions" }, yes, no),
  );
  no.addEventListener("click", () => dialog.close());
  yes.addEventListener("click", () => {
    dialog.close();
    remove(name);
  });
  dialog.showModal();
  no.focus();
}

function remove(name) {
  if (saving) return;
  const title = `${layer.title} ${name}`;
  const about = { layer: layer.name, id: feature.id, etag: feature.etag, title, at: Date.now() };
  send({ key: uid, kind: "delete", ...about });
}

// --- The page begins --------------------------------------------------------------------------------------

function addTools() {
  const tools = find(".draw-tools");
  if (!isPoint) return;
  const here = element("button", { type: "button", class: "button", id: "here" }, "Lokasi saya");
  const middle = element("button", { type: "button", class: "button" }, "Letakkan di tengah peta");
  here.addEventListener("click", () => gps.start());
  middle.addEventListener("click", () => tool.put(map.getCenter()));
  tools.append(here, middle);
  for (const input of [find("#lintang"), find("#bujur")]) if (input) input.addEventListener("change", readPlace);
}

/** What somebody began before: an entry that was not sent, or a form that was not saved. */
function comeBack() {
  const key = new URLSearchParams(location.search).get("isian");
  const entry = key && outbox.entry(key);
  const draft = entry ? entry.form : memory.recall(draftKey);
  if (!draft || (entry && entry.kind === "delete")) return;
  restore(draft);
  if (entry) {
    // It is the same create, of which nobody knows whether it has arrived. A draft was never sent.
    uid = held = key;
    attempted = true;
    outbox.put({ ...entry, held: true });
  }
  if (entry && entry.problem) {
    if (entry.problem.status === 412) compare(entry, entry.problem);
    else if (!form.attribute(entry.problem.title, layer.key)) tell(entry.problem.title);
  } else if (!entry) {
    const button = element("button", { type: "button", class: "button" }, "Buang isian ini");
    button.addEventListener("click", giveUp);
    const line = element("p", { class: "said warn" }, element("span", {}, "Isian yang belum disimpan dipulihkan."), button);
    find("#above").replaceChildren(line);
  }
}

for (const { name, mostPhotos } of photoFields) {
  const about = { root, layer: layer.name, most: mostPhotos, feature: uidOf, tell: (fault) => form.tell(name, fault) };
  new Photos(find(`[data-photos="${name}"]`), about);
}
service.sending = (number, of) => {
  if (saving) save.querySelector("span").textContent = `Mengirim foto ${number} dari ${of} …`;
};
save.dataset.title = save.querySelector("span").textContent;
find("#form").addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
if (feature) find("#delete").addEventListener("click", askDelete);
find("#cancel").addEventListener("click", (event) => {
  if (memory.recall(draftKey) && !confirm("Buang isian yang belum disimpan?")) event.preventDefault();
  else forgetDraft();
});
addTools();
begin();
const view = address.read();
comeBack();
if (tool.geometry) lookAt(map, tool.geometry);
else if (view) map.setView(view.centre, view.zoom, { animate: false });
if (feature && location.hash === "#hapus") askDelete();
outbox.flush();
album.tidy();
window.geosatu = { map, tool, outbox };
document.body.dataset.state = "siap";
