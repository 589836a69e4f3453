/**
 * The bytes of one row of a PNG become samples.
 */

import { DecodeError } from "./micrograph_errors.js";

/**
 * Turns differences from the bytes before and above into bytes, in place.
 * @param {number} kind of differences, 0 to 4.
 * @param {Uint8Array} line the bytes of a row.
 * @param {Uint8Array} above those of the row above, or zeros.
 * @param {number} step bytes of a pixel, at least 1.
 */
export function unfilter(kind, line, above, step) {
  if (kind > 4) {
    throw new DecodeError(
      "unrecognized data stream contents when reading image file",
    );
  }
  for (let i = 0; kind && i < line.length; i++) {
    const before = i < step ? 0 : line[i - step];
    const corner = i < step ? 0 : above[i - step];
    if (kind === 1) line[i] += before;
    else if (kind === 2) line[i] += above[i];
    else if (kind === 3) line[i] += (before + above[i]) >> 1;
    else line[i] += _paeth(before, above[i], corner);
  }
}

function _paeth(before, above, corner) {
  const toBefore = Math.abs(above - corner);
  const toAbove = Math.abs(before - corner);
  const toCorner = Math.abs(before + above - 2 * corner);
  if (toBefore <= toAbove && toBefore <= toCorner) return before;
  return toAbove <= toCorner ? above : corner;
}

/**
 * Writes the samples of a row to where they belong.
 * @param {Uint8Array} line
 * @param {{top: number, left: number, down: number, across: number,
 *   columns: number}} part of the picture: where it begins, and its steps.
 * @param {number} row of the part.
 * @param {import("./png.js").Header} head
 * @param {Uint8Array | Uint16Array} found (y, x, channels)
 */
export function spread(line, part, row, { width, channels, depth }, found) {
  const start = ((part.top + row * part.down) * width + part.left) * channels;
  const count = part.columns * channels;
  if (depth === 8 && part.across === 1) {
    found.set(line, start);
    return;
  }
  const mask = (1 << depth) - 1;
  const further = (part.across - 1) * channels;
  let to = start;
  for (let i = 0; i < count; i++) {
    if (depth === 16) found[to] = (line[2 * i] << 8) | line[2 * i + 1];
    else {
      const bit = i * depth;
      found[to] = (line[bit >> 3] >> (8 - depth - (bit & 7))) & mask;
    }
    to += 1;
    if ((i + 1) % channels === 0) to += further;
  }
}
