// The small map on a page about data: the features of the page, or a whole layer from its tiles, on a quiet
// ground with the kelurahan around them.

import { element } from "../map/dom.js";
import * as format from "../map/format.js";
import { pointsOf } from "../map/geometry.js";
import { Graticule } from "../map/graticule.js";
import { Labels } from "../map/labels.js";
import { pin } from "../map/pins.js";
import { colourOf } from "../map/style.js";
import { VectorTiles } from "../map/tiles.js";

const CLOSEST = 17;
/** A lone point is shown with its surroundings. */
const ALONE = 15;
/** More kelurahan than this say nothing on so small a map. */
const AROUND = 200;
const NAMED = {
  label: "nama",
  title: "",
  fields: [{ name: "nama", title: "", type: "text", codes: {}, unit: null }],
  colour: "#55635f",
};
const OUTLINE = { color: "#7f8f8c", weight: 1, fillColor: "#fffefb", fillOpacity: 1, pane: "around", interactive: false };

const BEFORE = { color: "#8a5a00", weight: 2, dashArray: "4 4", fillOpacity: 0, interactive: false };

const config = JSON.parse(document.getElementById("config").textContent);
const layer = { ...config.layer, tiles: config.root + config.layer.tiles };
const [west, south, east, north] = config.bounds;

const map = L.map("small-map", {
  attributionControl: false,
  // A finger that scrolls the page must not move the map instead.
  dragging: !L.Browser.mobile,
  maxZoom: 20,
  minZoom: 4,
  scrollWheelZoom: false,
  zoomControl: false,
  zoomSnap: 0.25,
});
L.control.zoom({ zoomInTitle: "Perbesar", zoomOutTitle: "Perkecil" }).addTo(map);
map.fitBounds([[south, west], [north, east]], {
  padding: [28, 28],
  maxZoom: west === east && south === north ? ALONE : CLOSEST,
  animate: false,
});
new Graticule(map);
map.createPane("around").style.zIndex = 180;
showAround();
if (config.before) showBefore();
if (config.features) config.features.forEach(show);
else new VectorTiles(layer, { pane: "overlayPane" }).addTo(map);
window.geosatu = { map };

/** The kelurahan of the view, where they are few enough. */
async function showAround() {
  if (!config.around) return;
  const box = map.getBounds().pad(0.3).toBBoxString();
  const response = await fetch(`${config.root}${config.around}?f=json&limit=${AROUND}&bbox=${box}`);
  if (!response.ok) return;
  const found = await response.json();
  if (found.numberMatched > AROUND) return;
  L.geoJSON(found.features, { style: OUTLINE }).addTo(map);
  const labels = new Labels(map, () => [{ config: NAMED, toName: () => found.features }]);
  labels.refresh();
  document.fonts.ready.then(() => labels.measureAgain());
}

/** Where the feature lay before. */
function showBefore() {
  const drawn = (_, place) => L.circleMarker(place, { ...BEFORE, radius: 8 });
  L.geoJSON(config.before, { style: BEFORE, pointToLayer: drawn }).addTo(map);
}

function show(feature) {
  const drawn = pointsOf(feature.geometry).length ? points(feature) : shape(feature);
  if (config.features.length === 1) return;
  drawn.bindTooltip(() => element("span", {}, format.name(layer, feature)), { sticky: true, direction: "top" });
  drawn.on("click", () => location.assign(`${config.root}${layer.url}/${encodeURIComponent(feature.id)}`));
}

function points(feature) {
  const alone = config.features.length === 1;
  const colour = colourOf(layer, feature);
  const disc = { radius: 6, color: "#fff", weight: 1.5, fillColor: colour, fillOpacity: 1 };
  const places = pointsOf(feature.geometry).map(([lng, lat]) =>
    alone
      ? L.marker([lat, lng], { icon: pin(layer, feature, format.name(layer, feature)), interactive: false })
      : L.circleMarker([lat, lng], disc),
  );
  return L.featureGroup(places).addTo(map);
}

function shape(feature) {
  const colour = colourOf(layer, feature);
  return L.geoJSON(feature, {
    style: {
      color: colour,
      weight: Math.max(layer.width, 1.5),
      dashArray: layer.dash,
      fillColor: colour,
      fillOpacity: Math.max(layer.fillOpacity, 0.15),
      fill: layer.shape !== "line",
    },
  }).addTo(map);
}
