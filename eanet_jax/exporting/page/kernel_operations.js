// Products and convolutions, by kernels.c; and the arrays that they work on.
//
// A value is {lent, shape}: float32 (rows, columns, channels), or (channels) of
// a vector, in the memory of the kernels.

const ACTIVATIONS = { none: 0, relu: 1, relu6: 2 };
const PANEL = 8; // as kernels.c has it
const GATHERED = 1 << 20; // floats of a convolution that are laid out at once

const sizeOf = (shape) => shape.reduce((a, b) => a * b, 1);

/** @returns {number} of places that a value of the shape has */
export const placesOf = (shape) => sizeOf(shape) / shape.at(-1);

/** Zeros before the first of `side` places, as TensorFlow's SAME has them. */
function before(side, size, stride) {
  const missing = (Math.ceil(side / stride) - 1) * stride + size - side;
  return Math.max(missing, 0) >> 1;
}

/** Operations on one memory, with one network's weights. */
export class KernelOperations {
  /**
   * @param {import("./memory.js").Memory} memory
   * @param {Float32Array[]} weights of the network, by number
   */
  constructor(memory, weights) {
    this.memory = memory;
    this._weights = weights;
    this._kept = new Map();
  }

  /** Lends memory for a value. */
  value(shape) {
    return { lent: this.memory.lend(sizeOf(shape)), shape };
  }

  /** @returns {Float32Array} what a value holds, until the next is lent */
  read(value) {
    return this.memory.read(value.lent, sizeOf(value.shape));
  }

  _made(shape, fill) {
    const value = this.value(shape);
    fill(this.read(value));
    return value;
  }

  /** Weights in the kernels' memory, put there once. */
  _placed(number, length = this._weights[number].length) {
    const key = `${number}`;
    if (!this._kept.has(key)) {
      const padded = new Float32Array(Math.ceil(length / PANEL) * PANEL);
      padded.set(this._weights[number]);
      this._kept.set(key, this.memory.keep(padded));
    }
    return this._kept.get(key).pointer;
  }

  /** Weights (k, m) in panels, packed once. */
  _packed(number, k, m) {
    const key = `panels of ${number}`;
    if (!this._kept.has(key)) {
      const plain = this.memory.keep(this._weights[number]);
      const packed = this.memory.lend(Math.ceil(m / PANEL) * PANEL * k);
      this.memory.kernels.pack(plain.pointer, packed.pointer, k, m);
      this.memory.takeBack(plain);
      this._kept.set(key, packed);
    }
    return this._kept.get(key).pointer;
  }

  _zeros(m) {
    const key = `zeros ${m}`;
    if (!this._kept.has(key)) {
      const zeros = new Float32Array(Math.ceil(m / PANEL) * PANEL);
      this._kept.set(key, this.memory.keep(zeros));
    }
    return this._kept.get(key).pointer;
  }

  /** Activation of tokens times weights, plus bias, plus another value. */
  product([x, add], { kernel, bias = null, activation = "none" }) {
    const k = x.shape.at(-1);
    const m = this._weights[kernel].length / k;
    const packed = this._packed(kernel, k, m);
    const by = bias === null ? this._zeros(m) : this._placed(bias);
    const made = this.value([...x.shape.slice(0, -1), m]);
    this.memory.kernels.product(
      x.lent.pointer, packed, by, add ? add.lent.pointer : 0,
      made.lent.pointer, placesOf(x.shape), k, m, ACTIVATIONS[activation],
    );
    return made;
  }

  /** A square convolution, edges as TensorFlow's SAME has them. */
  conv([x], { kernel, bias, size, stride, activation = "none" }) {
    const [height, width, c] = x.shape;
    const k = size * size * c;
    const m = this._weights[kernel].length / k;
    const [packed, by] = [this._packed(kernel, k, m), this._placed(bias)];
    const [rows, columns] = [height, width].map((s) => Math.ceil(s / stride));
    const made = this.value([rows, columns, m]);
    const some = Math.min(rows, Math.max(1, Math.floor(GATHERED / columns / k)));
    const gathered = this.memory.lend(some * columns * k);
    const kernels = this.memory.kernels;
    for (let first = 0; first < rows; first += some) {
      const last = Math.min(rows, first + some);
      kernels.gather(
        x.lent.pointer, gathered.pointer, height, width, c, size, stride,
        before(height, size, stride), before(width, size, stride), first, last,
      );
      kernels.product(
        gathered.pointer, packed, by, 0,
        made.lent.pointer + 4 * first * columns * m,
        (last - first) * columns, k, m, ACTIVATIONS[activation],
      );
    }
    this.memory.takeBack(gathered);
    return made;
  }

  /** Each channel by its own square kernel. */
  depthwise([x], { kernel, bias, size, stride, activation = "none" }) {
    const [height, width, c] = x.shape;
    const [taps, by] = [this._placed(kernel), this._placed(bias)];
    const [rows, columns] = [height, width].map((s) => Math.ceil(s / stride));
    const made = this.value([rows, columns, c]);
    this.memory.kernels.depthwise(
      x.lent.pointer, taps, by, made.lent.pointer, height, width, c, size,
      stride, before(height, size, stride), before(width, size, stride),
      ACTIVATIONS[activation],
    );
    return made;
  }
}
