// The worker that paints tiles.

import { forget, paint } from "./paint.js";

self.onmessage = ({ data: { number, size, wanted, gone } }) => {
  if (gone) {
    forget(gone);
    return;
  }
  try {
    const canvas = new OffscreenCanvas(size, size);
    const names = paint(canvas, wanted);
    const picture = canvas.transferToImageBitmap();
    self.postMessage({ number, picture, names }, [picture]);
  } catch (error) {
    self.postMessage({ number, trouble: String(error) });
  }
};
