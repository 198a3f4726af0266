// The buttons and readings around the map: zoom, whole area, full screen, scale, coordinates, credit.

import { iconButton } from "./dom.js";
import * as format from "./format.js";

/** Adds the buttons; gives back the one for the reader's own location. */
export function addButtons(map, place, home) {
  const closer = iconButton("plus", "Perbesar");
  const farther = iconButton("minus", "Perkecil");
  const whole = iconButton("house", "Lihat seluruh wilayah");
  const here = iconButton("locate-fixed", "Lokasi saya");
  closer.addEventListener("click", () => map.zoomIn());
  farther.addEventListener("click", () => map.zoomOut());
  whole.addEventListener("click", () => map.fitBounds(home));
  place.append(closer, farther, whole, here);
  if (document.fullscreenEnabled) place.append(fullScreenButton());
  map.on("zoomend", () => {
    closer.disabled = map.getZoom() >= map.getMaxZoom();
    farther.disabled = map.getZoom() <= map.getMinZoom();
  });
  return here;
}

function fullScreenButton() {
  const button = iconButton("maximize", "Layar penuh");
  const use = button.querySelector("use");
  button.addEventListener("click", () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else document.documentElement.requestFullscreen();
  });
  document.addEventListener("fullscreenchange", () => {
    const full = Boolean(document.fullscreenElement);
    use.setAttribute("href", full ? "#icon-minimize" : "#icon-maximize");
    button.title = full ? "Keluar dari layar penuh" : "Layar penuh";
    button.setAttribute("aria-label", button.title);
  });
  return button;
}

/** The scale, the coordinates under the pointer or the last tap, and whose data it is. */
export function addReadings(map, scale, place, credit) {
  scale.append(L.control.scale({ imperial: false, maxWidth: 110 }).addTo(map).getContainer());
  const show = ({ latlng }) => {
    place.textContent = format.place(latlng.wrap());
  };
  map.on("mousemove click", show);
  show({ latlng: map.getCenter() });
  const names = ["Data: geosatu · CC BY 4.0"];
  map.eachLayer((layer) => {
    if (layer instanceof L.TileLayer) names.push(layer.getAttribution());
  });
  credit.innerHTML = names.join(" · ");
}
