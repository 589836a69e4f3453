/**
 * The pages of a TIFF, and what their tags say.
 *
 * Takes the bytes of a file: classic or BigTIFF, of either order of bytes.
 * Gives the page to read with the values of its tags; those that decide about
 * pixels are sound. The TIFF modules here are the rules of the Python reader
 * (data/tiff_*.py), not a library: those at hand make 8 bits of colours of
 * whatever they find, or take a damaged tag for its default.
 */

import {
  DecodeError,
  MicrographError,
  ShortError,
} from "./micrograph_errors.js";
import { latin1 } from "./texts.js";
import { OF_PIXELS, TAG } from "./tiff_tags.js";

const _MAX_PAGES = 1000;
const _MAX_DIRECTORIES = 4000; // with those of masks
const _MAX_ENTRIES = 4096;
const _A_MASK = 4; // a bit of SUBFILE
const [_BYTE, _ASCII, _UNDEFINED] = [1, 2, 7];
/** Bytes of a value of each type, and how a DataView reads its numbers. */
const _TYPES = {
  1: [1, "Uint8"],
  2: [1, "Uint8"],
  3: [2, "Uint16"],
  4: [4, "Uint32"],
  5: [8, "Uint32"],
  6: [1, "Int8"],
  7: [1, "Uint8"],
  8: [2, "Int16"],
  9: [4, "Int32"],
  10: [8, "Int32"],
  11: [4, "Float32"],
  12: [8, "Float64"],
  13: [4, "Uint32"],
  16: [8, "BigUint64"],
  17: [8, "BigInt64"],
  18: [8, "BigUint64"],
};
const _RATIONALS = [5, 10];
const _FLOATS = [5, 10, 11, 12];

/**
 * Whether bytes begin like a TIFF.
 * @param {Uint8Array} bytes
 * @returns {boolean}
 */
export function isTiff(bytes) {
  const [a, b, c, d] = bytes;
  const isKnown = (each) => each === 42 || each === 43;
  if (a === 0x49 && b === 0x49) return isKnown(c) && d === 0;
  return a === 0x4d && b === 0x4d && c === 0 && isKnown(d);
}

/** The tags of one page. */
export class Page {
  /**
   * @param {boolean} isLittle the order of bytes.
   * @param {Map<number, string | Uint8Array | number[]>} tags text, bytes or
   *   numbers.
   * @param {Set<number>} floats tags whose numbers are not whole by type.
   */
  constructor(isLittle, tags, floats) {
    this.isLittle = isLittle;
    this.tags = tags;
    this.floats = floats;
  }

  /**
   * Returns all values of a tag, none where it is not there.
   * @param {number} tag
   * @returns {ArrayLike<number>}
   */
  numbers(tag) {
    const value = this.tags.get(tag) ?? [];
    if (typeof value === "string") {
      throw new MicrographError(`damaged: tag ${tag} of the TIFF is text`);
    }
    return value;
  }

  /**
   * Returns the first value of a tag, a whole number.
   * @param {number} tag
   * @param {number} [otherwise] where there is none.
   * @returns {number}
   */
  number(tag, otherwise) {
    const values = this.numbers(tag);
    if (values.length) {
      if (!Number.isFinite(values[0])) {
        throw new DecodeError("cannot convert float NaN to integer");
      }
      return Math.trunc(values[0]);
    }
    if (otherwise === undefined) {
      throw new MicrographError(`damaged: tag ${tag} of the TIFF is missing`);
    }
    return otherwise;
  }
}

/**
 * Returns the first of the largest pages, and remarks on the others.
 *
 * The pages below others (SubIFDs) count too, in the order of the file; masks
 * do not, as they are no pictures.
 * @param {Uint8Array} bytes
 * @returns {{page: Page, remarks: string[]}}
 */
export function largest(bytes) {
  const reader = new _Reader(bytes);
  const sizes = [];
  const remarks = [];
  let [best, most] = [null, -Infinity];
  const side = (entries, tag) =>
    entries.has(tag)
      ? reader.page(new Map([[tag, entries.get(tag)]])).number(tag)
      : 0;
  try {
    for (const entries of reader.directories()) {
      const width = side(entries, TAG.WIDTH);
      const height = side(entries, TAG.HEIGHT);
      if (!best?.size || width * height > most) {
        [best, most] = [entries, width * height];
      }
      sizes.push(`${width} x ${height}`);
    }
  } catch (error) {
    const isKnown =
      error instanceof ShortError || error instanceof MicrographError;
    if (!best?.size || !isKnown) throw error;
    const pages = `${sizes.length} page${sizes.length === 1 ? "" : "s"}`;
    remarks.push(`${pages} found: what should follow is damaged`);
  }
  if (!best?.size) {
    throw new MicrographError("damaged: a TIFF without a page");
  }
  const page = reader.page(best);
  const size = `${page.number(TAG.WIDTH)} x ${page.number(TAG.HEIGHT)}`;
  const same = sizes.filter((each) => each === size).length;
  if (same > 1) {
    const many = sizes.length === _MAX_PAGES ? `${same} or more` : same;
    remarks.push(`${many} pages of this size: the first is used`);
  }
  return { page, remarks };
}

