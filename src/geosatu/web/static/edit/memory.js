// What this device remembers until the service has it: half-filled forms and what could not be sent. It outlives
// reloads and the end of the browser, and is kept apart by account, since an office shares its computer.

const PREFIX = "geosatu:";
const beside = new Map();

/** Whether the browser let us write the last time; else it is remembered until the page closes. */
export let lasting = true;

export function remember(key, value) {
  try {
    localStorage.setItem(PREFIX + key, JSON.stringify(value));
    beside.delete(key);
    lasting = true;
  } catch (error) {
    beside.set(key, value);
    lasting = false;
  }
}

export function recall(key) {
  if (beside.has(key)) return beside.get(key);
  try {
    return JSON.parse(localStorage.getItem(PREFIX + key));
  } catch (error) {
    return null;
  }
}

export function forget(key) {
  beside.delete(key);
  try {
    localStorage.removeItem(PREFIX + key);
  } catch (error) {
    // What cannot be written cannot be there either.
  }
}

/** The keys that begin like this. */
export function keysOf(start) {
  const found = new Set([...beside.keys()].filter((key) => key.startsWith(start)));
  try {
    for (let i = 0; i < localStorage.length; i += 1) {
      const key = localStorage.key(i);
      if (key.startsWith(PREFIX + start)) found.add(key.slice(PREFIX.length));
    }
  } catch (error) {
    // As above.
  }
  return [...found];
}

/** A new uuid, also where the page did not come by https. */
export function newUid() {
  if (window.crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
