/**
 * The pixels of a BMP, as Pillow reads it.
 *
 * Uncompressed of 1 to 32 bits, of any order of rows, or of runs (RLE).
 */

import { cannotFollow, DecodeError, ShortError } from "./micrograph_errors.js";

const _RAW = 0;
const _RUNS_8 = 1;
const _RUNS_4 = 2;
const _FIELDS = 3;
const _HEADERS = [12, 40, 52, 56, 64, 108, 124];
/** Where red, green, blue and alpha are in 32 bits, by their masks. */
const _LAYOUTS = {
  "ff0000,ff00,ff,0": [2, 1, 0],
  "ff000000,ff0000,ff00,0": [3, 2, 1],
  "ff000000,ff00,ff,0": [3, 1, 0],
  "ff000000,ff0000,ff00,ff": [3, 2, 1, 0],
  "ff,ff00,ff0000,ff000000": [0, 1, 2, 3],
  "ff0000,ff00,ff,ff000000": [2, 1, 0, 3],
  "ff000000,ff00,ff,ff0000": [3, 1, 0, 2],
  "0,0,0,0": [2, 1, 0, 3],
};

/** A file that begins like a BMP and is none. */
export class NotBmp extends Error {}

/**
 * Whether bytes begin like a BMP.
 * @param {Uint8Array} bytes
 * @returns {boolean}
 */
export function isBmp(bytes) {
  return bytes[0] === 0x42 && bytes[1] === 0x4d;
}

/**
 * @typedef {object} Header
 * @property {number} width
 * @property {number} height
 * @property {number} bits of a pixel.
 * @property {number} compression
 * @property {boolean} isUpward whether the lowest row comes first.
 * @property {number} start of the pixels.
 * @property {number[] | null} layout bytes of the colours in 32 bits.
 * @property {boolean} hasSix whether green has 6 of 16 bits.
 * @property {Uint8Array | null} palette red, green, blue of each entry; null
 *   where the numbers are the grey levels.
 */

/**
 * Returns what stands before the pixels.
 * @param {Uint8Array} bytes
 * @returns {Header}
 */
export function header(bytes) {
  if (bytes.length < 18) throw new NotBmp();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const size = view.getUint32(14, true);
  if (14 + size > bytes.length) throw new DecodeError("Truncated File Read");
  if (!_HEADERS.includes(size)) {
    throw new DecodeError(`Unsupported BMP header type (${size})`);
  }
  const head = { isUpward: true, compression: _RAW, layout: null };
  Object.assign(head, { hasSix: false, palette: null });
  let [colours, entry, end] = [0, 3, 14 + size];
  if (size === 12) {
    head.width = view.getUint16(18, true);
    head.height = view.getUint16(20, true);
    head.bits = view.getUint16(24, true);
  } else {
    head.isUpward = bytes[25] !== 0xff;
    head.width = view.getUint32(18, true);
    const height = view.getUint32(22, true);
    head.height = head.isUpward ? height : 2 ** 32 - height;
    head.bits = view.getUint16(28, true);
    head.compression = view.getUint32(30, true);
    colours = view.getUint32(46, true);
    entry = 4;
  }
  if (!head.width || !head.height) throw new NotBmp();
  colours ||= 2 ** head.bits;
  if (![1, 4, 8, 16, 24, 32].includes(head.bits)) {
    throw new DecodeError(`Unsupported BMP pixel depth (${head.bits})`);
  }
  if (head.compression === _FIELDS) end = _readFields(head, view, size, end);
  else if (![_RAW, _RUNS_8, _RUNS_4].includes(head.compression)) {
    throw new DecodeError(`Unsupported BMP compression (${head.compression})`);
  }
  head.start = view.getUint32(10, true);
  if (head.bits <= 8) {
    if (head.start === 14 + size) head.start += entry * colours;
    _readPalette(head, bytes, end, entry, colours);
    end += entry * colours;
  }
  head.start ||= end;
  return head;
}

/** Reads where the colours are in a pixel; returns where that ends. */
function _readFields(head, view, size, end) {
  const isLong = size - 4 >= 48;
  const count = isLong && size - 4 >= 52 ? 4 : 3;
  const at = isLong ? 54 : end;
  if (at + 4 * count > view.byteLength) throw new NotBmp();
  const masks = [0, 0, 0, 0];
  for (let i = 0; i < count; i++) masks[i] = view.getUint32(at + 4 * i, true);
  const key = masks.map((mask) => mask.toString(16)).join();
  const of16 = { "f800,7e0,1f": true, "7c00,3e0,1f": false };
  const colours = key.split(",").slice(0, 3).join();
  const known = {
    32: key in _LAYOUTS,
    24: colours === "ff0000,ff00,ff",
    16: colours in of16,
  };
  if (!known[head.bits]) {
    throw new DecodeError("Unsupported BMP bitfields layout");
  }
  if (head.bits === 32) head.layout = _LAYOUTS[key];
  head.hasSix = head.bits === 16 && of16[colours];
  return isLong ? end : end + 12;
}

