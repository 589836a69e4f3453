/**
 * Bytes that were compressed by zlib, RFC 1950 and 1951.
 *
 * The browser's own DecompressionStream gives nothing of a stream that is cut
 * short, and sets no limit to what a small one becomes. This one gives so many
 * bytes as a picture has and no more, and says how the stream ended.
 */

import { DecodeError } from "./micrograph_errors.js";
import { broken, tableOf } from "./prefix_codes.js";

const _WINDOW = 32768;
const _LONGEST = 258;
const _MORE = 1024; // bytes that are looked at behind those that are wanted
const _ENOUGH = Symbol("enough");
const _LENGTHS = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35];
_LENGTHS.push(43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258);
const _LENGTH_BITS = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3];
_LENGTH_BITS.push(3, 4, 4, 4, 4, 5, 5, 5, 5, 0);
const _DISTANCES = [1, 2, 3, 4];
const _DISTANCE_BITS = [0, 0, 0, 0];
for (let bits = 1; bits <= 13; bits++) {
  for (let i = 0; i < 2; i++) {
    _DISTANCES.push(_DISTANCES.at(-1) + 2 ** _DISTANCE_BITS.at(-1));
    _DISTANCE_BITS.push(bits);
  }
}
const _ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1];
_ORDER.push(15);

/**
 * Returns the bytes that a stream begins with.
 *
 * Of a stream of much more than is wanted the rest is not looked at, so that a
 * small file cannot keep a page busy.
 * @param {Uint8Array} data a zlib stream, perhaps with something behind it.
 * @param {number} wanted how many bytes are kept.
 * @returns {{bytes: Uint8Array, isMore: boolean, end: "whole" | "cut" |
 *   "broken" | "unknown"}} fewer bytes than wanted where there are no more;
 *   whether the stream has more; whether it has its end, lacks it, makes no
 *   sense before it, or was not looked at so far.
 */
export function inflate(data, wanted) {
  const out = new _Output(wanted);
  let end = "unknown";
  try {
    end = _stream(new _Bits(data), out) ? "whole" : "cut";
  } catch (error) {
    if (error instanceof DecodeError) end = "broken";
    else if (error !== _ENOUGH) throw error;
  }
  const bytes = out.bytes.subarray(0, Math.min(wanted, out.at));
  return { bytes, isMore: out.at > wanted, end };
}

/** Returns whether the stream ends; false where the data does before. */
function _stream(input, out) {
  const head = input.byte() * 256 + input.byte();
  if (input.isShort) return false;
  if (head % 31 || ((head >> 8) & 15) !== 8 || head >> 12 > 7 || head & 32) {
    throw broken();
  }
  for (let isLast = 0; !isLast;) {
    isLast = input.bits(1);
    const kind = input.bits(2);
    if (input.isShort) return false;
    if (kind === 3) throw broken();
    if (kind === 0) _stored(input, out);
    else _coded(input, out, kind === 1 ? _fixed() : _dynamic(input));
    if (input.isShort) return false;
  }
  input.align();
  let sum = 0;
  for (let i = 0; i < 4; i++) sum = sum * 256 + input.byte();
  if (input.isShort) return false;
  if (sum !== out.checksum()) throw broken();
  return true;
}

/** Reads bits, the lowest of each byte first; zeros where there are none. */
class _Bits {
  constructor(data) {
    this._data = data;
    this._at = 0;
    this._held = 0;
    this._count = 0;
    this._beyond = 0; // bytes that were asked for behind the end
  }

  /** Whether more was used than there is. */
  get isShort() {
    return this._beyond * 8 > this._count;
  }

  /** Has 16 bits or more at hand. */
  _fill() {
    while (this._count <= 16) {
      if (this._at >= this._data.length) this._beyond += 1;
      else this._held |= this._data[this._at] << this._count;
      this._at += 1;
      this._count += 8;
    }
  }

  bits(count) {
    this._fill();
    const value = this._held & ((1 << count) - 1);
    this._held >>>= count;
    this._count -= count;
    return value;
  }

