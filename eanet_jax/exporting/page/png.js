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
  for (let at = _MAGIC.length; ; ) {
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
    const kept = chunk.end + 4 <= bytes.length ? _word(bytes, chunk.end) : -1;
    if (kept !== _crc(bytes, chunk.start - 4, chunk.end)) throw new NotPng();
    at = chunk.end + 4;
    count += 1;
  }
  if (!(found.width > 0 && found.height > 0) || !found.channels) {
    throw new NotPng();
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
  for (let k = 0; k < 8; k++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
  return crc;
});

function _crc(bytes, start, end) {
  let crc = 0xffffffff;
  for (let i = start; i < end; i++) {
    crc = _CRCS[(crc ^ bytes[i]) & 255] ^ (crc >>> 8);
  }
  return (crc ^ 0xffffffff) >>> 0;
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
  const { bytes: raw, isWhole } = inflate(_pixels(bytes, head).data, wanted);
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
        throw isWhole ? _missing(head) : _cut(bytes, head);
      }
      const line = raw.subarray(at + 1, at + 1 + size);
      _unfilter(raw[at], line, above, step);
      _spread(line, part, row, head, found);
      above = line;
    }
  }
  if (!isWhole) throw _cut(bytes, head);
  return found;
}

/** The stream has its end, and not all rows. */
function _missing({ depth, colour }) {
  if (depth === 16 && colour !== 0) {
    return new DecodeError("Not enough image data"); // as its decoder says it
  }
  return new ShortError("the last rows are missing");
}

/** The stream has no end. */
function _cut(bytes, head) {
  if (head.depth === 16 && head.colour !== 0) {
    return new DecodeError("png_read_data_fn input stream too small");
  }
  const isAtEnd = _pixels(bytes, head).end + 8 > bytes.length;
  const rest = isAtEnd ? "" : " (0 bytes not processed)";
  return new ShortError(`image file is truncated${rest}`);
}

/** The compressed pixels, which may be in many chunks, and where they end. */
function _pixels(bytes, head) {
  const parts = [];
  let end = head.pixelsAt;
  for (;;) {
    const chunk = _chunk(bytes, end);
    if (chunk === null || chunk.name !== "IDAT") break;
    parts.push(bytes.subarray(chunk.start, chunk.end));
    end = chunk.end + 4;
  }
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return { data: all, end };
}

/** Turns differences from the bytes before and above into bytes. */
function _unfilter(kind, line, above, step) {
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

/** Writes the samples of a row to where they belong. */
function _spread(line, part, row, { width, channels, depth }, found) {
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

/**
 * Returns how the picture is turned, by any of the marks that programs leave.
 * @param {Uint8Array} bytes
 * @returns {number} 1 where nothing says.
 */
export function orientation(bytes) {
  const marks = { exif: null, profile: null, xmp: null };
  for (let at = _MAGIC.length; ; ) {
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
