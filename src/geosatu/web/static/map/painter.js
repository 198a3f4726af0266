// Who paints the tiles: a worker, so that the map moves smoothly meanwhile; the page itself in a browser that
// has no canvas for workers.

import { forget, paint } from "./paint.js";

let worker = null;
let last = 0;
/** What the worker has been asked and has not answered. */
const waiting = new Map();

try {
  if (typeof OffscreenCanvas === "function") {
    worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }) => answered(data);
    worker.onerror = () => alone();
  }
} catch (error) {
  worker = null;
}

/** Paints a tile onto its canvas; gives back where its names fit, the first time. */
export function painted(canvas, size, wanted) {
  if (!worker) return here(canvas, size, wanted);
  last += 1;
  const number = last;
  return new Promise((done, failed) => {
    waiting.set(number, { canvas, size, wanted, done, failed });
    worker.postMessage({ number, size, wanted });
  });
}

/** The tile is not needed any more. */
export function dropped(key) {
  if (worker) worker.postMessage({ gone: key });
  else forget(key);
}

function answered({ number, picture, names, trouble }) {
  const { canvas, done, failed } = waiting.get(number);
  waiting.delete(number);
  if (trouble) return failed(new Error(trouble));
  canvas.getContext("bitmaprenderer").transferFromImageBitmap(picture);
  return done(names);
}

/** The worker did not come: what it was asked is done here. */
function alone() {
  worker = null;
  for (const { canvas, size, wanted, done, failed } of waiting.values()) {
    here(canvas, size, wanted).then(done, failed);
  }
  waiting.clear();
}

async function here(canvas, size, wanted) {
  canvas.width = size;
  canvas.height = size;
  return paint(canvas, wanted);
}
