/**
 * Rounding, quantiles and numbers as text, as NumPy and Python have them.
 */

/**
 * Returns the nearest whole number, the even one of two.
 * @param {number} value
 * @returns {number}
 */
export function rint(value) {
  const low = Math.floor(value);
  const off = value - low;
  if (off < 0.5) return low;
  if (off > 0.5) return low + 1;
  return low % 2 === 0 ? low : low + 1;
}

/**
 * Returns a quantile, linear between its neighbours.
 * @param {ArrayLike<number>} values one or more, in any order.
 * @param {number} share from 0 to 1.
 * @returns {number}
 */
export function quantile(values, share) {
  return sortedQuantile(Float64Array.from(values).sort(), share);
}

/**
 * Returns a quantile of values that are in order.
 * @param {Float64Array} sorted
 * @param {number} share
 * @returns {number}
 */
export function sortedQuantile(sorted, share) {
  const last = sorted.length - 1;
  const at = share * last;
  const index = Math.min(Math.floor(at), last);
  const low = sorted[index];
  const high = sorted[Math.min(index + 1, last)];
  const between = at - index;
  const step = high - low;
  // From the nearer side, as rounding is another from the other.
  return between >= 0.5 ? high - step * (1 - between) : low + step * between;
}

/**
 * Returns the median.
 * @param {ArrayLike<number>} values one or more.
 * @returns {number}
 */
export function median(values) {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  if (sorted.length % 2) return sorted[middle];
  return (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Returns the largest of some values.
 * @param {Iterable<number>} values
 * @param {number} [initial]
 * @returns {number}
 */
export function max(values, initial = -Infinity) {
  let most = initial;
  for (const value of values) if (value > most) most = value;
  return most;
}

/**
 * Returns the index of the first of the largest.
 * @param {ArrayLike<number>} values
 * @returns {number}
 */
export function argmax(values) {
  let best = 0;
  for (let i = 1; i < values.length; i++)
    if (values[i] > values[best]) best = i;
  return best;
}

/**
 * Returns a number with so many digits that count: Python's `:.{digits}g`.
 * @param {number} value
 * @param {number} [digits]
 * @returns {string}
 */
export function general(value, digits = 6) {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const [mantissa, exponent] = _rounded(value, digits).split("e");
  const power = Number(exponent);
  const trimmed = (text) =>
    text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  if (power < -4 || power >= digits) {
    const sign = power < 0 ? "-" : "+";
    const size = String(Math.abs(power)).padStart(2, "0");
    return `${trimmed(mantissa)}e${sign}${size}`;
  }
  const fixed = Number(`${mantissa}e${power}`);
  return trimmed(fixed.toFixed(Math.max(digits - 1 - power, 0)));
}

/** Scientific notation; of two numbers as near, the even one. */
function _rounded(value, digits) {
  const rounded = value.toExponential(digits - 1);
  const [exact] = value.toExponential(60).split("e");
  const all = exact.replace(/[-.]/g, "");
  const isTie = /^50*$/.test(all.slice(digits));
  if (!isTie || Number(all[digits - 1]) % 2) return rounded;
  const sign = value < 0 ? "-" : "";
  const kept = all.slice(0, digits);
  const point = digits > 1 ? `${kept[0]}.${kept.slice(1)}` : kept;
  return `${sign}${point}e${value.toExponential(60).split("e")[1]}`;
}
