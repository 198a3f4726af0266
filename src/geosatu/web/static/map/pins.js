// Icons of points: a pin in the colour of its layer or code, and a ring of colours where points are gathered.

import { escaped } from "./dom.js";
import { colourOf } from "./style.js";

const PIN =
  "M15 1C7.3 1 1 7.2 1 14.9c0 9.6 11.1 19.7 13.1 21.4a1.4 1.4 0 0 0 1.8 0C17.9 34.6 29 24.5 29 14.9 29 7.2 22.7 1 15 1z";

/** The pin of a feature. */
export function pin(layer, feature, title, className = "pin") {
  return L.divIcon({
    className,
    iconSize: [30, 38],
    iconAnchor: [15, 37],
    popupAnchor: [0, -34],
    html:
      `<svg viewBox="0 0 30 38" aria-hidden="true"><path d="${PIN}" fill="${colourOf(layer, feature)}"/>` +
      `<use href="#icon-${layer.icon}" x="7" y="7" width="16" height="16"/></svg>` +
      `<span class="sr-only">${escaped(title)}</span>`,
  });
}

/** The icon of a cluster: how many points it holds, within a ring that shows their colours by share. */
export function ring(cluster) {
  const markers = cluster.getAllChildMarkers();
  const shares = new Map();
  for (const { options } of markers) shares.set(options.colour, (shares.get(options.colour) || 0) + 1);
  const size = markers.length < 10 ? 36 : markers.length < 100 ? 42 : 50;
  return L.divIcon({
    className: "ring",
    iconSize: [size, size],
    html:
      `<svg viewBox="0 0 42 42" aria-hidden="true"><circle cx="21" cy="21" r="20.5" class="ring-ground"/>` +
      `${arcs(shares, markers.length)}</svg>` +
      `<span aria-hidden="true">${markers.length}</span>` +
      `<span class="sr-only">${markers.length} titik, perbesar</span>`,
  });
}

function arcs(shares, total) {
  const round = 2 * Math.PI * 17.5;
  let before = 0;
  return [...shares]
    .sort((one, other) => other[1] - one[1] || (one[0] < other[0] ? -1 : 1))
    .map(([colour, count]) => {
      const share = (count / total) * round;
      const arc =
        `<circle cx="21" cy="21" r="17.5" stroke="${colour}" ` +
        `stroke-dasharray="${share.toFixed(2)} ${(round - share).toFixed(2)}" ` +
        `stroke-dashoffset="${(round / 4 - before).toFixed(2)}"/>`;
      before += share;
      return arc;
    })
    .join("");
}
