// The memory of the kernels: float32 arrays that are lent and given back.

const ALIGNMENT = 16; // bytes
const PAGE = 65536;

/** Float32 arrays in the memory of kernels.wasm. */
export class Memory {
  /** @param {WebAssembly.Exports} kernels of kernels.wasm */
  constructor(kernels) {
    this.kernels = kernels;
    this._end = kernels.__heap_base.value;
    /** @type {{pointer: number, floats: number}[]} */
    this._free = [];
  }

  /**
   * Lends memory for an array; what stands in it is left as it is.
   * @param {number} floats how many
   * @returns {{pointer: number, floats: number}}
   */
  lend(floats) {
    let best = -1;
    this._free.forEach((each, i) => {
      const fits = each.floats >= floats;
      if (fits && (best < 0 || each.floats < this._free[best].floats)) best = i;
    });
    if (best >= 0) return this._free.splice(best, 1)[0];
    const pointer = Math.ceil(this._end / ALIGNMENT) * ALIGNMENT;
    // Kernels fill up a vector beyond the end of an array.
    this._end = pointer + 4 * floats + ALIGNMENT;
    const memory = this.kernels.memory;
    const missing = this._end - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
    return { pointer, floats };
  }

  /** Takes back what was lent. */
  takeBack(lent) {
    this._free.push(lent);
  }

  /**
   * Returns what stands in lent memory, until the next array is lent.
   * @returns {Float32Array}
   */
  read(lent, floats = lent.floats) {
    return new Float32Array(this.kernels.memory.buffer, lent.pointer, floats);
  }

  /** Lends memory for an array and copies it there. */
  keep(array) {
    const lent = this.lend(array.length);
    this.read(lent, array.length).set(array);
    return lent;
  }
}