  symbol({ table, most }) {
    this._fill();
    const entry = table[this._held & ((1 << most) - 1)];
    if (!entry) {
      if (this._beyond) return -1;
      throw broken();
    }
    this._held >>>= entry & 15;
    this._count -= entry & 15;
    return entry >> 4;
  }

  align() {
    this.bits(this._count & 7);
  }

  byte() {
    return this.bits(8);
  }
}

/** What comes out, and a little more. */
class _Output {
  constructor(wanted) {
    this.bytes = new Uint8Array(wanted + _MORE + _LONGEST);
    this._limit = wanted + _MORE;
    this.at = 0;
  }

  /** Ends it all where a code would add to more than enough. */
  makeRoom() {
    if (this.at >= this._limit) throw _ENOUGH;
  }

  checksum() {
    let [a, b] = [1, 0];
    for (let i = 0; i < this.at;) {
      // So many that no sum is beyond 2^53, nor slow.
      const end = Math.min(i + 3800, this.at);
      for (; i < end; i++) {
        a += this.bytes[i];
        b += a;
      }
      a %= 65521;
      b %= 65521;
    }
    return b * 65536 + a;
  }
}

function _stored(input, out) {
  input.align();
  const length = input.bits(16);
  const inverse = input.bits(16);
  if (input.isShort) return;
  if ((length ^ inverse) !== 0xffff) throw broken();
  for (let i = 0; i < length; i++) {
    const byte = input.byte();
    if (input.isShort) return;
    out.makeRoom();
    out.bytes[out.at++] = byte;
  }
}

function _coded(input, out, { lengths, distances }) {
  const bytes = out.bytes;
  for (;;) {
    const symbol = input.symbol(lengths);
    if (symbol < 0 || input.isShort || symbol === 256) return;
    out.makeRoom();
    if (symbol < 256) {
      bytes[out.at++] = symbol;
      continue;
    }
    if (symbol > 285) throw broken();
    const length =
      _LENGTHS[symbol - 257] + input.bits(_LENGTH_BITS[symbol - 257]);
    const code = input.symbol(distances);
    if (code < 0 || input.isShort) return;
    if (code > 29) throw broken();
    const distance = _DISTANCES[code] + input.bits(_DISTANCE_BITS[code]);
    if (input.isShort) return;
    if (distance > out.at || distance > _WINDOW) throw broken();
    const end = out.at + length;
    for (let i = out.at; i < end; i++) bytes[i] = bytes[i - distance];
    out.at = end;
  }
}

let _fixedCodes = null;

function _fixed() {
  if (_fixedCodes === null) {
    const sizes = new Uint8Array(288).fill(8);
    sizes.fill(9, 144, 256).fill(7, 256, 280);
    _fixedCodes = {
      lengths: tableOf(sizes),
      distances: tableOf(new Uint8Array(32).fill(5)),
    };
  }
  return _fixedCodes;
}

function _dynamic(input) {
  const count = input.bits(5) + 257;
  const distances = input.bits(5) + 1;
  const codes = input.bits(4) + 4;
  if (count > 286 || distances > 30) throw broken();
  const ofSizes = new Uint8Array(19);
  for (let i = 0; i < codes; i++) ofSizes[_ORDER[i]] = input.bits(3);
  if (input.isShort) return _fixed();
  const table = tableOf(ofSizes, true);
  const sizes = new Uint8Array(count + distances);
  for (let i = 0; i < sizes.length;) {
    const symbol = input.symbol(table);
    if (symbol < 0 || input.isShort) return _fixed(); // it is not used
    if (symbol < 16) {
      sizes[i++] = symbol;
      continue;
    }
    const size = symbol === 16 ? sizes[i - 1] : 0;
    const repeats = { 16: [3, 2], 17: [3, 3], 18: [11, 7] }[symbol];
    const end = i + repeats[0] + input.bits(repeats[1]);
    if (input.isShort) return _fixed();
    if ((symbol === 16 && i === 0) || end > sizes.length) throw broken();
    sizes.fill(size, i, end);
    i = end;
  }
  if (!sizes[256]) throw broken();
  return {
    lengths: tableOf(sizes.subarray(0, count), true),
    distances: tableOf(sizes.subarray(count)),
  };
}
