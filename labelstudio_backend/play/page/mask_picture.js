// A mask as people see it: a tint with an outline over the photo, a thumbnail, a file.

import { decodeBrushRle } from "./brush_rle.js";

// Photos of a phone have more pixels than any screen.
const LONGEST_SHOWN_PX = 1200;
const TINT = [37, 99, 235, 120];
const OUTLINE = [255, 255, 255, 255];
const THUMBNAIL_PX = 160;
const MARGIN_SHARE = 0.15;

export class MaskPicture {
  /** @param region what the service answers of one mask; null for one of no pixels. */
  constructor(region, [width, height]) {
    this.size = [width, height];
    this.pixels = region ? decodeBrushRle(region.value.rle) : new Uint8Array(width * height);
    this.#shrink();
  }

  /** How far it extends, [x0, y0, x1, y1] in shares of the image; null for one of no pixels. */
  bounds = null;

  #inside;
  #shown;

  /** Keep every nth pixel, and find how far the mask extends. */
  #shrink() {
    const [width, height] = this.size;
    const step = Math.max(1, Math.max(width, height) / LONGEST_SHOWN_PX);
    const [w, h] = [Math.ceil(width / step), Math.ceil(height / step)];
    const inside = new Uint8Array(w * h);
    let [x0, y0, x1, y1] = [w, h, -1, -1];
    for (let y = 0; y < h; y++) {
      const row = Math.min(height - 1, Math.floor((y + 0.5) * step)) * width;
      for (let x = 0; x < w; x++) {
        if (!this.pixels[row + Math.min(width - 1, Math.floor((x + 0.5) * step))]) continue;
        inside[y * w + x] = 1;
        if (x < x0) x0 = x;
        if (x > x1) x1 = x;
        if (y < y0) y0 = y;
        y1 = y;
      }
    }
    this.#inside = inside;
    this.#shown = [w, h];
    if (x1 >= 0) this.bounds = [x0 / w, y0 / h, (x1 + 1) / w, (y1 + 1) / h];
  }

  /** Draw it over a whole photo. */
  drawOver(canvas) {
    const [w, h] = this.#shown;
    [canvas.width, canvas.height] = [w, h];
    const picture = new ImageData(w, h);
    const line = Math.max(1, Math.round(Math.max(w, h) / 500));
    for (let y = 0; y < h; y++) {
      for (let x = 0; x < w; x++) {
        const at = y * w + x;
        if (this.#inside[at]) picture.data.set(this.#isEdge(x, y, line) ? OUTLINE : TINT, 4 * at);
      }
    }
    canvas.getContext("2d").putImageData(picture, 0, 0);
  }

  /** Whether the mask ends within `line` pixels; the image's edge is no end of it. */
  #isEdge(x, y, line) {
    const [w, h] = this.#shown;
    const at = y * w + x;
    return (
      (x >= line && !this.#inside[at - line]) || (x < w - line && !this.#inside[at + line]) ||
      (y >= line && !this.#inside[at - line * w]) || (y < h - line && !this.#inside[at + line * w])
    );
  }

  /** A PNG of the image's own size: white in the mask, black beside it. */
  async toPng() {
    const [width, height] = this.size;
    const picture = new ImageData(width, height);
    const values = new Uint32Array(picture.data.buffer).fill(0xff000000);
    for (let i = 0; i < values.length; i++) if (this.pixels[i]) values[i] = 0xffffffff;
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [width, height];
    canvas.getContext("2d").putImageData(picture, 0, 0);
    return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  }
}

/** Draw the surroundings of some masks, the same for each, with one of them over it. */
export function drawThumbnail(canvas, photo, mask, masks) {
  const over = document.createElement("canvas");
  mask.drawOver(over);
  const [x0, y0, x1, y1] = findSurroundings(masks);
  const [width, height] = [(x1 - x0) * mask.size[0], (y1 - y0) * mask.size[1]];
  const scale = THUMBNAIL_PX / Math.max(width, height);
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d");
  for (const [picture, w, h] of [[photo, ...mask.size], [over, over.width, over.height]]) {
    const part = [x0 * w, y0 * h, (x1 - x0) * w, (y1 - y0) * h];
    context.drawImage(picture, ...part, 0, 0, canvas.width, canvas.height);
  }
}

/** The part of the image around all of the masks, [x0, y0, x1, y1] in shares. */
function findSurroundings(masks) {
  const bounds = masks.map((mask) => mask.bounds).filter(Boolean);
  if (!bounds.length) return [0, 0, 1, 1];
  return [0, 1, 2, 3].map((side) => {
    const outermost = (side < 2 ? Math.min : Math.max)(...bounds.map((b) => b[side]));
    const outwards = side < 2 ? -MARGIN_SHARE : MARGIN_SHARE;
    const extent = Math.max(...bounds.map((b) => b[2 + (side % 2)] - b[side % 2]));
    return Math.min(1, Math.max(0, outermost + outwards * extent));
  });
}
