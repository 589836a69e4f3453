/**
 * An image of another size, as Pillow's bilinear filter makes it.
 *
 * Its arithmetic to the bit: a triangle as wide as a new pixel, antialiased
 * where the image gets smaller; weights of 22 bits after the point; first one
 * direction, which is rounded to 8 bits, then the other. Which comes first is
 * as in Pillow 13; before that it was the rows always, which differs by a level
 * in some pixels of a tall image.
 */

const _PRECISION = 22;
const _HALF = 1 << (_PRECISION - 1);

/**
 * Returns an image of another size.
 * @param {Uint8Array} image (y, x) row by row.
 * @param {number} height
 * @param {number} width
 * @param {number} newHeight
 * @param {number} newWidth
 * @returns {Uint8Array} (newHeight, newWidth)
 */
export function resize(image, height, width, newHeight, newWidth) {
  const fewerRows = height - newHeight;
  if (fewerRows > 0 && fewerRows > 2 * (width - newWidth)) {
    const lower = _ofHeight(image, height, width, newHeight);
    return _ofWidth(lower, newHeight, width, newWidth);
  }
  const narrower = _ofWidth(image, height, width, newWidth);
  return _ofHeight(narrower, height, newWidth, newHeight);
}

function _ofWidth(image, height, width, newWidth) {
  if (newWidth === width) return image.slice();
  const resized = new Uint8Array(height * newWidth);
  const { starts, counts, weights, most } = _weights(width, newWidth);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < newWidth; x++) {
      let sum = _HALF;
      const first = y * width + starts[x];
      for (let k = 0; k < counts[x]; k++) {
        sum += image[first + k] * weights[x * most + k];
      }
      resized[y * newWidth + x] = _clipped(sum);
    }
  }
  return resized;
}

function _ofHeight(image, height, width, newHeight) {
  if (newHeight === height) return image.slice();
  const resized = new Uint8Array(newHeight * width);
  const { starts, counts, weights, most } = _weights(height, newHeight);
  const sums = new Int32Array(width);
  for (let y = 0; y < newHeight; y++) {
    sums.fill(_HALF);
    for (let k = 0; k < counts[y]; k++) {
      const weight = weights[y * most + k];
      const row = (starts[y] + k) * width;
      for (let x = 0; x < width; x++) sums[x] += image[row + x] * weight;
    }
    for (let x = 0; x < width; x++) {
      resized[y * width + x] = _clipped(sums[x]);
    }
  }
  return resized;
}

function _clipped(sum) {
  const level = sum >> _PRECISION;
  return level < 0 ? 0 : level > 255 ? 255 : level;
}

/**
 * Returns which old pixels make each new one, and with which weights.
 * @param {number} size
 * @param {number} newSize
 */
function _weights(size, newSize) {
  const scale = size / newSize;
  const reach = Math.max(scale, 1);
  const most = Math.ceil(reach) * 2 + 1;
  const starts = new Int32Array(newSize);
  const counts = new Int32Array(newSize);
  const weights = new Int32Array(newSize * most);
  const inverse = 1 / reach;
  const own = new Float64Array(most);
  for (let x = 0; x < newSize; x++) {
    const centre = (x + 0.5) * scale;
    const start = Math.max(Math.trunc(centre - reach + 0.5), 0);
    const end = Math.min(Math.trunc(centre + reach + 0.5), size);
    let sum = 0;
    for (let k = 0; k < end - start; k++) {
      const off = Math.abs((k + start - centre + 0.5) * inverse);
      own[k] = off < 1 ? 1 - off : 0;
      sum += own[k];
    }
    for (let k = 0; k < end - start; k++) {
      const weight = sum !== 0 ? own[k] / sum : own[k];
      weights[x * most + k] = Math.trunc(0.5 + weight * (1 << _PRECISION));
    }
    starts[x] = start;
    counts[x] = end - start;
  }
  return { starts, counts, weights, most };
}
