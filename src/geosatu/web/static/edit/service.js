// Writing through OGC API - Features Part 4, and what the page asks besides.

import * as album from "./album.js";

/** Milliseconds after which an answer is no longer waited for. */
const PATIENCE = 30000;
const PHOTO_PATIENCE = 180000;

/** What an attempt to write came to. */
export const SENT = "sent";
export const UNSENT = "unsent";
export const REFUSED = "refused";
export const STALE = "stale";
export const SIGNED_OUT = "signed out";

export class Service {
  constructor({ root, account, csrf }) {
    this.root = root;
    this.account = account;
    this.csrf = csrf;
    /** Called with the number of the photograph that is being sent, and of how many. */
    this.sending = () => {};
  }

  get headers() {
    return { "X-CSRF-Token": this.csrf, Accept: "application/geo+json, application/json" };
  }

  /** Writes once; gives { state, problem, id }. What did not reach the service, or not surely, is UNSENT. */
  async write(entry) {
    return (await this.sendPhotos(entry)) || this.settled(() => this.attempt(entry), entry);
  }

  async settled(attempt, entry) {
    const answer = await attempt();
    if (!answer) return { state: UNSENT };
    if (answer.status === 401 || answer.status === 403) {
      const before = this.csrf;
      const known = await this.whoAmI();
      if (known === SIGNED_OUT) return { state: SIGNED_OUT };
      // A new session has a new token: what was refused may only have been too old.
      if (known && this.csrf !== before) return this.settled(attempt, entry);
    }
    return read(answer, entry);
  }

  /** Sends the photographs of an entry that are still on this device; what stopped that, else null. */
  async sendPhotos({ layer, photos }) {
    for (const id of photos ? photos.ids : []) {
      const photo = await album.recall(id);
      if (photo) {
        this.sending(photos.ids.indexOf(id) + 1, photos.ids.length);
        const headers = { ...this.headers, "Content-Type": "image/jpeg" };
        const address = photoAddress(this.root, layer, photos.feature, id);
        const put = () => ask(address, { method: "PUT", headers, body: photo }, PHOTO_PATIENCE);
        const result = await this.settled(put, { kind: "photo" });
        if (result.state !== SENT) return result;
        await album.forget(id);
      }
    }
    return null;
  }

  async attempt({ kind, layer, id, etag, body }) {
    const collection = `${this.root}ogc/collections/${layer}/items`;
    const { headers } = this;
    if (etag) headers["If-Match"] = etag;
    if (kind === "delete") return ask(`${collection}/${id}`, { method: "DELETE", headers });
    headers["Content-Type"] = kind === "create" ? "application/geo+json" : "application/merge-patch+json";
    const address = kind === "create" ? collection : `${collection}/${id}`;
    return ask(address, { method: kind === "create" ? "POST" : "PATCH", headers, body: JSON.stringify(body) });
  }

  /** Learns the token of the session that there is now; false: the service cannot be reached. */
  async whoAmI() {
    const answer = await ask(`${this.root}ubah/saya.json`, { headers: this.headers });
    if (!answer) return false;
    const me = answer.ok && (await json(answer));
    if (!me || me.account !== this.account) return SIGNED_OUT;
    this.csrf = me.csrf;
    return true;
  }

  /** A feature as it is now; null: the service cannot be reached. { gone } tells why it is not there any more. */
  async stored(layer, id) {
    const answer = await ask(`${this.root}ubah/${layer}/${id}.json`, { headers: this.headers });
    if (!answer) return null;
    const told = await json(answer);
    return answer.ok ? told : { gone: (told && told.title) || "Data ini tidak dapat dibuka lagi." };
  }
}

/** Where a photograph is, or its thumbnail. */
export function photoAddress(root, layer, feature, id, small = "") {
  return `${root}foto/${layer}/${feature}/${id}${small}.jpg`;
}

/** The answer; null where there is none. */
async function ask(address, options, milliseconds = PATIENCE) {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), milliseconds);
  try {
    return await fetch(address, { ...options, signal: patience.signal, credentials: "same-origin" });
  } catch (error) {
    return null;
  } finally {
    clearTimeout(timer);
  }
}

async function read(answer, { kind, id }) {
  const told = await json(answer);
  if (kind === "delete" && answer.status === 404) return { state: SENT, id };
  if (answer.ok) {
    const named = /\/items\/(\d+)$/.exec(answer.headers.get("Location") || "");
    return {
      state: SENT,
      id: named ? Number(named[1]) : (told && told.id) || id,
      repeated: kind === "create" && answer.status !== 201,
    };
  }
  // Whatever is no final word will be asked again.
  if (answer.status >= 500 || answer.status === 408 || answer.status === 429) return { state: UNSENT };
  const problem = { status: answer.status, title: "Layanan menolak isian ini.", ...told };
  return { state: answer.status === 412 ? STALE : REFUSED, problem };
}

async function json(answer) {
  try {
    return await answer.json();
  } catch (error) {
    return null;
  }
}
