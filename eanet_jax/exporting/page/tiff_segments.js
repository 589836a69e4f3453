/**
 * The samples of one strip or tile of a TIFF.
 *
 * Takes its bytes and how its numbers are stored: compressed or not, as
 * differences or not, of any number of bits. What is too short is an error.
 */

import { numbers } from "./grey_samples.js";
import { inflate } from "./inflate.js";
import { DecodeError, ShortError } from "./micrograph_errors.js";
import { TAG } from "./tiff_tags.js";
import * as tiffSamples from "./tiff_samples.js";

const _REVERSED = Uint8Array.from({ length: 256 }, (_, byte) => {
  let reversed = 0;
  for (let i = 0; i < 8; i++) reversed |= ((byte >> i) & 1) << (7 - i);
  return reversed;
});

/**
 * Returns what the decoded numbers are.
 * @param {tiffSamples.Samples} stored
 * @returns {import("./grey_samples.js").Dtype}
 */
export function dtypeOf({ kind, bits }) {
  const bytes = [1, 2, 4, 8].find((each) => 8 * each >= bits);
  return { kind, bytes };
}

/**
 * Returns what decodes a segment of so many rows.
 * @param {import("./tiff_directories.js").Page} page
 * @param {tiffSamples.Samples} stored
 * @param {number} columns of a segment.
 * @returns {(rows: number, segment: Uint8Array) =>
 *   import("./grey_samples.js").Numbers} (rows, columns, channels).
 */
export function decoder(page, stored, columns) {
  const isTurned = page.number(TAG.FILL_ORDER, 1) === 2;
  const across = columns * (stored.apart ? 1 : stored.count);
  const rowBytes = Math.ceil((across * stored.bits) / 8);
  return (rows, segment) => {
    const own = isTurned ? segment.map((byte) => _REVERSED[byte]) : segment;
    const wanted = rows * rowBytes;
    // The program's decoder of such numbers minds what is too much.
    const isStrict = stored.bits === 24 && stored.kind === "f";
    const most = wanted + (isStrict ? 1 : 0);
    const bytes = _decompressed(own, stored.compression, most);
    if (bytes.length < wanted) {
      throw new ShortError("strips or tiles of the TIFF are too short");
    }
    if (isStrict && bytes.length > wanted) {
      throw new DecodeError("data size not a multiple of 3");
    }
    return _numbers(
      bytes.slice(0, wanted),
      stored,
      rows,
      across,
      page.isLittle,
    );
  };
}

/** Returns the bytes, perhaps more than are wanted, or fewer. */
function _decompressed(segment, compression, wanted) {
  if (compression === tiffSamples.DEFLATE) {
    const { bytes, isMore, end } = inflate(segment, wanted);
    // As strict as the program's decoder is.
    if (isMore) throw new DecodeError("deflate data of too much");
    if (end !== "whole") throw new DecodeError(`deflate data, ${end}`);
    return bytes;
  }
  if (compression === tiffSamples.LZW) return _unpackLzw(segment, wanted);
  if (compression === tiffSamples.PACKBITS) return _unpackRuns(segment, wanted);
  return segment;
}

function _unpackRuns(data, wanted) {
  const found = new Uint8Array(wanted);
  let [at, to] = [0, 0];
  while (at < data.length) {
    const head = data[at++];
    if (head < 128) {
      const part = data.subarray(at, at + head + 1);
      if (part.length <= head) throw new DecodeError("PackBits data, cut");
      if (to + head >= wanted)
        throw new DecodeError("PackBits data of too much");
      found.set(part, to);
      at += head + 1;
      to += part.length;
    } else if (head > 128 && at < data.length) {
      const end = to + 257 - head;
      if (end > wanted) throw new DecodeError("PackBits data of too much");
      found.fill(data[at++], to, end);
      to = end;
    }
  }
  return found.subarray(0, to);
}

/** LZW as TIFF has it: codes of 9 to 12 bits, the highest bit first. */
function _unpackLzw(data, wanted) {
  const [clear, end, most] = [256, 257, 4096];
  if (data[0] !== 128 || data[1] & 128) {
    throw new DecodeError("LZW data that does not begin with a clear code");
  }
  const found = new Uint8Array(wanted);
  // Each code is what was written there, and so long.
  const starts = new Uint32Array(most + 1);
  const sizes = new Uint32Array(most + 1);
  let [to, bits, held, size, next, before] = [0, 0, 0, 9, 258, -1];
  for (let at = 0; at < data.length && to < wanted; at++) {
    held = ((held << 8) | data[at]) & 0xffffff;
    bits += 8;
    if (bits < size) continue;
    bits -= size;
    const code = (held >> bits) & ((1 << size) - 1);
    if (code === end) break;
    if (code === clear) {
      [size, next, before] = [9, 258, -1];
      continue;
    }
    const isKnown = code < 256 || code < next;
    if (!isKnown && (code !== next || before < 0)) {
      throw new DecodeError("LZW data with an unknown code");
    }
    const start = to;
    if (code < 256) found[to++] = code;
    else {
      const from = isKnown ? starts[code] : before;
      const length = isKnown ? sizes[code] : to - before + 1;
      for (let i = 0; i < length && to < wanted; i++) {
        found[to++] = found[from + i];
      }
    }
    if (before >= 0) {
      if (next >= most) throw new DecodeError("LZW data of too many codes");
      // The code before, and the first byte of this one.
      starts[next] = before;
      sizes[next] = start - before + 1;
      next += 1;
    }
    before = start;
    if (next >= (1 << size) - 1 && size < 12) size += 1;
  }
  return found.subarray(0, to);
}

