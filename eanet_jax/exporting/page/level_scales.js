/**
 * What scales grey levels of any depth to 8 bits.
 *
 * Takes what is seen of a picture, window by window. Gives the scale of any of
 * its upper rows, so that a data bar below them decides nothing.
 */

import { general, sortedQuantile } from "./arithmetic.js";
import { measurable } from "./grey_samples.js";
import { MicrographError } from "./micrograph_errors.js";

const _WORD_BITS = [8, 10, 12, 14, 16]; // that cameras and detectors have
/** Of 255, that a picture must keep for its stated depth to be believed. */
export const MIN_LEVELS = 16;
/**
 * A pixel is an outlier if it lies farther from these quantiles than they do
 * from each other; where the specimen has one, the others set the scale.
 */
export const QUANTILES = [0.001, 0.999];
const _SAMPLED_PX = 2 ** 18;

/**
 * What brings grey levels to 0 to 255: so many bits, or else low and high.
 * @typedef {object} Scale
 * @property {string} name for people.
 * @property {number | null} bits of a full scale, 8 or more.
 * @property {number} low becomes 0, as what is below.
 * @property {number} high becomes 255, as what is above.
 * @property {number | null} opaque the alpha of what is all to be seen.
 * @property {boolean} leftOpen whether no depth is stated.
 * @property {number} clipped how many pixels are beyond `low` or `high`.
 */

/** What was seen of each row, so that it is known of any upper rows. */
export class Seen {
  /** @param {import("./image_files.js").Raw} raw nothing of it is seen yet. */
  constructor(raw) {
    this.dtype = { kind: "u", bytes: 1 };
    this.low = new Float64Array(raw.height).fill(Infinity);
    this.high = new Float64Array(raw.height).fill(-Infinity);
    this.brightest = new Float64Array(raw.height).fill(-Infinity);
    this.notMeasured = new Float64Array(raw.height);
    this.alphaHigh = null; // of the greatest alpha, if any
    this._deep = raw.bits === null;
    // A grid of pixels, whatever the windows are: for quantiles.
    this.stride = 1;
    while (raw.height * raw.width > _SAMPLED_PX * this.stride ** 2) {
      this.stride += 1;
    }
    this.sampleColumns = Math.ceil(raw.width / this.stride);
    const rows = Math.ceil(raw.height / this.stride);
    this._sample = new Float64Array(this._deep ? rows * this.sampleColumns : 0);
  }

  /**
   * Returns the sampled pixels of the uppermost rows.
   * @param {number} rows
   * @returns {Float64Array}
   */
  sample(rows) {
    const sampled = Math.ceil(rows / this.stride);
    return this._sample.subarray(0, sampled * this.sampleColumns);
  }

  /** @param {import("./grey_samples.js").Window} window to be looked at. */
  add(window) {
    this.dtype = window.dtype;
    const { alpha, grey } = window;
    let instead = null; // of what is hidden, which is arbitrary
    if (alpha !== null) {
      const high = _greatest(alpha);
      const before = this.alphaHigh || 0;
      this.alphaHigh = before > high ? before : high;
      if (this._deep) {
        const shown = alpha.findIndex((each) => each > 0);
        instead = shown < 0 ? null : grey[shown];
      }
    }
    if (this._deep) this._addRows(window, instead);
  }

  /**
   * @param {import("./grey_samples.js").Window} window
   * @param {number | null} instead the level that hidden pixels count as.
   */
  _addRows(window, instead) {
    const { y, x, rows, columns, grey, alpha, brightest } = window;
    const limit = measurable(window.dtype);
    const isFloat = window.dtype.kind === "f";
    const s = this.stride;
    for (let row = 0; row < rows; row++) {
      let [low, high, bright, lost] = [Infinity, -Infinity, -Infinity, 0];
      const toSample = (y + row) % s === 0;
      const sampleRow = ((y + row) / s) * this.sampleColumns;
      for (let column = 0; column < columns; column++) {
        const i = row * columns + column;
        const hidden = instead !== null && !(alpha[i] > 0);
        const level = hidden ? instead : grey[i];
        if (toSample && (x + column) % s === 0) {
          this._sample[sampleRow + (x + column) / s] = level;
        }
        if (!(Math.abs(level) <= limit)) {
          lost += 1;
          continue;
        }
        if (level < low) low = level;
        if (level > high) high = level;
        if (brightest !== null && !hidden && brightest[i] > bright) {
          bright = brightest[i];
        }
      }
      if (brightest === null) bright = high;
      else if (bright === -Infinity) bright = 0;
      const at = y + row;
      this.low[at] = Math.min(this.low[at], low);
      this.high[at] = Math.max(this.high[at], high);
      if (isFloat) this.notMeasured[at] += lost;
      else this.brightest[at] = Math.max(this.brightest[at], bright);
    }
  }
}

