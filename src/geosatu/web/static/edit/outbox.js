// What is to be written, kept on this device from the moment of saving until the service has it.
//
// An entry is { key, kind, layer, id, etag, body, form, title, at, problem }: a create is known by its key, which is
// the feature's uid; a change by the version in its etag. So both may be sent again. `form` is the form behind it.

import * as memory from "./memory.js";
import { SENT, SIGNED_OUT, STALE, UNSENT } from "./service.js";
import { samePlace } from "./values.js";

/** Milliseconds between attempts while the network is away. */
const AGAIN = 20000;

export class Outbox {
  /** `changed()` is called whenever an entry comes or goes, `arrived(entry, result)` when the service has one. */
  constructor(service, changed, arrived = () => {}) {
    this.service = service;
    this.changed = changed;
    this.arrived = arrived;
    this.start = `kirim:${service.account}:`;
    this.signedOut = false;
    /** Whether the last attempt did not get through. */
    this.unreachable = false;
    this.sending = new Set();
    window.addEventListener("online", () => this.flush());
    window.addEventListener("storage", () => this.changed());
    setInterval(() => this.flush(), AGAIN);
  }

  /** The entries, the oldest first. */
  get entries() {
    const found = memory.keysOf(this.start).map((key) => memory.recall(key)).filter(Boolean);
    return found.sort((one, other) => one.at - other.at);
  }

  /** Those that people have to know of: not what is being sent for the first time just now. */
  get waiting() {
    return this.entries.filter((entry) => entry.tried || !this.sending.has(entry.key));
  }

  entry(key) {
    return memory.recall(this.start + key);
  }

  /** How many entries of other accounts this device keeps. */
  get others() {
    return memory.keysOf("kirim:").filter((key) => !key.startsWith(this.start)).length;
  }

  put(entry) {
    memory.remember(this.start + entry.key, entry);
    this.changed();
  }

  remove(key) {
    memory.forget(this.start + key);
    this.changed();
  }

  /** Keeps an entry and sends it; it stays until it is SENT. Two pages of one browser do not send it twice. */
  async send(entry) {
    if (this.sending.has(entry.key)) return { state: UNSENT };
    this.sending.add(entry.key);
    if (!entry.tried) this.put(entry);
    try {
      return await alone(entry.key, () => this.deliver(entry));
    } finally {
      this.sending.delete(entry.key);
      this.changed();
    }
  }

  async deliver(entry) {
    if (!this.entry(entry.key)) return { state: SENT, id: entry.id };
    const result = await this.settle(entry, await this.service.write(entry));
    this.signedOut = result.state === SIGNED_OUT;
    if (result.state === SENT) {
      this.remove(entry.key);
      this.arrived(entry, result);
    } else {
      this.put({ ...entry, tried: true, problem: result.problem || null });
    }
    return result;
  }

  /** An answer may have been lost: what was sent before may be there already, and people may have gone on since. */
  async settle(entry, result) {
    if (entry.kind === "change" && result.state === STALE) {
      const stored = await this.service.stored(entry.layer, entry.id);
      return stored && !stored.gone && isApplied(stored, entry) ? { state: SENT, id: entry.id } : result;
    }
    if (result.state === SENT && result.repeated && entry.form.attempted) {
      const stored = await this.service.stored(entry.layer, result.id);
      if (!stored || stored.gone) return stored ? result : { state: UNSENT };
      return this.service.write({ ...entry, kind: "change", id: result.id, etag: stored.etag });
    }
    return result;
  }

  /** Sends what waits, one after the other, until the network is away again. What was refused waits for people. */
  async flush(all = false) {
    if (this.flushing || (!all && navigator.onLine === false)) return;
    this.flushing = true;
    this.unreachable = false;
    try {
      for (const entry of this.entries) {
        if ((entry.problem || entry.held) && !all) continue;
        const { state } = await this.send(entry);
        this.unreachable = state === UNSENT;
        if (state === UNSENT || state === SIGNED_OUT) break;
      }
    } finally {
      this.flushing = false;
      this.changed();
    }
  }
}

/** Runs the work while no other page of this browser does the same. */
function alone(key, work) {
  if (!navigator.locks) return work();
  return navigator.locks.request(`geosatu:${key}`, { ifAvailable: true }, (lock) => (lock ? work() : { state: UNSENT }));
}

/** Whether what is stored is this change itself, one version after the one that it began from. */
function isApplied(stored, { body, form }) {
  const now = stored.properties;
  if (now.version !== form.base.properties.version + 1) return false;
  if (body.geometry && !samePlace(body.geometry, stored.geometry)) return false;
  return Object.entries(body.properties).every(([name, value]) => !(name in now) || plain(value) === plain(now[name]));
}

/** A value, whatever the order of its codes and however its time is written. */
function plain(value) {
  if (Array.isArray(value)) return JSON.stringify([...value].sort());
  return String(value).replace(/^(\d\d:\d\d):00$/, "$1");
}

/** What an entry is called in a list. */
export function told({ kind, title }) {
  return `${{ create: "Tambah", change: "Ubah", delete: "Hapus" }[kind]} ${title}`;
}
