/**
 * The samples of a PNG, whole or not at all.
 *
 * Takes the bytes of a file, gives its samples as they are stored, with what
 * they mean. As Pillow reads it, which a sound file does not tell from others;
 * of 16 bits, colours and alpha keep their depth, as data/png_depth.py has it.
 */

import { inflate } from "./inflate.js";
import { cannotFollow, DecodeError, ShortError } from "./micrograph_errors.js";
import * as orientations from "./orientations.js";
import { spread, unfilter } from "./png_rows.js";

const _MAGIC = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const _MAX_CHUNKS = 100; // before the pixels, in which a depth is looked for
const _CHANNELS = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }; // by the type of colour
const _DEPTHS = { 0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8] };
_DEPTHS[4] = _DEPTHS[6] = [8, 16];
/** Of an interlaced PNG: first row and column, and the steps of both. */
const _PASSES = [
  [0, 0, 8, 8],
  [0, 4, 8, 8],
  [4, 0, 8, 4],
  [0, 2, 4, 4],
  [2, 0, 4, 2],
  [0, 1, 2, 2],
  [1, 0, 2, 1],
];

/** A file that begins like a PNG and is none. */
export class NotPng extends Error {}

/**
 * @typedef {object} Header
 * @property {number} width
 * @property {number} height
 * @property {number} depth bits of a sample.
 * @property {number} colour type of colour: 0 grey, 2 colours, 3 palette, 4
 *   grey with alpha, 6 colours with alpha.
 * @property {number} channels of a pixel.
 * @property {boolean} isInterlaced
 * @property {Uint8Array | null} palette red, green and blue of each entry.
 * @property {Uint8Array | null} transparent what the chunk tRNS holds.
 * @property {number | null} stated the greatest level that sBIT leaves.
 * @property {number} pixelsAt where the first chunk of pixels is.
 */

/**
 * Whether bytes begin like a PNG.
 * @param {Uint8Array} bytes
 * @returns {boolean}
 */
export function isPng(bytes) {
  return _MAGIC.every((each, i) => bytes[i] === each);
}

/**
 * Returns what stands before the pixels.
 * @param {Uint8Array} bytes
 * @returns {Header}
 * @throws {NotPng} it is so damaged that it is not known to be a PNG.
 */
export function header(bytes) {
  const found = { palette: null, transparent: null, stated: null };
  let count = 0;
  for (let at = _MAGIC.length; ;) {
    const chunk = _chunk(bytes, at);
    if (chunk === null) throw new NotPng();
    if (chunk.name === "IDAT") {
      found.pixelsAt = at;
      break;
    }
    if (chunk.name === "IEND") break;
    if (chunk.end > bytes.length) throw new DecodeError("Truncated File Read");
    const content = bytes.subarray(chunk.start, chunk.end);
    if (chunk.name === "acTL") throw cannotFollow("an animated PNG");
    if (chunk.name === "fdAT") throw new NotPng();
    if (chunk.name === "IHDR") _readHeader(found, content);
    if (chunk.name === "PLTE" && found.colour === 3) found.palette = content;
    if (chunk.name === "tRNS") found.transparent = _checked(found, content);
    if (chunk.name === "sBIT" && count < _MAX_CHUNKS) {
      const bits = Math.max(0, ...content.subarray(0, 4));
      found.stated ??= bits ? 2 ** bits - 1 : 0;
    }
    if (!_isSound(bytes, chunk)) throw new NotPng();
    at = chunk.end + 4;
    count += 1;
  }
  if (!(found.width > 0 && found.height > 0) || !found.channels) {
    throw new NotPng();
  }
  if (found.colour === 3 && found.palette === null) {
    throw new DecodeError("a PNG without its palette");
  }
  if (!found.stated) found.stated = null;
  return found;
}

function _readHeader(found, content) {
  if (content.length < 13) throw new DecodeError("Truncated IHDR chunk");
  found.width = _word(content, 0);
  found.height = _word(content, 4);
  const [depth, colour] = [content[8], content[9]];
  if (content[11]) throw new NotPng();
  found.isInterlaced = content[12] !== 0;
  if (_DEPTHS[colour]?.includes(depth)) {
    Object.assign(found, { depth, colour, channels: _CHANNELS[colour] });
  }
}

function _checked(found, content) {
  const least = { 0: 2, 2: 6 }[found.colour] ?? 0;
  if (content.length < least) throw new DecodeError("Truncated tRNS chunk");
  return content;
}

/** The chunk there; null if it is none. */
function _chunk(bytes, at) {
  if (at + 8 > bytes.length) return null;
  const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
  if (!/^\w{4}$/.test(name)) return null;
  const start = at + 8;
  return { name, start, end: start + _word(bytes, at) };
}

