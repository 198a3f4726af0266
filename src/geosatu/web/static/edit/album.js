// Photographs that this device keeps until the service has them, in IndexedDB: forms hold only their names.

import * as memory from "./memory.js";

const STORE = "foto";
const beside = new Map();

/** Milliseconds for which a photograph stays although nothing names it: its form may be just about to. */
const GRACE = 3600000;

/** Keeps a photograph, a Blob, by its name; at least until the page closes. */
export async function remember(id, blob) {
  // Else a browser that is short of room may throw all of it away.
  if (navigator.storage && navigator.storage.persist) navigator.storage.persist();
  // Some browsers keep no Blobs.
  const kept = await run("readwrite", (store, bytes) => store.put({ id, bytes, at: Date.now() }), await blob.arrayBuffer());
  if (!kept) beside.set(id, blob);
  return Boolean(kept);
}

/** The photograph; null: it is not on this device. */
export async function recall(id) {
  if (beside.has(id)) return beside.get(id);
  const found = await run("readonly", (store) => store.get(id));
  return found && found.result ? new Blob([found.result.bytes], { type: "image/jpeg" }) : null;
}

export async function forget(id) {
  beside.delete(id);
  await run("readwrite", (store) => store.delete(id));
}

/** Forgets what no form and nothing unsent names any more. */
export async function tidy(grace = GRACE) {
  const all = await run("readonly", (store) => store.getAll());
  const kept = [...memory.keysOf("isian:"), ...memory.keysOf("kirim:")].map((key) => JSON.stringify(memory.recall(key)));
  for (const { id, at } of (all && all.result) || []) {
    if (Date.now() - at >= grace && !kept.some((text) => text.includes(id))) await forget(id);
  }
}

/** The request, done; null where this browser keeps nothing. */
function run(mode, work, given) {
  return new Promise((resolve) => {
    try {
      const opening = indexedDB.open("geosatu", 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: "id" });
      opening.onerror = () => resolve(null);
      opening.onsuccess = () => {
        const database = opening.result;
        const transaction = database.transaction(STORE, mode);
        const request = work(transaction.objectStore(STORE), given);
        const end = (result) => {
          database.close();
          resolve(result);
        };
        transaction.oncomplete = () => end(request);
        transaction.onerror = () => end(null);
        transaction.onabort = () => end(null);
      };
    } catch (error) {
      resolve(null);
    }
  });
}
