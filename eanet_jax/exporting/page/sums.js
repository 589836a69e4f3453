// Sums over rows, and functions, that networks are made of: in float64.

const LEAST_SQUARE = 1e-6; // transfer.LEAST_SQUARE

/** The error function, by Chebyshev polynomials: to float64 but for rounding. */
export function erf(x) {
  const z = Math.abs(x);
  const t = 2 / (2 + z);
  const u = 4 * t - 2;
  let d = 0;
  let dd = 0;
  for (let i = ERFC.length - 1; i > 0; i--) {
    [d, dd] = [u * d - dd + ERFC[i], d];
  }
  const rest = t * Math.exp(-z * z + 0.5 * (ERFC[0] + u * d) - dd);
  return x >= 0 ? 1 - rest : rest - 1;
}
// Press et al., Numerical Recipes, 3rd edition, section 6.2.2.
const ERFC = [
  -1.3026537197817094, 6.4196979235649026e-1, 1.9476473204185836e-2,
  -9.561514786808631e-3, -9.46595344482036e-4, 3.66839497852761e-4,
  4.2523324806907e-5, -2.0278578112534e-5, -1.624290004647e-6,
  1.303655835580e-6, 1.5626441722e-8, -8.5238095915e-8, 6.529054439e-9,
  5.059343495e-9, -9.91364156e-10, -2.27365122e-10, 9.6467911e-11,
  2.394038e-12, -6.886027e-12, 8.94487e-13, 3.13092e-13, -1.12708e-13,
  3.81e-16, 7.106e-15,
];

/** Scaled features and what they are divided by, both Float64Array (f). */
export function equalised(features, mean, std, power, sizes) {
  const scaled = Float64Array.from(features, (x, i) => (x - mean[i]) / std[i]);
  const divisors = new Float64Array(scaled.length);
  let at = 0;
  for (const size of sizes) {
    const part = scaled.subarray(at, at + size);
    const square = part.reduce((sum, x) => sum + x * x, 0) / size;
    divisors.fill(Math.max(square, LEAST_SQUARE) ** (power / 2), at, at + size);
    at += size;
  }
  return { scaled, divisors };
}

/** Means and spreads (c) of rows (n, c), Float64Array both. */
export function momentsOf(rows, c) {
  const n = rows.length / c;
  const [means, spreads] = [new Float64Array(c), new Float64Array(c)];
  for (let at = 0; at < rows.length; at += c) {
    for (let d = 0; d < c; d++) means[d] += rows[at + d];
  }
  for (let d = 0; d < c; d++) means[d] /= n;
  for (let at = 0; at < rows.length; at += c) {
    for (let d = 0; d < c; d++) spreads[d] += (rows[at + d] - means[d]) ** 2;
  }
  for (let d = 0; d < c; d++) spreads[d] = Math.sqrt(spreads[d] / n);
  return [means, spreads];
}

/** Softmax of each run of so many numbers. */
export function softmaxRuns(from, to, run) {
  for (let at = 0; at < from.length; at += run) {
    let [largest, sum] = [-Infinity, 0];
    for (let i = at; i < at + run; i++) largest = Math.max(largest, from[i]);
    for (let i = at; i < at + run; i++) {
      const each = Math.exp(from[i] - largest);
      to[i] = each;
      sum += each;
    }
    for (let i = at; i < at + run; i++) to[i] /= sum;
  }
}

/** Softmax of each column of rows (n, c). */
export function softmaxColumns(from, to, c) {
  const [largest, sums] = [new Float32Array(c), new Float64Array(c)];
  largest.fill(-Infinity);
  for (let at = 0; at < from.length; at += c) {
    for (let i = 0; i < c; i++) {
      if (from[at + i] > largest[i]) largest[i] = from[at + i];
    }
  }
  for (let at = 0; at < from.length; at += c) {
    for (let i = 0; i < c; i++) {
      const each = Math.exp(from[at + i] - largest[i]);
      to[at + i] = each;
      sums[i] += each;
    }
  }
  for (let at = 0; at < from.length; at += c) {
    for (let i = 0; i < c; i++) to[at + i] /= sums[i];
  }
}
