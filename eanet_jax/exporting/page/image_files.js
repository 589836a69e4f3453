/**
 * The pixels of one image file, whatever program wrote it.
 *
 * Takes the bytes of a BMP, TIFF, PNG or JPEG of any depth and colour mode.
 * Gives its pixels as one grey channel, upright, and its TIFF tags. Files are
 * untrusted.
 */

import * as bmp from "./bmp.js";
import * as greyPictures from "./grey_pictures.js";
import * as jpeg from "./jpeg.js";
import { MicrographError, TooLargeError } from "./micrograph_errors.js";
import * as png from "./png.js";
import * as signatures from "./signatures.js";
import * as tiffBands from "./tiff_bands.js";
import * as tiffColours from "./tiff_colours.js";
import * as td from "./tiff_directories.js";
import { TAG } from "./tiff_tags.js";

const _MIN_SIDE_PX = 32;
/** A page of a browser has less memory than the program. */
const _MAX_PX = 2 ** 27;
const _BAND_PX = 2 ** 20; // of a band, about
const _WHOLE_PX = 2 ** 24; // a picture with more pixels is taken in bands
const _U8 = { kind: "u", bytes: 1 };
const _U16 = { kind: "u", bytes: 2 };
/**
 * What brings a picture upright: whether rows and columns change places, and
 * then whether rows and columns are reversed.
 */
const _TURNS = {
  2: [false, false, true],
  3: [false, true, true],
  4: [false, true, false],
  5: [true, false, false],
  6: [true, false, true],
  7: [true, true, true],
  8: [true, true, false],
};

/**
 * One grey channel as stored, before it is brought to 8 bits.
 * @typedef {object} Raw
 * @property {number} height in rows, upright.
 * @property {number} width in columns, upright.
 * @property {import("./grey_samples.js").Window[]} windows all parts.
 * @property {number | null} bits of each number; null where words may hold
 *   fewer than they could.
 * @property {number | null} storedBits of each number in the file, where those
 *   were looked up.
 * @property {number | null} stated the greatest level there can be, as the
 *   file says.
 * @property {boolean} inverted whether 0 is white.
 * @property {Map<number, string | Uint8Array | number[]>} tags of a TIFF.
 * @property {string[]} remarks what a person should know of what was read.
 */

/**
 * Returns the file's first page of the largest size.
 * @param {Uint8Array} bytes
 * @param {string} name
 * @param {jpeg.Decoder} decodeJpeg
 * @returns {Promise<Raw>}
 */
export async function decode(bytes, name, decodeJpeg) {
  if (!bytes.length) throw new MicrographError("the file is empty");
  if (td.isTiff(bytes)) return _decodeTiff(bytes);
  try {
    if (png.isPng(bytes)) return _decodePng(bytes);
    if (bmp.isBmp(bytes)) return _decodeBmp(bytes);
    if (jpeg.isJpeg(bytes)) return await _decodeJpeg(bytes, decodeJpeg);
  } catch (error) {
    const isNone = [png.NotPng, bmp.NotBmp, jpeg.NotJpeg].some(
      (kind) => error instanceof kind,
    );
    if (!isNone) throw error;
  }
  throw new MicrographError(signatures.reason(bytes, name));
}

/**
 * Throws for a picture too small or too large to use.
 * @param {number} width
 * @param {number} height
 */
export function checkSize(width, height) {
  if (Math.min(width, height) < _MIN_SIDE_PX) {
    throw new MicrographError(
      `${width} x ${height} pixels: at least ${_MIN_SIDE_PX} x` +
        ` ${_MIN_SIDE_PX} are needed`,
    );
  }
  if (width * height > _MAX_PX) {
    throw new TooLargeError(
      `${width} x ${height} pixels: more than the ${_MAX_PX} that this page` +
        " may read: use eanet predict",
    );
  }
}

function _decodeTiff(bytes) {
  const { page, remarks } = td.largest(bytes);
  const [width, height] = [TAG.WIDTH, TAG.HEIGHT].map((tag) =>
    page.number(tag),
  );
  checkSize(width, height);
  const colours = tiffColours.of(page);
  const windows = [];
  for (const band of tiffBands.bands(bytes, page, colours.channels, _BAND_PX)) {
    const { y, samples, dtype } = band;
    windows.push(tiffColours.window(colours, y, width, samples, dtype));
  }
  const raw = _upright(
    { width, height, windows, bits: colours.bits },
    page.number(TAG.ORIENTATION, 1),
  );
  return {
    ...raw,
    storedBits: colours.bits === null ? null : page.number(TAG.BITS, 1),
    stated: _statedByTags(page),
    inverted: colours.inverted,
    tags: page.tags,
    remarks: [...remarks, ...colours.remarks],
  };
}

/** The greatest level that the microscope could have written. */
function _statedByTags(page) {
  const description = page.tags.get(TAG.DESCRIPTION);
  if (typeof description === "string") {
    // as OME writes it
    const found = /SignificantBits="(\d{1,2})"/.exec(description);
    if (found) return 2 ** Number(found[1]) - 1;
  }
  const stated = page.tags.get(TAG.MAX_SAMPLE);
  if (!Array.isArray(stated) || page.floats.has(TAG.MAX_SAMPLE)) return null;
  return stated.reduce((a, b) => Math.max(a, b));
}

