/**
 * What the samples of a page of a TIFF mean, and their grey.
 *
 * Takes the tags of a page. Gives which samples are needed and what makes grey
 * of them; a meaning that is unknown is refused by its name.
 */

import { rint } from "./arithmetic.js";
import * as greySamples from "./grey_samples.js";
import { MicrographError } from "./micrograph_errors.js";
import { TAG } from "./tiff_tags.js";
import * as tiffSamples from "./tiff_samples.js";

const [_WHITE_IS_0, _BLACK_IS_0, _RGB, _PALETTE, , _INKS] = [0, 1, 2, 3, 4, 5];
const _REFUSED = {
  4: "transparency alone",
  8: "CIELab colours",
  9: "ICCLab colours",
  10: "ITULab colours",
  32803: "raw data of a colour sensor",
  32844: "logarithmic luminance",
  32845: "logarithmic LogLuv colours",
  34892: "linear raw data",
};
const [_PREMULTIPLIED, _ALPHA] = [1, 2]; // by the tag ExtraSamples
/** The YCbCr whose Y is the luma of ITU-R 601 from 0 to 255. */
const _LUMA_601 = [0.299, 0.587, 0.114];
const _FULL_RANGE = [0, 255, 128, 255, 128, 255];
const _U8 = { kind: "u", bytes: 1 };
const _U16 = { kind: "u", bytes: 2 };

/**
 * What makes grey of the samples of a page.
 * @typedef {object} Colours
 * @property {number[]} channels of each pixel that are needed, the alpha last.
 * @property {boolean} hasAlpha whether there is one.
 * @property {(samples: greySamples.Numbers, dtype: greySamples.Dtype,
 *   channels: number) => {grey: greySamples.Numbers,
 *   dtype: greySamples.Dtype}} grey
 * @property {number | null} bits of the grey; null where a word may hold fewer
 *   than it could.
 * @property {boolean} inverted whether 0 is white.
 * @property {string[]} remarks what is not looked at.
 * @property {Uint8Array | null} wide the number of 8 bits of each number of
 *   fewer, in which colours can be mixed.
 */

const _first = (samples, dtype, channels) => {
  if (channels === 1) return { grey: samples, dtype };
  const grey = greySamples.numbers(dtype, samples.length / channels);
  for (let i = 0; i < grey.length; i++) grey[i] = samples[i * channels];
  return { grey, dtype };
};

/** Grey as it is, and by luma; for PNG too. */
export const GREY = {
  first: _first,
  luma: (samples, dtype, channels) => ({
    grey: greySamples.luma(samples, dtype, channels),
    dtype,
  }),
};

/**
 * Returns the grey of some rows.
 * @param {Colours} colours
 * @param {number} y the first of them.
 * @param {number} columns
 * @param {greySamples.Numbers} samples (rows, columns, channels needed).
 * @param {greySamples.Dtype} dtype
 * @returns {greySamples.Window}
 */
export function window(colours, y, columns, samples, dtype) {
  const channels = colours.channels.length;
  let numbers = samples;
  if (colours.wide !== null) {
    numbers = new Uint8Array(samples.length);
    for (let i = 0; i < samples.length; i++) {
      numbers[i] = colours.wide[samples[i]];
    }
  }
  const own = colours.wide === null ? dtype : _U8;
  const pixels = samples.length / channels;
  let [alpha, brightest] = [null, null];
  if (colours.hasAlpha) {
    alpha = greySamples.numbers(own, pixels);
    for (let i = 0; i < pixels; i++) alpha[i] = numbers[(i + 1) * channels - 1];
  }
  if (colours.bits === null && channels - colours.hasAlpha === 3) {
    brightest = greySamples.numbers(own, pixels);
    for (let i = 0, at = 0; i < pixels; i++, at += channels) {
      brightest[i] = Math.max(numbers[at], numbers[at + 1], numbers[at + 2]);
    }
  }
  const found = colours.grey(numbers, own, channels);
  const rows = pixels / columns;
  return { y, x: 0, rows, columns, ...found, alpha, brightest };
}

/**
 * Returns what a page's samples mean.
 * @param {import("./tiff_directories.js").Page} page
 * @returns {Colours}
 */
