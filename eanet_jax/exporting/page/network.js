// A trained network: from one view, as it was cut out, to an answer.
//
// What it computes is written down by exporting/page_network.py, as a list of
// operations for each part. Value 0 of a part is what goes in, value i + 1 what
// its i-th operation gives.

import { Memory } from "./memory.js";
import { ofMeans, ofMoments, upright } from "./evidence.js";
import { Operations } from "./operations.js";
import { softmaxRuns } from "./sums.js";

/**
 * The k-th orientation of a square image: quarter turns, then mirrored ones.
 * @param {Uint8Array} image (side * side)
 */
export function oriented(image, side, k) {
  const made = new Uint8Array(image.length);
  const last = side - 1;
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const u = k < 4 ? x : last - x;
      const from = [y * side + u, u * side + last - y,
        (last - y) * side + last - u, (last - u) * side + y][k % 4];
      made[y * side + x] = image[from];
    }
  }
  return made;
}

/** @returns {Float64Array} of float32 logits */
function softmax(logits, temperature) {
  const scaled = Float64Array.from(logits, (each) => each / temperature);
  softmaxRuns(scaled, scaled, scaled.length);
  return scaled;
}

const meanOf = (arrays) =>
  arrays[0].map((_, i) => arrays.reduce((a, b) => a + b[i], 0) / arrays.length);

/** A network and the memory that it works in. */
export class Network {
  /**
   * @param {BufferSource} kernels kernels.wasm
   * @param {object} description see page_network.py
   * @param {Float32Array[]} weights by number
   */
  static async create(kernels, description, weights) {
    const { instance } = await WebAssembly.instantiate(kernels, {});
    return new Network(instance.exports, description, weights);
  }

  constructor(kernels, description, weights) {
    this.description = description;
    this.weights = weights;
    this._memory = new Memory(kernels);
    this._operations = new Operations(this._memory, weights);
  }

  /**
   * Answers for one view.
   * @param {Uint8Array} image (side * side)
   * @param {boolean} explain whether evidence is wanted
   * @returns {{probabilities: Float64Array, novelty: ?number,
   *   features: ?Float64Array, evidence: ?{rows: number, columns: number,
   *   maps: Float64Array[], constants: Float64Array}}} evidence is of each
   *   class: its map's sum and constant add up to a logit
   */
  look(image, explain = false) {
    const { side, orientations, trunk, heads, temperature } = this.description;
    const answers = [];
    const looks = [];
    for (let k = 0; k < orientations; k++) {
      const turned = oriented(image, side, k);
      const wanted = explain ? trunk.pooled : [];
      const found = this._run(trunk, turned, [side, side, 1], wanted);
      looks.push(found.pooled);
      answers.push(found.results);
    }
    let features = null;
    let logits;
    if (heads) {
      features = meanOf(answers.map(([of]) => Float64Array.from(of)));
      const input = Float32Array.from(features);
      logits = this._run(heads, input, [input.length], []).results;
    } else {
      logits = answers.flat();
    }
    const told = logits.map((each) => softmax(each, temperature));
    return {
      probabilities: meanOf(told),
      novelty: features && this._novelty(features),
      features,
      evidence: explain ? this._evidence(looks, features) : null,
    };
  }

  /** Runs a part; gives what its results and the wanted values hold. */
  _run(part, input, shape, wanted) {
    const last = lastUses(part);
    const values = [this._operations.value(shape)];
    this._operations.read(values[0]).set(input);
    const pooled = [];
    part.operations.forEach(([name, inputs, attributes], i) => {
      const from = inputs.map((number) => values[number]);
      values.push(this._operations[name](from, attributes));
      if (wanted.includes(i + 1)) {
        const shape = values[i + 1].shape;
        pooled.push({ shape, rows: this._operations.read(values[i + 1]).slice() });
      }
      new Set(inputs).forEach((number) => {
        if (last[number] === i) this._memory.takeBack(values[number].lent);
      });
    });
    const results = part.results.map((number) =>
      this._operations.read(values[number]).slice(),
    );
    new Set(part.results).forEach((n) => this._memory.takeBack(values[n].lent));
    return { results, pooled };
  }

  /** How unlike the training images; see novelty.Familiar.distances. */
  _novelty(features) {
    const familiar = this.description.familiar;
    if (!familiar) return null;
    const [mean, std, directions] = ["mean", "std", "directions"].map(
      (name) => this.weights[familiar[name]],
    );
    const scaled = features.map((x, i) => (x - mean[i]) / std[i]);
    let left = scaled.reduce((sum, x) => sum + x * x, 0);
    for (let at = 0; at < directions.length; at += scaled.length) {
      let along = 0;
      for (let i = 0; i < scaled.length; i++) {
        along += scaled[i] * directions[at + i];
      }
      left -= along * along;
    }
    const distance = Math.sqrt(Math.max(left, 0) / scaled.length);
    return distance / familiar.threshold;
  }

  /** The mean over orientations and members, each turned back into place. */
  _evidence(looks, features) {
    const { evidence, temperature } = this.description;
    const found = [];
    for (const member of evidence) {
      looks.forEach((pooled, k) => {
        const own = pooled.slice(member.first, member.last);
        const { rows, columns, maps, constants } = features
          ? ofMoments(own, features, member, this.weights)
          : ofMeans(own, member, this.weights);
        found.push({
          rows, columns, constants,
          maps: maps.map((map) => upright(map, rows, k)),
        });
      });
    }
    const { rows, columns, maps, constants } = found[0];
    const cooled = (arrays) => meanOf(arrays).map((x) => x / temperature);
    return {
      rows, columns,
      maps: maps.map((_, l) => cooled(found.map((each) => each.maps[l]))),
      constants: cooled(found.map((each) => each.constants)),
    };
  }
}

/** The last operation that takes each value; results are taken back later. */
function lastUses(part) {
  const last = [];
  part.operations.forEach(([, inputs], i) => {
    for (const number of inputs) last[number] = i;
  });
  for (const number of part.results) last[number] = Infinity;
  return last;
}

/**
 * Weights as they stand in a page: see html_page.pack.
 * @param {Uint8Array} bytes unpacked
 * @param {number[]} sizes of each weight, in numbers
 * @returns {Float32Array[]}
 */
export function unpackWeights(bytes, sizes) {
  let at = 0;
  return sizes.map((size) => {
    const words = new Uint32Array(size);
    for (const shift of [24, 16, 8, 0]) {
      for (let i = 0; i < size; i++) words[i] |= bytes[at + i] << shift;
      at += size;
    }
    return new Float32Array(words.buffer);
  });
}
