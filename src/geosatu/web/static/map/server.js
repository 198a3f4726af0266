// What the service is asked. Addresses are relative to the page, so a proxy may put the service anywhere.

const PAGE = 1000;
/** More features than this in one view are neither readable nor light. */
const MOST = 5000;

async function json(address, signal) {
  const response = await fetch(address, { signal, headers: { Accept: "application/geo+json, application/json" } });
  if (!response.ok) throw new Error(`${response.status} ${address}`);
  return response.json();
}

/**
 * Features of a layer, whole or within a box, and how many there are. Where they are too many to be shown at
 * once only the number comes back, or null where the service did not count so many: a part of them would look
 * like the whole.
 */
export async function features(layer, box, signal) {
  if (!layer.paged) {
    const { features: found } = await json(layer.url, signal);
    return { features: found, matched: found.length };
  }
  const within = box ? `&bbox=${box.map((degree) => degree.toFixed(6)).join(",")}` : "";
  if (layer.tiles) {
    // So large a layer is often too much for the view; one feature tells.
    const { numberMatched = null } = await json(`${layer.url}?limit=1${within}`, signal);
    if (tooMany(numberMatched)) return { features: [], matched: numberMatched };
  }
  let query = `?limit=${PAGE}${within}`;
  let found = [];
  let matched = 0;
  while (query) {
    const page = await json(layer.url + query, signal);
    matched = page.numberMatched ?? null;
    if (tooMany(matched)) return { features: [], matched };
    found = found.concat(page.features);
    const next = (page.links || []).find((link) => link.rel === "next");
    // Only the query is taken over: the service may know itself under another address than we do.
    query = next ? new URL(next.href, document.baseURI).search : null;
  }
  return { features: found, matched };
}

function tooMany(matched) {
  return matched === null || matched > MOST;
}

/** The bytes of a vector tile of a layer; none where the tile is empty. */
export async function tile(layer, { x, y, z }, signal) {
  const address = `${layer.tiles}/${z}/${y}/${x}`;
  const response = await fetch(address, { signal });
  if (!response.ok) throw new Error(`${response.status} ${address}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** One feature. */
export function feature(layer, id) {
  return json(`${layer.url}/${encodeURIComponent(id)}`);
}

/** Whether the reader may change a feature; not where the service does not answer. */
export async function mayChange(layer, id) {
  try {
    const answer = await fetch(`${layer.url}/${encodeURIComponent(id)}`, { method: "OPTIONS" });
    return (answer.headers.get("Allow") || "").includes("PATCH");
  } catch (error) {
    return false;
  }
}

/** Places whose name is like the text. */
export async function search(text, signal) {
  return (await json(`cari?q=${encodeURIComponent(text)}`, signal)).results;
}
