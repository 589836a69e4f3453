/**
 * What the network looks at of a micrograph: the whole of it, or tiles.
 *
 * Takes the specimen rows, gives views of one size. As `views`, `corners` and
 * `field_um` of data/micrographs.py, to the bit.
 */

import { MicrographError } from "./micrograph_errors.js";
import { resize } from "./resize.js";

/**
 * Returns the views, and where each is in the image.
 * @param {Uint8Array} image (height, width) row by row.
 * @param {number} height
 * @param {number} width
 * @param {"whole" | "tiles"} view
 * @param {number} side of a view, pixels.
 * @param {number} tilePx side of a tile in the image, pixels.
 * @returns {{views: Uint8Array, corners: Int32Array, count: number}} views
 *   (v, side, side) and corners (v, 2), top and left; 0, 0 of the whole.
 */
export function views(image, width, height, view, side, tilePx) {
  if (view === "whole") {
    const whole = resize(image, height, width, side, side);
    return { views: whole, corners: new Int32Array(2), count: 1 };
  }
  if (view !== "tiles") {
    throw new Error(`view is '${view}', not 'whole' or 'tiles'`);
  }
  const found = corners(height, width, tilePx);
  const count = found.length / 2;
  const all = new Uint8Array(count * side * side);
  const tile = new Uint8Array(tilePx * tilePx);
  for (let i = 0; i < count; i++) {
    const [top, left] = [found[2 * i], found[2 * i + 1]];
    for (let y = 0; y < tilePx; y++) {
      const start = (top + y) * width + left;
      tile.set(image.subarray(start, start + tilePx), y * tilePx);
    }
    all.set(resize(tile, tilePx, tilePx, side, side), i * side * side);
  }
  return { views: all, corners: found, count };
}

/**
 * Returns the top and left of each tile: a centred grid, no overlap.
 * @param {number} height
 * @param {number} width
 * @param {number} tilePx
 * @returns {Int32Array} (tiles, 2)
 */
export function corners(height, width, tilePx) {
  const rows = Math.floor(height / tilePx);
  const columns = Math.floor(width / tilePx);
  if (!rows || !columns) {
    throw new MicrographError(
      `${width} x ${height} pixels: too small for a tile of ${tilePx}`,
    );
  }
  const top = Math.floor((height - rows * tilePx) / 2);
  const left = Math.floor((width - columns * tilePx) / 2);
  const found = new Int32Array(2 * rows * columns);
  for (let i = 0; i < rows * columns; i++) {
    found[2 * i] = top + Math.floor(i / columns) * tilePx;
    found[2 * i + 1] = left + (i % columns) * tilePx;
  }
  return found;
}

/**
 * Returns how wide what a network sees at once is, in micrometres.
 *
 * A micrograph that is seen as a whole counts as a square one.
 * @param {number | null} umPerPx of the micrograph.
 * @param {number} pixels how many it has.
 * @param {"whole" | "tiles"} view
 * @param {number} tilePx
 * @returns {number | null} null where nothing says how wide a pixel is.
 */
export function fieldUm(umPerPx, pixels, view, tilePx) {
  if (umPerPx === null) return null;
  return umPerPx * (view === "tiles" ? tilePx : Math.sqrt(pixels));
}
