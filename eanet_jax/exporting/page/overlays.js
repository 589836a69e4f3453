/**
 * What a program drew over the specimen: boxes with a scale or a label.
 *
 * Takes the grey image without its data bar. Gives the boxes.
 */

import { argmax, median } from "./arithmetic.js";
import { edges as edgesOf } from "./overlay_edges.js";

/**
 * @typedef {[number, number, number, number]} Box y, x, height and width in
 *   pixels.
 * @typedef {{mask: Uint8Array, rows: number, columns: number}} Paper 1 where a
 *   pixel has the level of a box.
 */

const _MIN_HEIGHT_PX = 8;
const _MAX_HEIGHT_SHARE = 0.25;
const _BORDER_SHARE = 0.15; // of a side: a box lies no farther from a border
// How far from its paper a box is after nothing, and after JPEG.
const _TOLERANCES = [4, 24];
const _OFF_PX = 3;
const [_INSIDE, _OUTSIDE] = [0.85, 0.35]; // paper within and beyond an edge
const _INK = [0.02, 0.6];
const [_OUTLINE_PX, _OUTLINE_OFF] = [3, 12];
const _CORNER_PX = 2048;
// Of a picture with more edges than a few boxes have, none is tried.
const [_MAX_EDGES, _MAX_PARTNERS] = [1000, 8];

/**
 * Returns the boxes, from the top.
 *
 * A box is a rectangle near a border, of one grey level but for its ink. Its
 * four edges are straight and sharp, as nothing in a specimen is. Of a picture
 * of more than 4 megapixels only the corners are searched.
 * @param {Uint8Array} image (height, width)
 * @param {number} height
 * @param {number} width
 * @returns {Box[]}
 */
export function find(image, height, width) {
  let [rows, columns] = [height, width].map((px) => Math.min(px, _CORNER_PX));
  if (height * width <= _CORNER_PX ** 2) [rows, columns] = [height, width];
  const found = new Map();
  for (const top of new Set([0, height - rows])) {
    for (const left of new Set([0, width - columns])) {
      const part = new Uint8Array(rows * columns);
      for (let y = 0; y < rows; y++) {
        const start = (top + y) * width + left;
        part.set(image.subarray(start, start + columns), y * columns);
      }
      for (const [y, x, ...size] of _inPart(part, rows, columns)) {
        const box = [y + top, x + left, ...size];
        found.set(box.join(), box);
      }
    }
  }
  return [...found.values()].sort((a, b) => {
    const i = a.findIndex((each, k) => each !== b[k]);
    return i < 0 ? 0 : a[i] - b[i];
  });
}

function _inPart(image, rows, columns) {
  const candidates = [];
  for (const [level, tolerances] of _papers(image, rows, columns)) {
    for (const tolerance of tolerances) {
      const mask = image.map((each) =>
        each >= level - tolerance && each <= level + tolerance ? 1 : 0,
      );
      candidates.push(..._boxes({ mask, rows, columns }));
    }
  }
  const found = [];
  // The largest first: others are its parts.
  candidates.sort((a, b) => b[2] * b[3] - a[2] * a[3]);
  for (const box of candidates) {
    if (!found.some((other) => _overlap(box, other))) found.push(box);
  }
  return found.map((box) => _withOutline(image, rows, columns, box));
}

/** The levels that a box may have, and how far its pixels are off. */
function _papers(image, rows, columns) {
  const papers = [
    [255, _TOLERANCES],
    [0, _TOLERANCES],
  ];
  // A grey one is where eight pixels in a row are the same.
  const counts = new Int32Array(256);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x + 8 < columns; x += 8) {
      const at = y * columns + x;
      let same = 0;
      while (same < 8 && image[at + same] === image[at + same + 1]) same += 1;
      if (same === 8) counts[image[at]] += 1;
    }
  }
  counts.fill(0, 0, 5).fill(0, 251);
  const level = argmax(counts);
  if (counts[level]) papers.push([level, _TOLERANCES.slice(0, 1)]);
  return papers;
}

/** Yields the boxes of a mask of what is their paper. */
function* _boxes(paper) {
  const tops = edgesOf(paper, -1);
  const bottoms = edgesOf(paper, 1);
  if (Math.max(tops.length, bottoms.length) > _MAX_EDGES) return;
  const limit = _MAX_HEIGHT_SHARE * paper.rows;
  for (const [y0, x0, x1] of tops) {
    const near = bottoms.filter(([y1, left, right]) => {
      const height = y1 + 1 - y0;
      const off = Math.max(Math.abs(left - x0), Math.abs(right - x1));
      return height >= _MIN_HEIGHT_PX && height <= limit && off <= _OFF_PX;
    });
    // The farthest first: a line in the box looks like its lower edge.
    for (const [y1, left, right] of near.reverse().slice(0, _MAX_PARTNERS)) {
      const x = Math.min(x0, left);
      let box = [y0, x, y1 + 1 - y0, Math.max(x1, right) - x];
      if (_isBox(paper, box)) {
        box = _whole(paper, box);
        yield box;
        yield* _rules(paper, box, tops, bottoms);
        break;
      }
    }
  }
}

