// The map page: folium made the map, this fills it from the catalogue and brings the page to life.

import * as address from "./address.js";
import { Cards } from "./card.js";
import { Graticule } from "./graticule.js";
import { Inspector } from "./inspector.js";
import { Labels } from "./labels.js";
import { CROWDED, FAR, MapLayer } from "./layer.js";
import { Locator } from "./locate.js";
import { Messages } from "./messages.js";
import { Panel, WIDE } from "./panel.js";
import { Points, sharedCluster } from "./points.js";
import { Search } from "./search.js";
import * as server from "./server.js";
import { paneAt, Shapes } from "./shapes.js";
import { TiledLayer } from "./tiled.js";
import { VectorTiles } from "./tiles.js";
import { addButtons, addReadings } from "./tools.js";

const CLOSEST = 17;
const WAIT = 150;

const config = JSON.parse(document.getElementById("config").textContent);
const map = window.map;
const [west, south, east, north] = config.bounds;
const home = L.latLngBounds([south, west], [north, east]);
const find = (selector) => document.querySelector(selector);
let started = false;

const messages = new Messages(find(".messages"));
const panel = new Panel(find("#panel"), find("#panel-open"), turned);
const cluster = sharedCluster().addTo(map);
const layers = config.layers.map(mapLayer);
const territory = layers.find((layer) => layer.config.name === config.territory);
const inspector = new Inspector(map, layers, new Cards(config, territory), find(".sheet"), noCard);
const labels = new Labels(map, () => layers.filter((layer) => layer.config.labels).reverse());

function mapLayer(one, order) {
  const ground = one.name === config.territory;
  if (one.tiles && one.shape !== "point") return new TiledLayer(one, map, tilesOf(one, order, ground), changed);
  const drawings = [];
  if (one.shape !== "point") drawings.push(new Shapes(one, map, order, ground));
  if (one.shape === "point" || one.shape === "any") {
    drawings.push(new Points(one, cluster, (feature, latlng) => inspector.showPin(one, feature, latlng)));
  }
  return new MapLayer(one, map, drawings, changed, one.tiles ? tilesOf(one, order, false)[0] : null);
}

/** The tiles of a layer, on white paper if it is the ground of the others. */
function tilesOf(one, order, ground) {
  const layer = new VectorTiles(one, { pane: paneAt(map, `layer-${one.name}`, 400 + order) });
  return ground ? [new VectorTiles(one, { pane: paneAt(map, "ground", 180), ground }), layer] : [layer];
}

function noCard() {
  messages.show("feature", "Keterangan tempat ini belum dapat dimuat. Coba lagi.", { seconds: 8 });
}

function layerNamed(name) {
  return layers.find((layer) => layer.config.name === name);
}

/** The reader switched a layer. */
function turned(name, on) {
  const layer = layerNamed(name);
  layer.turn(on);
  messages.clear("far");
  if (layer.state === FAR) {
    messages.show("far", `Perbesar peta untuk melihat ${layer.config.title}.`, { seconds: 6 });
  }
  address.write(map, layers);
}

/** A layer does something else now: the page follows. */
function changed(layer) {
  panel.update(layer);
  if (!layer.loading) labels.refresh();
  if (started) settle();
}

/** What all layers together mean for the page; `siap` once everything that is switched on is there. */
function settle() {
  const loading = layers.some((layer) => layer.loading);
  const failed = layers.some((layer) => layer.failed);
  const crowded = layers.filter((layer) => layer.state === CROWDED && !layer.crowd).map((layer) => layer.config.title);
  find(".progress").hidden = !loading;
  if (failed) messages.show("server", "Data belum dapat dimuat.", { action: ["Coba lagi", refresh] });
  else if (!loading) messages.clear("server");
  if (crowded.length) messages.show("crowded", `Perbesar peta untuk melihat ${crowded.join(", ")}.`);
  else messages.clear("crowded");
  if (!loading) document.body.dataset.state = failed ? "gagal" : "siap";
}

function refresh() {
  layers.forEach((layer) => layer.refresh());
}

/** Shows the view and the layers of the address; without one the usual layers, where folium put the map. */
function follow() {
  const asked = address.read();
  if (asked) map.setView(asked.centre, asked.zoom, { animate: false });
  for (const layer of layers) {
    layer.turn(asked && asked.layers ? asked.layers.includes(layer.config.name) : layer.config.visible);
    panel.update(layer);
  }
}

/** Goes to a search result, switches its layer on and opens its card. */
async function go(result) {
  const [west, south, east, north] = result.bbox;
  map.fitBounds([[south, west], [north, east]], {
    maxZoom: CLOSEST,
    paddingTopLeft: [40, 40],
    // A sheet will cover the lower part of a narrow screen.
    paddingBottomRight: [40, WIDE.matches ? 40 : map.getSize().y * 0.55],
    animate: false,
  });
  panel.giveWay();
  const layer = layerNamed(result.layer);
  if (!layer) return;
  layer.turn(true);
  address.write(map, layers);
  try {
    inspector.show(layer.config, await server.feature(layer.config, result.id));
  } catch (error) {
    noCard();
  }
}

/** The base map, where there is one, can be put away; the map then looks as it does without. */
function offerBaseMap() {
  const tiles = window.tile_layer_base;
  if (!tiles) return;
  const box = find("[data-base] input");
  box.addEventListener("change", () => {
    if (box.checked) tiles.addTo(map);
    else tiles.remove();
    find("#map").classList.toggle("with-base", box.checked);
  });
  find("#map").classList.add("with-base");
}

window.geosatu = { map, layers };
new Graticule(map);
new Search(find("#search"), go);
new Locator(map, addButtons(map, find(".tools"), home), messages);
addReadings(map, find(".bar-scale"), find(".bar-place"), find(".bar-credit"));
offerBaseMap();

let waiting = null;
map.on("moveend", () => {
  if (started) address.write(map, layers);
  clearTimeout(waiting);
  waiting = setTimeout(refresh, WAIT);
});
map.on("click dragstart", () => panel.giveWay());
new ResizeObserver(() => map.invalidateSize()).observe(map.getContainer());
window.addEventListener("hashchange", follow);
window.addEventListener("online", refresh);

if (config.editing) {
  import("../edit/onmap.js").then(({ offerEditing }) => offerEditing(map, config.editing, messages));
}

follow();
started = true;
settle();
cluster.on("animationend", () => labels.refresh());
document.fonts.ready.then(() => labels.measureAgain());
