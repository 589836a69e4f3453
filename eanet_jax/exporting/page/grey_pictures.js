/**
 * A picture of 8 bits and any colours becomes grey.
 *
 * With the luma weights of ITU-R 601, in Pillow's arithmetic. Transparent
 * pixels turn black, the microscope's "no signal", because the colour hidden
 * under them is arbitrary.
 */

import { LUMA } from "./grey_samples.js";

/**
 * @typedef {object} Picture
 * @property {Uint8Array} samples (pixels, channels).
 * @property {number} channels 1 grey or a palette's entry, 2 with alpha, 3
 *   colours, 4 with alpha.
 * @property {Uint8Array | null} palette red, green, blue of each entry.
 * @property {Uint8Array | null} alphas of the first entries of the palette.
 * @property {number[] | null} transparent the one colour that is.
 */

/**
 * Returns the grey.
 * @param {Picture} picture
 * @returns {Uint8Array} (pixels,)
 */
export function grey(picture) {
  return picture.palette === null ? _ofLevels(picture) : _ofEntries(picture);
}

function _lumaOf(r, g, b) {
  return (r * LUMA[0] + g * LUMA[1] + b * LUMA[2] + 32768) >>> 16;
}

/** A level on black, of which alpha shows so much. */
function _onBlack(level, alpha) {
  const sum = level * alpha * 128 + 16384;
  return (((sum >> 8) + sum) >> 8) >> 7;
}

function _ofEntries({ samples, palette, alphas }) {
  const entries = Array.from({ length: 256 }, (_, i) => {
    const rgb = palette.subarray(3 * i, 3 * i + 3);
    return rgb.length === 3 ? rgb : [0, 0, 0]; // as decoders have it
  });
  const alpha = (i) => alphas?.[i] ?? 255;
  const isUsed = alphas !== null && samples.some((i) => alpha(i) > 0);
  const levels = entries.map(([r, g, b], i) => {
    if (!isUsed) return _lumaOf(r, g, b);
    const shown = [r, g, b].map((level) => _onBlack(level, alpha(i)));
    return _lumaOf(...shown);
  });
  return samples.map((i) => levels[i]);
}

function _ofLevels({ samples, channels, transparent }) {
  const pixels = samples.length / channels;
  const colours = channels > 2 ? 3 : 1;
  const isOwn = colours < channels; // an alpha of each pixel
  const alpha = (at) => {
    if (isOwn) return samples[at + colours];
    for (let c = 0; c < colours; c++) {
      if (samples[at + c] !== (transparent[c] & 255)) return 255;
    }
    return 0;
  };
  let isUsed = false;
  if (isOwn || transparent !== null) {
    for (let at = 0; at < samples.length && !isUsed; at += channels) {
      isUsed = alpha(at) > 0;
    }
  }
  if (channels === 1 && !isUsed) return samples;
  const levels = new Uint8Array(pixels);
  for (let i = 0, at = 0; i < pixels; i++, at += channels) {
    let [r, g, b] = [samples[at], samples[at], samples[at]];
    if (colours === 3) [g, b] = [samples[at + 1], samples[at + 2]];
    if (isUsed) {
      const a = alpha(at);
      if (a < 255) [r, g, b] = [r, g, b].map((level) => _onBlack(level, a));
    }
    levels[i] = colours === 3 ? _lumaOf(r, g, b) : r;
  }
  return levels;
}
