/**
 * Samples of any colours become grey at their own depth.
 *
 * Numbers of more bits than a JavaScript array keeps are in one that keeps at
 * least as much: 16-bit floats as 32-bit ones, 64-bit integers as floats.
 */

import { rint } from "./arithmetic.js";

/**
 * @typedef {{kind: "u" | "i" | "f", bytes: number}} Dtype of the numbers as
 *   they are in the file.
 * @typedef {Uint8Array | Uint16Array | Uint32Array | Int8Array | Int16Array
 *   | Int32Array | Float32Array | Float64Array} Numbers
 */

/**
 * Part of a picture, which lies at y, x of it.
 * @typedef {object} Window
 * @property {number} y its first row.
 * @property {number} x its first column.
 * @property {number} rows
 * @property {number} columns
 * @property {Dtype} dtype of `grey` and the others.
 * @property {Numbers} grey (rows, columns).
 * @property {Numbers | null} alpha how much is to be seen; null: all.
 * @property {Numbers | null} brightest the greatest of the colours of a pixel.
 */

/** The luma of ITU-R 601, of 2^16, as Pillow has it for 8 bits. */
export const LUMA = [19595, 38470, 7471];

const _BEYOND_DETECTORS = 1e30;
const _LARGEST = { 2: 65504, 4: 3.4028234663852886e38, 8: Number.MAX_VALUE };

/**
 * Returns the greatest size of a number that a detector could give.
 * @param {Dtype} dtype
 * @returns {number} infinite where all are.
 */
export function measurable(dtype) {
  if (dtype.kind !== "f") return Infinity;
  return Math.min(_BEYOND_DETECTORS, _LARGEST[dtype.bytes]);
}

/**
 * Returns an array for numbers of a kind.
 * @param {Dtype} dtype
 * @param {number} length
 * @returns {Numbers}
 */
export function numbers({ kind, bytes }, length) {
  const types = {
    u: { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array, 8: Float64Array },
    i: { 1: Int8Array, 2: Int16Array, 4: Int32Array, 8: Float64Array },
    f: { 2: Float32Array, 4: Float32Array, 8: Float64Array },
  };
  return new types[kind][bytes](length);
}

/**
 * Returns a number as its kind holds it.
 * @param {number} value
 * @param {Dtype} dtype
 * @returns {number}
 */
export function held(value, dtype) {
  if (dtype.kind !== "f" || dtype.bytes === 8) return value;
  return dtype.bytes === 4 ? Math.fround(value) : _half(value);
}

/** Rounds to the 11 bits and the exponents of a 16-bit float. */
function _half(value) {
  const size = Math.abs(value);
  if (!(size < Infinity) || size === 0) return value;
  if (size >= 65520) return value > 0 ? Infinity : -Infinity;
  const exponent = Math.max(Math.floor(Math.log2(size)), -14);
  const step = 2 ** (exponent - 10);
  return rint(value / step) * step;
}

/**
 * Returns the luma of each pixel.
 * @param {Numbers} samples (pixels, channels): red, green, blue and others.
 * @param {Dtype} dtype
 * @param {number} channels
 * @returns {Numbers}
 */
export function luma(samples, dtype, channels) {
  const pixels = samples.length / channels;
  const grey = numbers(dtype, pixels);
  const [r, g, b] = LUMA;
  if (dtype.kind === "u" && dtype.bytes <= 2) {
    for (let i = 0, at = 0; i < pixels; i++, at += channels) {
      grey[i] =
        (samples[at] * r +
          samples[at + 1] * g +
          samples[at + 2] * b +
          32768) >>>
        16;
    }
    return grey;
  }
  const whole = dtype.kind !== "f";
  for (let i = 0, at = 0; i < pixels; i++, at += channels) {
    const sum = samples[at] * r + samples[at + 1] * g + samples[at + 2] * b;
    grey[i] = whole ? rint(sum / 65536) : held(sum / 65536, dtype);
  }
  return grey;
}

/**
 * Returns the grey of cyan, magenta, yellow and black, of 8 or 16 bits.
 * @param {Numbers} inks (pixels, channels), these four first.
 * @param {Dtype} dtype
 * @param {number} channels
 * @returns {Numbers}
 */
export function ofInks(inks, dtype, channels) {
  const full = dtype.bytes === 1 ? 255 : 65535;
  const half = full >> 1;
  const pixels = inks.length / channels;
  const colours = numbers(dtype, 3 * pixels);
  for (let i = 0, at = 0; i < pixels; i++, at += channels) {
    const black = full - inks[at + 3];
    for (let c = 0; c < 3; c++) {
      const mixed = (full - inks[at + c]) * black + half;
      colours[3 * i + c] = Math.floor(mixed / full);
    }
  }
  return luma(colours, dtype, 3);
}