function _word(bytes, at) {
  return (
    bytes[at] * 2 ** 24 +
    ((bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3])
  );
}

const _CRCS = Uint32Array.from({ length: 256 }, (_, i) => {
  let crc = i;
  for (let k = 0; k < 8; k++)
    crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
  return crc;
});

/** Whether a chunk is as its checksum says. */
function _isSound(bytes, { start, end }) {
  if (end + 4 > bytes.length) return false;
  let crc = 0xffffffff;
  for (let i = start - 4; i < end; i++) {
    crc = _CRCS[(crc ^ bytes[i]) & 255] ^ (crc >>> 8);
  }
  return (crc ^ 0xffffffff) >>> 0 === _word(bytes, end);
}

/**
 * Returns the samples, each in a number of its own.
 * @param {Uint8Array} bytes
 * @param {Header} head
 * @returns {Uint8Array | Uint16Array} (y, x, channels); those of fewer than 8
 *   bits as they are stored.
 * @throws {ShortError} the file has only a part of them.
 */
export function samples(bytes, head) {
  const { width, height, channels, depth } = head;
  if (head.pixelsAt === undefined) throw new ShortError("there are no pixels");
  const rowBytes = (columns) => Math.ceil((columns * channels * depth) / 8);
  const passes = head.isInterlaced ? _PASSES : [[0, 0, 1, 1]];
  const parts = passes
    .map(([top, left, down, across]) => ({
      ...{ top, left, down, across },
      rows: Math.ceil((height - top) / down),
      columns: Math.ceil((width - left) / across),
    }))
    .filter(({ rows, columns }) => rows > 0 && columns > 0);
  const wanted = parts.reduce(
    (sum, { rows, columns }) => sum + rows * (1 + rowBytes(columns)),
    0,
  );
  const { bytes: raw, end } = inflate(_pixels(bytes, head).data, wanted);
  const found = new (depth === 16 ? Uint16Array : Uint8Array)(
    width * height * channels,
  );
  const step = Math.max(1, (channels * depth) >> 3);
  let at = 0;
  for (const part of parts) {
    const size = rowBytes(part.columns);
    let above = new Uint8Array(size);
    for (let row = 0; row < part.rows; row++, at += 1 + size) {
      if (at + 1 + size > raw.length) {
        throw _missing(bytes, head, end);
      }
      const line = raw.subarray(at + 1, at + 1 + size);
      unfilter(raw[at], line, above, step);
      spread(line, part, row, head, found);
      above = line;
    }
  }
  // What lies behind the last row may be missing, but not be wrong.
  if (end === "broken") throw _broken();
  return found;
}

/** Why there are not all rows, as the program's decoders say it. */
function _missing(bytes, head, end) {
  if (_isDeep(head)) {
    return new DecodeError(
      end === "cut"
        ? "png_read_data_fn input stream too small"
        : "Not enough image data",
    );
  }
  if (end === "whole") return new ShortError("the last rows are missing");
  if (end === "broken") return _broken();
  const isAtEnd = _pixels(bytes, head).end + 8 > bytes.length;
  const rest = isAtEnd ? "" : " (0 bytes not processed)";
  return new ShortError(`image file is truncated${rest}`);
}

function _broken() {
  return new DecodeError("broken data stream when reading image file");
}

/** Whether it is decoded by what is more strict. */
function _isDeep({ depth, colour }) {
  return depth === 16 && colour !== 0;
}

/** The compressed pixels, which may be in many chunks, and where they end. */
function _pixels(bytes, head) {
  const parts = [];
  let end = head.pixelsAt;
  for (;;) {
    const chunk = _chunk(bytes, end);
    if (chunk === null || chunk.name !== "IDAT") break;
    parts.push(bytes.subarray(chunk.start, chunk.end));
    if (_isDeep(head) && !_isSound(bytes, chunk)) {
      throw new DecodeError("IDAT: CRC error");
    }
    end = chunk.end + 4;
  }
  const all = new Uint8Array(
    parts.reduce((sum, { length }) => sum + length, 0),
  );
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return { data: all, end };
}

/**
 * Returns how the picture is turned, by any of the marks that programs leave.
 * @param {Uint8Array} bytes
 * @returns {number} 1 where nothing says.
 */
export function orientation(bytes) {
  const marks = { exif: null, profile: null, xmp: null };
  for (let at = _MAGIC.length; ;) {
    const chunk = _chunk(bytes, at);
    if (chunk === null || chunk.end > bytes.length) break;
    const content = bytes.subarray(chunk.start, chunk.end);
    if (chunk.name === "eXIf") marks.exif = content;
    if (/^(tEXt|zTXt|iTXt)$/.test(chunk.name)) {
      orientations.readText(chunk.name, content, marks);
    }
    at = chunk.end + 4;
  }
  return orientations.of(marks);
}