export function of(page) {
  const stored = tiffSamples.of(page);
  let photometric = page.number(TAG.PHOTOMETRIC);
  const isJpeg = stored.compression === tiffSamples.JPEG;
  if (photometric === tiffSamples.YCBCR && isJpeg) {
    if (stored.apart) {
      throw new MicrographError("a TIFF of YCbCr colours in separate planes");
    }
    photometric = _RGB; // as decoders give it
  }
  const isPacked = stored.kind === "u" && ![16, 32, 64].includes(stored.bits);
  let bits = isPacked ? stored.bits : null;
  let [grey, wide, used, needed] = [_first, null, 1, 1];
  if (isPacked && stored.bits < 8 && photometric !== _PALETTE) {
    const most = 2 ** stored.bits - 1;
    wide = Uint8Array.from({ length: most + 1 }, (_, i) =>
      rint((i * 255) / most),
    );
    bits = 8;
  }
  if (photometric === _RGB) {
    [used, needed, grey] = [3, 3, GREY.luma];
  } else if (photometric === _PALETTE) {
    const { table, dtype } = _palette(page, stored);
    bits = 8 * dtype.bytes;
    grey = (samples, _, channels) => {
      const levels = greySamples.numbers(dtype, samples.length / channels);
      for (let i = 0; i < levels.length; i++) {
        levels[i] = table[samples[i * channels]];
      }
      return { grey: levels, dtype };
    };
  } else if (photometric === _INKS) {
    [used, needed] = [4, 4];
    grey = (samples, dtype, channels) => ({
      grey: greySamples.ofInks(samples, dtype, channels),
      dtype,
    });
    const isUsual = stored.kind === "u" && [8, 16].includes(stored.bits);
    if (page.number(TAG.INKS, 1) !== 1 || !isUsual) {
      throw new MicrographError("a TIFF of unusual printing inks");
    }
    bits = stored.bits;
  } else if (photometric === tiffSamples.YCBCR) {
    needed = 3;
    _checkLuma(page, stored);
  } else if (photometric !== _WHITE_IS_0 && photometric !== _BLACK_IS_0) {
    const name = _REFUSED[photometric] ?? `an unknown kind (${photometric})`;
    throw new MicrographError(`a TIFF of ${name}: save it as grey or RGB`);
  }
  if (stored.count < needed) {
    throw new MicrographError(
      `damaged: a TIFF of ${needed} colours with ${stored.count} channels`,
    );
  }
  const { alpha, unknown } = _extra(page, stored.count, needed);
  if (photometric === _WHITE_IS_0 && alpha === _PREMULTIPLIED) {
    throw new MicrographError(
      "a TIFF with premultiplied alpha whose 0 is white",
    );
  }
  const channels = Array.from({ length: used }, (_, i) => i);
  const hasAlpha = alpha === _ALPHA; // what is premultiplied lies on black
  if (hasAlpha) channels.push(needed);
  const many = `${unknown} channel${unknown === 1 ? "" : "s"}`;
  return {
    channels,
    hasAlpha,
    grey,
    bits,
    inverted: photometric === _WHITE_IS_0,
    remarks: unknown ? [`${many} of unknown meaning: not looked at`] : [],
    wide,
  };
}

/** The kind of alpha, 0 if none, and how many channels are unknown. */
function _extra(page, count, needed) {
  let meanings = page.numbers(TAG.EXTRA_SAMPLES);
  if (!meanings.length && needed === 3 && count === 4) {
    meanings = [_ALPHA]; // as programs leave it out
  }
  let alpha = meanings.length && count > needed ? meanings[0] : 0;
  if (alpha !== _PREMULTIPLIED && alpha !== _ALPHA) alpha = 0;
  return { alpha, unknown: count - needed - (alpha ? 1 : 0) };
}

/** The grey of each entry, of 8 or 16 bits. */
function _palette(page, stored) {
  if (stored.kind !== "u" || stored.bits > 16) {
    throw new MicrographError(`damaged: a palette of ${stored.bits} bits`);
  }
  const entries = page.numbers(TAG.COLOURS);
  const size = 2 ** stored.bits;
  if (entries.length !== 3 * size) {
    throw new MicrographError("damaged: the palette of the TIFF is not whole");
  }
  // Some writers put levels of 8 bits there.
  let most = 0;
  for (let i = 0; i < entries.length; i++) most = Math.max(most, entries[i]);
  const dtype = most < 256 ? _U8 : _U16;
  const colours = greySamples.numbers(dtype, 3 * size);
  for (let i = 0; i < 3 * size; i++) {
    colours[3 * (i % size) + Math.floor(i / size)] = entries[i];
  }
  return { table: greySamples.luma(colours, dtype, 3), dtype };
}

/** Throws unless the first sample is the luma as it is. */
function _checkLuma(page, stored) {
  const [down, across] = page.numbers(TAG.SUBSAMPLING);
  if (down !== 1 || across !== 1) {
    throw new MicrographError(
      "a TIFF of subsampled YCbCr colours without JPEG: save it as RGB",
    );
  }
  const near = (tag, usual, off) => {
    const values = page.numbers(tag);
    if (!values.length) return true;
    // As NumPy compares, which lets the size of a number excuse it too.
    return usual.every(
      (each, i) => Math.abs(values[i] - each) <= off + 1e-5 * each,
    );
  };
  if (
    stored.kind !== "u" ||
    stored.bits !== 8 ||
    !near(TAG.LUMA, _LUMA_601, 1e-3) ||
    !near(TAG.BLACK_WHITE, _FULL_RANGE, 1e-8)
  ) {
    throw new MicrographError(
      "a TIFF of unusual YCbCr colours: save it as RGB",
    );
  }
}