/** The box with the rows beyond a line that looked like its edge. */
function _whole(paper, box) {
  const { mask, rows, columns } = paper;
  const [y, x, height, width] = box;
  const isSide = (row) =>
    [x, x + width - 3].every((left) => {
      let [count, all] = [0, 0];
      for (let i = left; i < Math.min(left + 3, columns); i++, all++) {
        count += mask[row * columns + i];
      }
      return count / all >= 0.6;
    });
  let [below, above] = [0, 0];
  while (y + height + below < rows && isSide(y + height + below)) below += 1;
  while (y - above > 0 && isSide(y - above - 1)) above += 1;
  if (!below && !above) return box;
  const longer = [y - above, x, above + height + below, width];
  return _isBox(paper, longer) ? longer : box;
}

/**
 * Yields the lines that show a scale beside a box that names it. Without a box
 * beside it a line is no proof of anything.
 */
function* _rules({ mask, rows, columns }, box, tops, bottoms) {
  const [y, x, height, width] = box;
  for (const [y0, x0, x1] of tops) {
    const isBeside = y - 3 * height < y0 && y0 < y + 4 * height;
    if (x0 >= x + width || x1 <= x || !isBeside) continue;
    const partner = bottoms.find(([bottom, left, right]) => {
      const off = Math.max(Math.abs(left - x0), Math.abs(right - x1));
      const thick = bottom - y0;
      return off <= _OFF_PX && thick >= 0 && thick < height / 4;
    });
    if (!partner) continue;
    const [y1] = partner;
    // The ticks at its ends reach as far up and down.
    const isTick = (row) =>
      [x0, x0 + 1, x1 - 2, x1 - 1].every((i) => mask[row * columns + i]);
    const first = Math.max(y0 - height, 0);
    const end = Math.min(y1 + 1 + height, rows);
    let [up, down] = [0, 0];
    while (y0 - up > first && isTick(y0 - up - 1)) up += 1;
    while (y1 + 1 + down < end && isTick(y1 + 1 + down)) down += 1;
    yield [y0 - up, x0, y1 + 1 - y0 + up + down, x1 - x0];
  }
}

/** The share of paper in a column, 0 beyond the image. */
function _columnShare({ mask, columns }, x, y0, y1) {
  if (x < 0 || x >= columns) return 0;
  let count = 0;
  for (let y = y0; y < y1; y++) count += mask[y * columns + x];
  return count / (y1 - y0);
}

/** Whether a rectangle is a box near a border with something in it. */
function _isBox(paper, [y, x, height, width]) {
  const { mask, rows, columns } = paper;
  if (height > _MAX_HEIGHT_SHARE * rows) return false;
  const beyond = Math.min(
    Math.min(y, rows - y - height) / rows,
    Math.min(x, columns - x - width) / columns,
  );
  if (beyond > _BORDER_SHARE) return false;
  const shares = (at) =>
    [-1, 0, 1].map((off) => _columnShare(paper, at + off, y, y + height));
  for (const [within, outside] of [
    [x, x - 1],
    [x + width - 1, x + width],
  ]) {
    if (Math.max(...shares(within)) < _INSIDE) return false;
    if (Math.min(...shares(outside)) > _OUTSIDE) return false;
  }
  let count = 0;
  for (let row = y; row < y + height; row++) {
    for (let i = x; i < x + width; i++) count += mask[row * columns + i];
  }
  const ink = 1 - count / (height * width);
  return ink >= _INK[0] && ink <= _INK[1];
}

/** The box with a line of one level around it, if there is one. */
function _withOutline(image, rows, columns, box) {
  const [y, x, height, width] = box;
  let level = 0;
  for (let wider = 1; wider <= _OUTLINE_PX + 1; wider++) {
    if (Math.min(y, x) < wider) return box;
    const [top, left] = [y - wider, x - wider];
    const [bottom, right] = [y + height + wider, x + width + wider];
    if (bottom > rows || right > columns) return box;
    const ring = [];
    for (let i = left; i < right; i++) {
      ring.push(image[top * columns + i], image[(bottom - 1) * columns + i]);
    }
    for (let i = top + 1; i < bottom - 1; i++) {
      ring.push(image[i * columns + left], image[i * columns + right - 1]);
    }
    if (wider === 1) level = median(ring);
    const off = ring.map((each) => Math.abs(each - level));
    if (wider > 1 && median(off) > _OUTLINE_OFF) {
      const line = wider - 1;
      return [y - line, x - line, height + 2 * line, width + 2 * line];
    }
    const near = off.filter((each) => each <= _OUTLINE_OFF).length;
    if (near / ring.length < 0.9) return box;
  }
  return box;
}

function _overlap([y, x, height, width], [b, a, rows, columns]) {
  return y < b + rows && b < y + height && x < a + columns && a < x + width;
}
