/**
 * The specimen around a box is mirrored into it, so that a network sees
 * neither a label nor a frame.
 */

const _BLUR_PX = 2; // that a filter or JPEG reaches beyond a box

/**
 * Returns the image with the boxes filled.
 * @param {Uint8Array} image (height, width); it stays as it is.
 * @param {number} height
 * @param {number} width
 * @param {import("./overlays.js").Box[]} boxes
 * @returns {Uint8Array}
 */
export function hidden(image, height, width, boxes) {
  if (!boxes.length) return image;
  const filled = image.slice();
  // Twice, since what is mirrored into one box may come from another.
  for (const box of [...boxes, ...boxes]) _fill(filled, height, width, box);
  return filled;
}

/**
 * Mirrors the rows above and below into a box.
 *
 * The two meet along the path from side to side on which they differ least, so
 * that no straight edge is left.
 */
function _fill(image, imageHeight, imageWidth, [y, x, height, width]) {
  const y0 = Math.max(y - _BLUR_PX, 0);
  const y1 = Math.min(y + height + _BLUR_PX, imageHeight);
  const x0 = Math.max(x - _BLUR_PX, 0);
  const columns = Math.min(x + width + _BLUR_PX, imageWidth) - x0;
  const rows = y1 - y0;
  const above = y0 - Math.max(y0 - rows, 0); // rows that there are
  const below = Math.min(y1 + rows, imageHeight) - y1;
  const at = (row, column) => row * imageWidth + x0 + column;
  // Where the pixel of a row of the box comes from, mirrored at its edges.
  const fromAbove = (row) => y0 - 1 - row;
  const first = rows - below;
  const fromBelow = (row) => y1 + below - 1 - (row - first);
  let path = null;
  if (above && below) {
    // One of them is as high as the box, since that lies near a border.
    const shared = above - first;
    const costs = new Float64Array(shared * columns);
    for (let row = 0; row < shared; row++) {
      for (let column = 0; column < columns; column++) {
        costs[row * columns + column] = Math.abs(
          image[at(fromAbove(first + row), column)] -
            image[at(fromBelow(first + row), column)],
        );
      }
    }
    path = _cheapestPath(costs, shared, columns);
  }
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const isBelow = path === null ? !above : row >= first + path[column];
      const source = isBelow ? fromBelow(row) : fromAbove(row);
      image[at(y0 + row, column)] = image[at(source, column)];
    }
  }
}

/** The row in each column of the cheapest way from side to side. */
function _cheapestPath(costs, rows, columns) {
  const total = costs.slice();
  const get = (row, column) =>
    row < 0 || row >= rows ? 2147483647 : total[row * columns + column];
  for (let x = 1; x < columns; x++) {
    for (let y = 0; y < rows; y++) {
      total[y * columns + x] += Math.min(
        get(y - 1, x - 1),
        get(y, x - 1),
        get(y + 1, x - 1),
      );
    }
  }
  const path = new Int32Array(columns);
  for (let x = columns - 1; x >= 0; x--) {
    const low = x === columns - 1 ? 0 : Math.max(path[x + 1] - 1, 0);
    const end = x === columns - 1 ? rows : Math.min(path[x + 1] + 2, rows);
    let best = low;
    for (let y = low + 1; y < end; y++) {
      if (get(y, x) < get(best, x)) best = y;
    }
    path[x] = best;
  }
  return path;
}
