// The view and the layers in the page's address, so that a link shows another reader the same map:
// #13.25/-7.82280/112.01200/batas_kelurahan,posyandu

const FORM = /^#(\d+(?:\.\d+)?)\/(-?\d+(?:\.\d+)?)\/(-?\d+(?:\.\d+)?)(?:\/([a-z0-9_,]*))?$/;

/** What the address asks for, or null. Without a list of layers, `layers` is null. */
export function read() {
  const parts = FORM.exec(location.hash);
  if (!parts) return null;
  const [, zoom, lat, lng, layers] = parts;
  if (Math.abs(lat) > 90 || Math.abs(lng) > 180) return null;
  return {
    zoom: Number(zoom),
    centre: L.latLng(Number(lat), Number(lng)),
    layers: layers === undefined ? null : layers.split(",").filter(Boolean),
  };
}

/** Writes the view down, and the layers where they are not the usual ones. */
export function write(map, layers) {
  const { lat, lng } = map.getCenter();
  const on = layers.filter((layer) => layer.on).map((layer) => layer.config.name);
  const usual = layers.filter((layer) => layer.config.visible).map((layer) => layer.config.name);
  let address = `#${Number(map.getZoom().toFixed(2))}/${lat.toFixed(5)}/${lng.toFixed(5)}`;
  if (on.join() !== usual.join()) address += `/${on.join(",")}`;
  history.replaceState(null, "", address);
}