/** Reads directories and values. */
class _Reader {
  constructor(bytes) {
    this._bytes = bytes;
    this._view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this._isLittle = bytes[0] === 0x49;
    this._isBig = bytes[2] === 43 || bytes[3] === 43;
    this._step = this._isBig ? 8 : 4; // bytes of an offset, and of the magic
  }

  /** Yields those of all pages: each, those below it, the next. */
  *directories() {
    let found = 0;
    const seen = new Set([0]);
    this._check(this._step, this._step);
    // Where offsets are read: the next page's comes after those below it.
    const waiting = [this._offset(this._step)]; // the next one last
    while (waiting.length && found < _MAX_PAGES) {
      const at = waiting.pop();
      if (seen.has(at)) continue; // 0 is the end; others would go round
      if (seen.size > _MAX_DIRECTORIES) {
        throw new DecodeError("a TIFF of too many directories");
      }
      seen.add(at);
      const { entries, after } = this._directory(at);
      const only = (tag) =>
        this.page(new Map([...entries].filter(([each]) => each === tag)));
      const below = entries.has(TAG.SUB_PAGES)
        ? only(TAG.SUB_PAGES).numbers(TAG.SUB_PAGES)
        : [];
      waiting.push(after);
      for (let i = below.length - 1; i >= 0; i--) waiting.push(below[i]);
      if (!(only(TAG.SUBFILE).number(TAG.SUBFILE, 0) & _A_MASK)) {
        found += 1;
        yield entries;
      }
    }
  }

  /** Returns the page of these entries, with their values. */
  page(entries) {
    const tags = new Map();
    const floats = new Set();
    let left = this._bytes.length; // values do not share bytes
    for (const [tag, { type, count, field }] of entries) {
      try {
        if (!(type in _TYPES)) throw new MicrographError("unknown");
        const size = _TYPES[type][0] * count;
        let at = field;
        if (size > this._step) {
          left -= size;
          at = this._offset(field);
          if (left < 0) throw new ShortError();
          this._check(size, at);
        }
        if (_FLOATS.includes(type)) floats.add(tag);
        tags.set(tag, this._value(type, count, at));
      } catch (error) {
        // Others are as good as none: the pixels may still be sound.
        if (!OF_PIXELS.has(tag)) continue;
        if (error instanceof MicrographError) {
          throw new MicrographError(
            `damaged: tag ${tag} of the TIFF is of an unknown type`,
          );
        }
        if (!(error instanceof ShortError)) throw error;
        throw new ShortError(`tag ${tag} of the TIFF lies beyond it`);
      }
    }
    return new Page(this._isLittle, tags, floats);
  }

  /** Returns the entries of the directory there, and where the next is. */
  _directory(at) {
    const [countSize, entrySize] = this._isBig ? [8, 20] : [2, 12];
    this._check(countSize, at);
    const count = this._isBig
      ? this._offset(at)
      : this._view.getUint16(at, this._isLittle);
    if (count > _MAX_ENTRIES) {
      throw new MicrographError("damaged: a directory of the TIFF is too long");
    }
    const start = at + countSize;
    const end = start + count * entrySize;
    this._check(count * entrySize, start);
    const entries = new Map();
    for (let entry = start; entry < end; entry += entrySize) {
      const tag = this._view.getUint16(entry, this._isLittle);
      if (entries.has(tag)) continue;
      entries.set(tag, {
        type: this._view.getUint16(entry + 2, this._isLittle),
        count: this._offset(entry + 4),
        field: entry + 4 + this._step,
      });
    }
    // Some writers leave out that there is no other page.
    const isWhole = end + this._step <= this._bytes.length;
    return { entries, after: isWhole ? this._offset(end) : 0 };
  }

  _value(type, count, at) {
    const [size, name] = _TYPES[type];
    if (type === _ASCII || type === _BYTE || type === _UNDEFINED) {
      const content = this._bytes.subarray(at, at + count);
      if (type !== _ASCII) return content;
      const end = content.at(-1) === 0 ? count - 1 : count;
      return latin1(content.subarray(0, end));
    }
    const read = (where) =>
      Number(this._view[`get${name}`](where, this._isLittle));
    const values = new Array(count);
    for (let i = 0; i < count; i++) {
      const where = at + i * size;
      values[i] = read(where);
      if (_RATIONALS.includes(type)) {
        const below = read(where + 4);
        values[i] = below ? values[i] / below : NaN;
      }
    }
    return values;
  }

  _offset(at) {
    if (!this._isBig) return this._view.getUint32(at, this._isLittle);
    return Number(this._view.getBigUint64(at, this._isLittle));
  }

  /** Throws unless so many bytes are there. */
  _check(size, at) {
    if (at > this._bytes.length) {
      throw new ShortError("a directory of the TIFF lies beyond its end");
    }
    if (at + size > this._bytes.length) {
      throw new ShortError("a directory of the TIFF is cut short");
    }
  }
}