/** The numbers of bytes that belong to nobody else. */
function _numbers(bytes, stored, rows, across, isLittle) {
  const { bits, kind, predictor } = stored;
  if (bits === 24 && kind === "f") return _floats24(bytes, isLittle);
  if (![8, 16, 32, 64].includes(bits)) {
    return _packed(bytes, stored, rows, across);
  }
  const size = bits / 8;
  if (predictor === 3) _undoBytes(bytes, size, rows, across, stored);
  else if (!isLittle) _swap(bytes, size);
  const words = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array };
  const unsigned = new (words[size] ?? BigUint64Array)(bytes.buffer);
  if (predictor === 2) {
    const step = stored.apart ? 1 : stored.count;
    for (let row = 0; row < rows; row++) {
      const end = (row + 1) * across;
      for (let i = row * across + step; i < end; i++) {
        unsigned[i] += unsigned[i - step];
      }
    }
  }
  if (kind === "u" && size < 8) return unsigned;
  if (kind === "f" && size === 2) return _halves(unsigned);
  const types = { i1: Int8Array, i2: Int16Array, i4: Int32Array };
  Object.assign(types, { f4: Float32Array, f8: Float64Array });
  Object.assign(types, { i8: BigInt64Array, u8: BigUint64Array });
  const found = new types[kind + size](bytes.buffer);
  return size === 8 && kind !== "f" ? Float64Array.from(found, Number) : found;
}

function _swap(bytes, size) {
  for (let at = 0; size > 1 && at < bytes.length; at += size) {
    for (let i = 0; i < size >> 1; i++) {
      const other = at + size - 1 - i;
      [bytes[at + i], bytes[other]] = [bytes[other], bytes[at + i]];
    }
  }
}

/** Undoes differences of bytes, of which the highest of a row come first. */
function _undoBytes(bytes, size, rows, across, stored) {
  const step = stored.apart ? 1 : stored.count;
  const length = across * size;
  for (let row = 0; row < rows; row++) {
    const line = bytes.subarray(row * length, (row + 1) * length);
    for (let i = step; i < length; i++) line[i] += line[i - step];
    const mixed = line.slice();
    for (let b = 0; b < size; b++) {
      for (let x = 0; x < across; x++) {
        line[x * size + size - 1 - b] = mixed[b * across + x];
      }
    }
  }
}

/** Numbers of any bits, the highest first, with rows of whole bytes. */
function _packed(bytes, stored, rows, across) {
  const { bits } = stored;
  const found = numbers(dtypeOf(stored), rows * across);
  const rowBytes = Math.ceil((across * bits) / 8);
  for (let row = 0, to = 0; row < rows; row++) {
    let at = row * rowBytes;
    let [held, count] = [0, 0];
    for (let x = 0; x < across; x++) {
      while (count < bits) {
        held = held * 256 + bytes[at++]; // below 2^39
        count += 8;
      }
      count -= bits;
      const unit = 2 ** count;
      const value = Math.floor(held / unit);
      held -= value * unit;
      found[to++] = value;
    }
  }
  return found;
}

let _halfTable = null;

/** The floats of 16 bits. */
function _halves(words) {
  _halfTable ??= Float32Array.from({ length: 65536 }, (_, word) =>
    _float(word >> 15, (word >> 10) & 31, word & 1023, 5, 10),
  );
  return Float32Array.from(words, (word) => _halfTable[word]);
}

/** The floats of 24 bits. */
function _floats24(bytes, isLittle) {
  const found = new Float32Array(bytes.length / 3);
  for (let i = 0; i < found.length; i++) {
    const [low, middle, high] = isLittle ? [0, 1, 2] : [2, 1, 0];
    const top = bytes[3 * i + high];
    const rest = (bytes[3 * i + middle] << 8) | bytes[3 * i + low];
    found[i] = _float(top >> 7, top & 127, rest, 7, 16);
  }
  return found;
}

function _float(sign, exponent, rest, exponentBits, bits) {
  const most = 2 ** exponentBits - 1;
  const bias = most >> 1;
  let size = 0;
  if (exponent === most) size = rest ? NaN : Infinity;
  else if (exponent === 0) size = rest * 2 ** (1 - bias - bits);
  else size = (1 + rest / 2 ** bits) * 2 ** (exponent - bias);
  return sign ? -size : size;
}