/** The greatest number; NaN where there is none. */
function _greatest(numbers) {
  let most = NaN;
  for (const each of numbers) if (!(each <= most) && each === each) most = each;
  return most;
}

/**
 * Returns the scale of the uppermost rows.
 * @param {import("./image_files.js").Raw} raw
 * @param {Seen} seen
 * @param {number} rows
 * @returns {Scale}
 */
export function of(raw, seen, rows) {
  const known = _full(raw, seen, rows);
  if (known !== null) return known;
  let low = _least(seen.low, rows);
  let high = _most(seen.high, rows);
  if (low > high) throw new MicrographError("no pixel is a finite number");
  let clipped = 0;
  const limit = measurable(seen.dtype);
  const sample = seen
    .sample(rows)
    .filter((each) => Math.abs(each) <= limit)
    .sort();
  const [first, last] = sample.length
    ? QUANTILES.map((share) => sortedQuantile(sample, share))
    : [low, high];
  const least = first - (last - first);
  const most = last + (last - first);
  if (first < last && (low < least || high > most)) {
    [low, high, clipped] = _innerExtremes(raw, rows, least, most);
  }
  return _scale({
    name: `${general(low)} to ${general(high)}`,
    low,
    high,
    opaque: _opaque(raw, seen),
    clipped,
  });
}

function _scale(fields) {
  const unset = { bits: null, low: 0, high: 0, opaque: null };
  return { ...unset, leftOpen: false, clipped: 0, ...fields };
}

/** The scale of numbers that have a full one, null for others. */
function _full(raw, seen, rows) {
  const opaque = _opaque(raw, seen);
  if (raw.bits !== null) {
    const stored = raw.storedBits || raw.bits;
    const name = stored > 1 ? `${stored} bits` : "1 bit";
    return _scale({ name, bits: raw.bits, opaque });
  }
  const low = _least(seen.low, rows);
  const high = _most(seen.brightest, rows);
  if (seen.dtype.kind === "f") return null;
  if (!(low >= 0 && low <= high && high < 65536)) return null;
  const word = 8 * seen.dtype.bytes;
  const stated = raw.stated || 0;
  const statedBits = stated.toString(2).length * (stated > 0);
  // Some writers put the image's own maximum there; a full scale is 2^n - 1.
  if (
    high <= stated &&
    stated === 2 ** statedBits - 1 &&
    statedBits >= 8 &&
    statedBits <= 16 &&
    statedBits < word &&
    high >> (statedBits - 8) >= MIN_LEVELS
  ) {
    const name = `${statedBits} of ${word} bits, stated`;
    return _scale({ name, bits: statedBits, opaque });
  }
  const bits = Math.min(_bitsOf(high), word);
  if (bits === word) return _scale({ name: `${bits} bits`, bits, opaque });
  const name = `${bits} of ${word} bits, by the brightest pixel`;
  return _scale({ name, bits, opaque, leftOpen: true });
}

function _bitsOf(high) {
  return _WORD_BITS.find((bits) => high < 2 ** bits);
}

/**
 * The alpha of what is all to be seen, null if there is no alpha. An alpha of
 * 0 everywhere is a channel that the writer left unused.
 */
function _opaque(raw, seen) {
  const high = seen.alphaHigh;
  if (!high || !Number.isFinite(high)) return null;
  if (raw.bits !== null) return 2 ** raw.bits - 1;
  if (seen.dtype.kind === "f") return Math.max(high, 1);
  // Something is opaque nearly always, and then it is 2^n - 1.
  if (high >= 65536 || Number.isInteger(Math.log2(high + 1))) return high;
  return 2 ** Math.min(_bitsOf(high), 8 * seen.dtype.bytes) - 1;
}

/** The extremes of what is inside, and how many pixels are not. */
function _innerExtremes(raw, rows, least, most) {
  let [low, high, beyond] = [Infinity, -Infinity, 0];
  for (const window of raw.windows) {
    const limit = measurable(window.dtype);
    const kept = Math.max(0, Math.min(window.rows, rows - window.y));
    for (const level of window.grey.subarray(0, kept * window.columns)) {
      if (level >= least && level <= most) {
        if (level < low) low = level;
        if (level > high) high = level;
      } else if (Math.abs(level) <= limit) beyond += 1;
    }
  }
  return [low, high, beyond];
}

function _least(values, rows) {
  return values.subarray(0, rows).reduce((a, b) => Math.min(a, b), Infinity);
}

function _most(values, rows) {
  return values.subarray(0, rows).reduce((a, b) => Math.max(a, b), -Infinity);
}
