/**
 * Grey levels of any depth become 8 bits.
 *
 * Takes what `image_files.js` decoded, gives uint8. The levels of the specimen
 * rows alone decide how they are scaled.
 */

import { rint } from "./arithmetic.js";
import { held, measurable } from "./grey_samples.js";
import * as levelScales from "./level_scales.js";

/** The grey levels of a file, to be scaled by some of its rows. */
export class Levels {
  /** @param {import("./image_files.js").Raw} raw */
  constructor(raw) {
    this._raw = raw;
    this._image = new Uint8Array(raw.height * raw.width);
    this._scale = "";
    this._seen = new levelScales.Seen(raw);
    for (const window of raw.windows) this._seen.add(window);
  }

  /**
   * Returns all rows, scaled by the uppermost so many; the others may clip.
   *
   * Integers are scaled by a full scale, not by their own extremes, so that a
   * dark image stays darker than its bright neighbour from the same detector;
   * data/grey_levels.py has the rules. The image is overwritten by the next
   * call.
   * @param {number} rows
   * @returns {{image: Uint8Array, levels: string, remarks: string[]}} image
   *   (y, x) with black 0 and white 255.
   */
  toUint8(rows) {
    const scale = levelScales.of(this._raw, this._seen, rows);
    const key = JSON.stringify(scale);
    if (key !== this._scale) {
      for (const window of this._raw.windows) {
        _convert(window, scale, this._raw, this._image);
      }
      this._scale = key;
    }
    return {
      image: this._image,
      levels: scale.name,
      remarks: _remarks(this._raw, this._seen, scale, rows),
    };
  }
}

/** Writes a window into the image. */
function _convert(window, scale, raw, image) {
  const { y, x, rows, columns, grey, alpha, dtype } = window;
  const level =
    scale.bits === null
      ? _stretched(scale, raw.inverted, dtype)
      : _shifted(scale.bits, raw.inverted);
  const isMasked = alpha !== null && scale.opaque !== null;
  for (let row = 0; row < rows; row++) {
    let to = (y + row) * raw.width + x;
    const end = (row + 1) * columns;
    for (let i = row * columns; i < end; i++) {
      const shown = isMasked ? _shown(alpha[i], scale.opaque, dtype) : 1;
      image[to++] = level(grey[i], shown);
    }
  }
}

/** The share of a pixel that is to be seen, as numbers of its kind hold it. */
function _shown(alpha, opaque, dtype) {
  const share = held(alpha / held(opaque, dtype), dtype);
  return share > 0 ? Math.min(share, 1) : 0; // not a number is none
}

/** What makes 8 bits of numbers without a full scale. */
function _stretched({ low, high }, inverted, dtype) {
  const factor = high > low ? 255 / (high - low) : 0;
  const limit = measurable(dtype);
  return (grey, shown) => {
    if (!(Math.abs(grey) <= limit)) return 0;
    let level = rint(Math.min(Math.max((grey - low) * factor, 0), 255));
    if (inverted) level = 255 - level;
    return shown === 1 ? level : rint(level * shown);
  };
}

/** What makes 8 bits of numbers of so many bits. */
function _shifted(bits, inverted) {
  const full = 2 ** bits - 1;
  const step = 2 ** (bits - 8);
  return (grey, shown) => {
    let level = grey < 0 ? 0 : grey > full ? full : grey;
    if (inverted) level = full - level;
    if (shown !== 1) level = rint(level * shown);
    // Dropping low bits inverts both ways of widening, v * 256 and v * 257.
    return Math.floor(level / step);
  };
}

function _remarks(raw, seen, scale, rows) {
  const remarks = [];
  if (scale.leftOpen) {
    remarks.push(`grey levels taken as ${scale.name}: no depth is stated`);
  } else if (scale.bits !== null && raw.bits === null) {
    const sample = seen.sample(rows);
    const least = levelScales.MIN_LEVELS * 2 ** (scale.bits - 8);
    let bright = 0;
    for (const level of sample) bright += level >= least ? 1 : 0;
    if (bright < (1 - levelScales.QUANTILES[1]) * sample.length) {
      remarks.push(
        `very dark: ${scale.name}, of which fewer than 0.1 % of the pixels` +
          ` need more than ${scale.bits - 4}`,
      );
    }
  }
  if (scale.clipped) {
    remarks.push(`${scale.clipped} outlying pixels are clipped`);
  }
  const lost = seen.notMeasured.subarray(0, rows).reduce((a, b) => a + b, 0);
  if (lost) remarks.push(`${lost} pixels are not finite numbers: black`);
  return remarks;
}
