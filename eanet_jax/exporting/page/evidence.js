// What each place adds to the logit of each class: explanation/contributions.py.

import { equalised, momentsOf } from "./sums.js";

/**
 * Evidence of maps whose means are all that an affine layer takes.
 * @param {{shape: number[], rows: Float32Array}[]} pooled
 * @param {{slopes: number, start: number, constants: number}} member numbers
 *   of weights: slopes (f, l), start (f), constants (l)
 */
export function ofMeans(pooled, member, weights) {
  const [slopes, start] = [weights[member.slopes], weights[member.start]];
  const constants = Float64Array.from(weights[member.constants]);
  const classes = constants.length;
  let first = 0;
  const heats = pooled.map(({ shape, rows }) => {
    const c = shape.at(-1);
    const n = rows.length / c;
    const heat = Array.from({ length: classes }, () => new Float64Array(n));
    for (let p = 0; p < n; p++) {
      for (let d = 0; d < c; d++) {
        const off = (rows[p * c + d] - start[first + d]) / n;
        const at = (first + d) * classes;
        for (let l = 0; l < classes; l++) heat[l][p] += off * slopes[at + l];
      }
    }
    first += c;
    return heat;
  });
  return { ...together(pooled, heats, classes), constants };
}

/**
 * Evidence of maps whose means and spreads an affine layer takes, equalised.
 * @param {{shape: number[], rows: Float32Array}[]} pooled of one orientation
 * @param {Float64Array} features (f), the mean over the orientations
 * @param {object} member numbers of weights, and power and sizes
 */
export function ofMoments(pooled, features, member, weights) {
  const [mean, std] = [weights[member.mean], weights[member.std]];
  const kernel = weights[member.kernel];
  const constants = Float64Array.from(weights[member.bias]);
  const classes = constants.length;
  const { divisors } = equalised(
    features, mean, std, member.power, member.sizes,
  );
  const slope = (f, l) => kernel[f * classes + l] / (std[f] * divisors[f]);
  let first = 0;
  const heats = pooled.map(({ shape, rows }) => {
    const c = shape.at(-1);
    const n = rows.length / c;
    const [means, spreads] = momentsOf(rows, c);
    const heat = Array.from({ length: classes }, () => new Float64Array(n));
    for (let d = 0; d < c; d++) {
      const [f, s] = [first + d, first + c + d];
      const off = Math.log(spreads[d] + 1e-3) - mean[s];
      const squares = spreads[d] ** 2 * n;
      for (let l = 0; l < classes; l++) {
        const [byMean, bySpread] = [slope(f, l) / n, slope(s, l) * off];
        for (let p = 0; p < n; p++) {
          const x = rows[p * c + d];
          const share = squares > 0 ? (x - means[d]) ** 2 / squares : 1 / n;
          heat[l][p] += (x - mean[f]) * byMean + share * bySpread;
        }
      }
    }
    first += 2 * c;
    return heat;
  });
  return { ...together(pooled, heats, classes), constants };
}

/** Adds maps up on the finest grid; a coarse place is shared out equally. */
function together(pooled, heats, classes) {
  const rows = Math.max(...pooled.map(({ shape }) => shape[0]));
  const columns = Math.max(...pooled.map(({ shape }) => shape[1]));
  const maps = Array.from(
    { length: classes }, () => new Float64Array(rows * columns),
  );
  pooled.forEach(({ shape }, i) => {
    const [y, x] = [covered(rows, shape[0]), covered(columns, shape[1])];
    for (let l = 0; l < classes; l++) {
      for (let r = 0; r < rows; r++) {
        for (let c = 0; c < columns; c++) {
          const value = heats[i][l][y.place[r] * shape[1] + x.place[c]];
          const shares = y.count[y.place[r]] * x.count[x.place[c]];
          maps[l][r * columns + c] += value / shares;
        }
      }
    }
  });
  return { rows, columns, maps };
}

/** Which coarse place each fine one is in, and how many each has. */
function covered(fine, coarse) {
  const step = Math.ceil(fine / coarse);
  const place = Array.from({ length: fine }, (_, i) => Math.floor(i / step));
  const count = new Array(coarse).fill(0);
  for (const each of place) count[each] += 1;
  return { place, count };
}

/** A square map of the k-th orientation, turned back. */
export function upright(map, side, k) {
  const made = new Float64Array(map.length);
  const last = side - 1;
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const [v, u] = [[y, x], [last - x, y], [last - y, last - x],
        [x, last - y]][k % 4];
      made[y * side + x] = map[v * side + (k < 4 ? u : last - u)];
    }
  }
  return made;
}
