// What networks are made of, each as eanet_jax computes it; see network.js.
//
// Beside what the kernels do, this is little work: it stands here, in float64.

import { KernelOperations, placesOf } from "./kernel_operations.js";
import {
  equalised, erf, momentsOf, softmaxColumns, softmaxRuns,
} from "./sums.js";

const NORM_EPSILON = 1e-6;
const LEAST_STD = 1e-3;
const TINY = 2 ** -126;

/** The operations by name: each takes values and attributes, gives a value. */
export class Operations extends KernelOperations {
  /** Grey levels to mean 0 and spread 1, or by those of the training images. */
  standardise([image], { mean, std }) {
    const grey = this.read(image);
    let [middle, spread] = [mean, std];
    if (mean === null) {
      middle = grey.reduce((a, b) => a + b, 0) / grey.length;
      let squares = 0;
      for (const each of grey) squares += (each - middle) ** 2;
      spread = Math.sqrt(Math.max(squares / grey.length, 1));
    }
    const made = this.value(image.shape);
    const from = this.read(image);
    this.read(made).forEach((_, i, to) => (to[i] = (from[i] - middle) / spread));
    return made;
  }

  /** Tokens (rows, columns, px * px) of an image (y, x, 1). */
  patches([image], { px }) {
    const [height, width] = image.shape;
    const made = this.value([height / px, width / px, px * px]);
    const [from, to] = [this.read(image), this.read(made)];
    let at = 0;
    for (let y = 0; y < height; y += px) {
      for (let x = 0; x < width; x += px) {
        for (let i = 0; i < px; i++) {
          const start = (y + i) * width + x;
          to.set(from.subarray(start, start + px), at);
          at += px;
        }
      }
    }
    return made;
  }

  add([a, b]) {
    const made = this.value(a.shape);
    const [x, y] = [this.read(a), this.read(b)];
    this.read(made).forEach((_, i, to) => (to[i] = x[i] + y[i]));
    return made;
  }

  /** A weight of each place and channel is added. */
  position([x], { position }) {
    const made = this.value(x.shape);
    const [from, more] = [this.read(x), this._weights[position]];
    this.read(made).forEach((_, i, to) => (to[i] = from[i] + more[i]));
    return made;
  }

  /** x / 2 (1 + erf(x / sqrt(2))). */
  gelu([x]) {
    const made = this.value(x.shape);
    const from = this.read(x);
    this.read(made).forEach((_, i, to) => {
      to[i] = (from[i] / 2) * (1 + erf(from[i] / Math.SQRT2));
    });
    return made;
  }

  /** Each channel times a scale, plus a shift. */
  affine([x], { scale, shift }) {
    const made = this.value(x.shape);
    const [by, plus] = [this._weights[scale], this._weights[shift]];
    const from = this.read(x);
    const c = by.length;
    this.read(made).forEach((_, i, to) => {
      to[i] = from[i] * by[i % c] + plus[i % c];
    });
    return made;
  }

  /** Layer normalisation over the channels. */
  norm([x], { scale, bias = null }) {
    const c = x.shape.at(-1);
    const made = this.value(x.shape);
    const [from, to] = [this.read(x), this.read(made)];
    const by = this._weights[scale];
    const plus = bias === null ? new Float32Array(c) : this._weights[bias];
    for (let at = 0; at < from.length; at += c) {
      let [mean, squares] = [0, 0];
      for (let i = 0; i < c; i++) mean += from[at + i];
      mean /= c;
      for (let i = 0; i < c; i++) squares += (from[at + i] - mean) ** 2;
      const inverse = 1 / Math.sqrt(squares / c + NORM_EPSILON);
      for (let i = 0; i < c; i++) {
        to[at + i] = (from[at + i] - mean) * inverse * by[i] + plus[i];
      }
    }
    return made;
  }

  /** Softmax over the tokens, then each head's slots add up to 1; or a half. */
  memory_weights([x], { heads, normalisation }) {
    const slots = x.shape.at(-1);
    const made = this.value(x.shape);
    const [from, to] = [this.read(x), this.read(made)];
    if (normalisation === "slots") {
      softmaxRuns(from, to, slots / heads);
      return made;
    }
    softmaxColumns(from, to, slots);
    if (normalisation === "double") {
      const run = slots / heads;
      for (let at = 0; at < to.length; at += run) {
        let sum = 0;
        for (let i = at; i < at + run; i++) sum += to[i];
        const by = 1 / Math.max(sum, TINY);
        for (let i = at; i < at + run; i++) to[i] *= by;
      }
    }
    return made;
  }

  /** Attention of tokens (rows, columns, heads * width) to all tokens. */
  attend([query, key, value], { heads, scale }) {
    const made = this.value(value.shape);
    const [q, k, v] = [query, key, value].map((each) => this.read(each));
    const to = this.read(made);
    const [c, n] = [value.shape.at(-1), placesOf(value.shape)];
    const width = c / heads;
    const weights = new Float64Array(n);
    for (let h = 0; h < heads; h++) {
      for (let i = 0; i < n; i++) {
        const own = i * c + h * width;
        for (let j = 0; j < n; j++) {
          const other = j * c + h * width;
          let sum = 0;
          for (let d = 0; d < width; d++) sum += q[own + d] * k[other + d];
          weights[j] = sum * scale;
        }
        softmaxRuns(weights, weights, n);
        const out = new Float64Array(width);
        for (let j = 0; j < n; j++) {
          const other = j * c + h * width;
          for (let d = 0; d < width; d++) out[d] += weights[j] * v[other + d];
        }
        to.set(out, own);
      }
    }
    return made;
  }

  /** The maximum of each 2 x 2 square. */
  max_pool([x]) {
    const [height, width, c] = x.shape;
    const made = this.value([height >> 1, width >> 1, c]);
    const [from, to] = [this.read(x), this.read(made)];
    let at = 0;
    for (let y = 0; y + 1 < height; y += 2) {
      for (let i = 0; i + 1 < width; i += 2) {
        const first = (y * width + i) * c;
        const below = first + width * c;
        for (let d = 0; d < c; d++) {
          to[at++] = Math.max(
            from[first + d], from[first + c + d],
            from[below + d], from[below + c + d],
          );
        }
      }
    }
    return made;
  }

  /** The mean of each channel over the places. */
  mean([x]) {
    const [means] = momentsOf(this.read(x), x.shape.at(-1));
    return this._made([means.length], (to) => to.set(means));
  }

  /** Mean of each channel, then the logarithm of its spread. */
  moments([x]) {
    const [means, spreads] = momentsOf(this.read(x), x.shape.at(-1));
    return this._made([2 * means.length], (to) => {
      to.set(means);
      to.set(spreads.map((each) => Math.log(each + LEAST_STD)), means.length);
    });
  }

  concat(values) {
    const shape = [values.reduce((sum, each) => sum + each.shape[0], 0)];
    const made = this.value(shape);
    let at = 0;
    for (const each of values) {
      this.read(made).set(this.read(each), at);
      at += each.shape[0];
    }
    return made;
  }

  /** Features on one scale, see `transfer.equalise`. */
  equalise([x], { mean, std, power, sizes }) {
    const [by, less] = [this._weights[std], this._weights[mean]];
    const features = this.read(x).slice();
    const { scaled, divisors } = equalised(features, less, by, power, sizes);
    return this._made(x.shape, (to) => {
      to.set(scaled.map((each, i) => each / divisors[i]));
    });
  }
}
