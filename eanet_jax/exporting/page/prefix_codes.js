/**
 * The codes of compressed data: sequences of bits, none of which begins
 * another.
 */

import { DecodeError } from "./micrograph_errors.js";

const _MAX_BITS = 15;

/**
 * Returns the error of data that no writer makes.
 * @returns {DecodeError}
 */
export function broken() {
  return new DecodeError("compressed data that makes no sense");
}

/**
 * Returns what symbol each sequence of bits begins with: its number times 16
 * and its size; 0 where there is none.
 * @param {Uint8Array} sizes of the code of each symbol, in bits.
 * @param {boolean} isWhole whether no sequence may be left over.
 */
export function tableOf(sizes, isWhole = false) {
  const counts = new Uint16Array(_MAX_BITS + 1);
  for (const size of sizes) counts[size] += 1;
  counts[0] = 0;
  const next = new Uint32Array(_MAX_BITS + 2);
  let [left, most] = [1, 1];
  for (let size = 1; size <= _MAX_BITS; size++) {
    next[size + 1] = (next[size] + counts[size]) << 1;
    left = 2 * left - counts[size];
    if (left < 0) throw broken();
    if (counts[size]) most = size;
  }
  const used = counts.reduce((a, b) => a + b, 0);
  if (left > 0 && (isWhole ? used : used > 1) && !(used === 1 && most === 1)) {
    throw broken(); // zlib allows but one code of a bit
  }
  const table = new Uint16Array(1 << most);
  sizes.forEach((size, symbol) => {
    if (!size) return;
    let code = next[size]++;
    let reversed = 0;
    for (let i = 0; i < size; i++, code >>= 1) {
      reversed = (reversed << 1) | (code & 1);
    }
    for (let i = reversed; i < table.length; i += 1 << size) {
      table[i] = (symbol << 4) | size;
    }
  });
  return { table, most };
}