function _decodePng(bytes) {
  const head = png.header(bytes);
  const { width, height, depth, colour, channels, transparent } = head;
  checkSize(width, height);
  const samples = png.samples(bytes, head);
  const turn = png.orientation(bytes);
  const picture = { width, height, stated: head.stated };
  if (depth === 16) {
    const windows = _deepWindows(samples, head);
    return _upright({ ...picture, windows, bits: null }, turn);
  }
  if (colour === 0 && depth < 8) {
    const step = 255 / (2 ** depth - 1);
    for (let i = 0; i < samples.length; i++) samples[i] *= step;
  }
  const grey = greyPictures.grey({
    samples,
    channels,
    palette: head.palette,
    alphas: colour === 3 ? transparent : null,
    transparent: _transparentColour(head),
  });
  return _upright(
    { ...picture, windows: [_whole(picture, grey)], bits: 8 },
    turn,
  );
}

/** The one colour of a PNG that is transparent, null where there is none. */
function _transparentColour({ transparent, colour, depth }) {
  if (transparent === null || (colour !== 0 && colour !== 2)) return null;
  const word = (i) => (transparent[2 * i] << 8) | transparent[2 * i + 1];
  if (colour === 0 && depth === 1) return [word(0) ? 255 : 0];
  return colour === 0 ? [word(0)] : [word(0), word(1), word(2)];
}

/** The windows of 16 bits of grey or colours, maybe with alpha. */
function _deepWindows(samples, head) {
  const { width, height, channels } = head;
  const isGrey = head.colour === 0;
  const colours = {
    channels: Array.from({ length: channels }, (_, i) => i),
    hasAlpha: channels % 2 === 0,
    grey: channels > 2 ? tiffColours.GREY.luma : tiffColours.GREY.first,
    bits: null,
    wide: null,
  };
  const isWhole = isGrey && width * height <= _WHOLE_PX;
  const rows = isWhole ? height : Math.max(1, Math.floor(_BAND_PX / width));
  const windows = [];
  for (let y = 0; y < height; y += rows) {
    const step = width * channels;
    const part = samples.subarray(y * step, Math.min(y + rows, height) * step);
    const window = tiffColours.window(colours, y, width, part, _U16);
    const hidden = _transparentColour(head);
    if (hidden !== null) {
      window.alpha = window.grey.map((_, i) =>
        hidden.every((level, c) => part[i * channels + c] === level)
          ? 0
          : 65535,
      );
    }
    windows.push(window);
  }
  return windows;
}

function _decodeBmp(bytes) {
  const head = bmp.header(bytes);
  checkSize(head.width, head.height);
  const { samples, channels } = bmp.samples(bytes, head);
  if (head.bits === 1 && head.palette === null) {
    for (let i = 0; i < samples.length; i++) samples[i] *= 255;
  }
  const { palette } = head;
  const rest = { alphas: null, transparent: null };
  const grey = greyPictures.grey({ samples, channels, palette, ...rest });
  return _upright({ ...head, windows: [_whole(head, grey)], bits: 8 }, 1);
}

async function _decodeJpeg(bytes, decodeJpeg) {
  const head = jpeg.header(bytes);
  checkSize(head.width, head.height);
  const grey = await jpeg.grey(bytes, head, decodeJpeg);
  const windows = [_whole(head, grey)];
  const raw = _upright({ ...head, windows, bits: 8 }, head.orientation);
  return { ...raw, remarks: await jpeg.remarks(decodeJpeg) };
}

function _whole({ width, height }, grey) {
  const rest = { alpha: null, brightest: null };
  return {
    y: 0,
    x: 0,
    rows: height,
    columns: width,
    dtype: _U8,
    grey,
    ...rest,
  };
}

/**
 * Returns the upright picture of windows as they are stored.
 * @param {{width: number, height: number, bits: number | null,
 *   stated?: number | null,
 *   windows: import("./grey_samples.js").Window[]}} stored
 * @param {number} orientation
 * @returns {Raw}
 */
function _upright(stored, orientation) {
  const [swap, reverseRows, reverseColumns] = _TURNS[orientation] ?? [];
  let { width, height } = stored;
  if (swap) [width, height] = [height, width];
  const turn = (window) => {
    const [y, x] = swap ? [window.x, window.y] : [window.y, window.x];
    const rows = swap ? window.columns : window.rows;
    const columns = swap ? window.rows : window.columns;
    const turned = (numbers) =>
      numbers === null
        ? null
        : _turned(numbers, window, swap, reverseRows, reverseColumns);
    return {
      ...{ rows, columns, dtype: window.dtype },
      y: reverseRows ? height - y - rows : y,
      x: reverseColumns ? width - x - columns : x,
      grey: turned(window.grey),
      alpha: turned(window.alpha),
      brightest: turned(window.brightest),
    };
  };
  return {
    ...{ height, width, bits: stored.bits, stated: stored.stated ?? null },
    windows: orientation in _TURNS ? stored.windows.map(turn) : stored.windows,
    ...{ storedBits: null, inverted: false, tags: new Map(), remarks: [] },
  };
}

function _turned(
  numbers,
  { rows, columns },
  swap,
  reverseRows,
  reverseColumns,
) {
  const [newRows, newColumns] = swap ? [columns, rows] : [rows, columns];
  const turned = new numbers.constructor(numbers.length);
  for (let y = 0; y < newRows; y++) {
    const fromY = reverseRows ? newRows - 1 - y : y;
    for (let x = 0; x < newColumns; x++) {
      const fromX = reverseColumns ? newColumns - 1 - x : x;
      const from = swap ? fromX * columns + fromY : fromY * columns + fromX;
      turned[y * newColumns + x] = numbers[from];
    }
  }
  return turned;
}