function _readPalette(head, bytes, at, entry, colours) {
  if (!(colours > 0 && colours <= 65536)) {
    throw new DecodeError(`Unsupported BMP Palette size (${colours})`);
  }
  const stored = bytes.subarray(at, at + entry * colours);
  let isGrey = true;
  for (let i = 0; i < colours && isGrey; i++) {
    const level = colours === 2 ? 255 * i : i;
    const from = entry * i;
    isGrey = [0, 1, 2].every((c) => stored[from + c] === (level & 255));
  }
  if (isGrey) {
    if ((colours <= 2 ? 1 : 8) !== head.bits) {
      throw cannotFollow("a BMP with such a palette");
    }
    return;
  }
  if (colours > 256) throw new DecodeError("invalid palette size");
  head.palette = new Uint8Array(3 * Math.floor(stored.length / entry));
  for (let i = 0; i < head.palette.length; i++) {
    const [index, colour] = [Math.floor(i / 3), i % 3];
    head.palette[i] = stored[entry * index + 2 - colour];
  }
}

/**
 * Returns the numbers of the pixels, upright.
 * @param {Uint8Array} bytes
 * @param {Header} head
 * @returns {{samples: Uint8Array, channels: number}} (y, x, channels): a
 *   palette's entry or a grey level, red, green and blue, perhaps with alpha;
 *   of a grey of 1 bit 0 or 1.
 */
export function samples(bytes, head) {
  if (head.compression === _RUNS_8 || head.compression === _RUNS_4) {
    return { samples: _runs(bytes, head), channels: 1 };
  }
  const { width, height, bits } = head;
  const stride = Math.floor((width * bits + 31) / 32) * 4;
  const rowBytes = Math.ceil((width * bits) / 8);
  const there = Math.max(bytes.length - head.start, 0);
  if (there < (height - 1) * stride + rowBytes) {
    const left = there % stride;
    throw new ShortError(
      `image file is truncated (${left < rowBytes ? left : 0} bytes not` +
        " processed)",
    );
  }
  const layout = head.layout ?? [2, 1, 0];
  const channels = bits <= 8 ? 1 : bits === 32 ? layout.length : 3;
  const found = new Uint8Array(width * height * channels);
  for (let row = 0; row < height; row++) {
    const from = head.start + row * stride;
    const y = head.isUpward ? height - 1 - row : row;
    const to = y * width * channels;
    const line = bytes.subarray(from, from + rowBytes);
    if (bits <= 8) _unpack(line, bits, found, to, width);
    else if (bits === 16) _unpack16(line, head.hasSix, found, to, width);
    else {
      for (let x = 0; x < width; x++) {
        for (let c = 0; c < channels; c++) {
          found[to + x * channels + c] = line[x * (bits >> 3) + layout[c]];
        }
      }
    }
  }
  return { samples: found, channels };
}

function _unpack(line, bits, found, to, width) {
  const mask = (1 << bits) - 1;
  for (let x = 0; x < width; x++) {
    const bit = x * bits;
    found[to + x] = (line[bit >> 3] >> (8 - bits - (bit & 7))) & mask;
  }
}

function _unpack16(line, hasSix, found, to, width) {
  for (let x = 0; x < width; x++) {
    const word = line[2 * x] | (line[2 * x + 1] << 8);
    const most = hasSix ? 63 : 31;
    const red = (word >> (hasSix ? 11 : 10)) & 31;
    found[to + 3 * x] = Math.floor((red * 255) / 31);
    found[to + 3 * x + 1] = Math.floor((((word >> 5) & most) * 255) / most);
    found[to + 3 * x + 2] = Math.floor(((word & 31) * 255) / 31);
  }
}

/** Runs of 8 or 4 bits. */
function _runs(bytes, head) {
  const { width, height } = head;
  const isFour = head.compression === _RUNS_4;
  if (head.bits === 1 || head.bits > 8) {
    throw cannotFollow("a BMP with such runs");
  }
  const wanted = width * height;
  const data = new Uint8Array(wanted + 256);
  const nibble = (byte, i) => (i % 2 ? byte & 15 : byte >> 4);
  let [at, to, x] = [head.start, 0, 0];
  while (to < wanted && at + 1 < bytes.length) {
    const [count, code] = [bytes[at], bytes[at + 1]];
    at += 2;
    if (count) {
      const kept = Math.min(count, Math.max(width - x, 0));
      for (let i = 0; i < kept; i++)
        data[to++] = isFour ? nibble(code, i) : code;
      x += kept;
    } else if (code === 0) {
      to = Math.ceil(to / width) * width;
      x = 0;
    } else if (code === 1) break;
    else if (code === 2) {
      if (at + 2 > bytes.length) break;
      to += Math.min(wanted - to, bytes[at] + bytes[at + 1] * width);
      x = to % width;
      at += 2;
    } else {
      const kept = Math.min(wanted - to, code);
      const size = isFour ? (kept + 1) >> 1 : kept;
      const there = Math.min(size, bytes.length - at);
      const count = isFour ? Math.min(2 * there, kept) : there;
      for (let i = 0; i < count; i++) {
        data[to++] = isFour ? nibble(bytes[at + (i >> 1)], i) : bytes[at + i];
      }
      at += there;
      if (there < size || to === wanted) break;
      x += code;
      at += at % 2;
    }
  }
  if (to < wanted) throw new DecodeError("not enough image data");
  const found = new Uint8Array(wanted);
  for (let row = 0; row < height; row++) {
    const y = head.isUpward ? height - 1 - row : row;
    found.set(data.subarray(row * width, (row + 1) * width), y * width);
  }
  return found;
}
