/**
 * How many rows at the bottom of a micrograph are its data bar, by its looks.
 *
 * Takes the grey image of a file that does not say. A panel is of one grey
 * level, its paper, but for lines and text; it begins from one row to the next
 * over the whole width, which a void or a flat phase of the specimen does not.
 */

import { argmax, max, median, quantile } from "./arithmetic.js";

export const MAX_BAR_SHARE = 0.25;
// A bar holds at least one line of text and is never a quarter of the picture.
const _MIN_BAR_ROWS = 7;
const _MAX_BAR_ROWS = 1024;
const _MAX_ODD_ROWS = 12;
const _COLUMNS = 1024; // are enough to count in
// Of the pixels of a row of the panel, as many have the grey level of its
// paper, and so many more than in the rows above it.
const _PANEL_SHARE = 0.3;
const _PANEL_STEP = 0.25;
const _LINE_SHARE = 0.8; // of a row of one level, whatever it is
// How far from its paper a panel is after nothing, a filter, JPEG, bad JPEG.
const _TOLERANCES = [0, 4, 12, 24];
const _PAPER_ROWS = [8, 16, 32, 64]; // of which the paper is the commonest
const [_CALM_COLUMNS, _CALM_LEVELS] = [0.75, 12];
const _LINE_ROWS = 6;
const _EDGE_ROWS = 8; // a JPEG block
const _BINS = 257; // of the levels below 0 to 256

/**
 * Rows of some columns of an image.
 * @typedef {{pixels: Uint8Array, rows: number, columns: number}} Rows
 */

/** Returns the rows from `first` on, of as many columns as are counted in. */
function _part(image, height, width, first) {
  const step = Math.ceil(width / _COLUMNS);
  const columns = Math.ceil(width / step);
  const rows = height - first;
  const pixels = new Uint8Array(rows * columns);
  for (let y = 0, to = 0; y < rows; y++) {
    const start = (first + y) * width;
    for (let x = 0; x < width; x += step) pixels[to++] = image[start + x];
  }
  return { pixels, rows, columns };
}

/**
 * Returns the rows of the data bar, and whether there may be one.
 * @param {Uint8Array} image (y, x)
 * @param {number} height
 * @param {number} width
 * @returns {{rows: number, doubtful: boolean}}
 */
export function find(image, height, width) {
  const limit = Math.min(Math.floor(height * MAX_BAR_SHARE), _MAX_BAR_ROWS);
  if (limit < _MIN_BAR_ROWS) return { rows: 0, doubtful: false };
  // The rows above the highest possible bar show what is usual here.
  const part = _part(image, height, width, height - 2 * limit);
  const levels = new _Levels(part);
  const candidates = [];
  let doubtful = false;
  for (const tolerance of _TOLERANCES) {
    const lines = levels.lines(tolerance, limit);
    const papers = new Set(
      _PAPER_ROWS
        .filter((k) => k <= limit)
        .map((k) => levels.paper(k, tolerance)),
    );
    for (const paper of [...papers].sort((a, b) => a - b)) {
      const share = levels.share(paper, tolerance);
      const wide = levels.share(paper, 2 * tolerance);
      const { step, barRows, isPanel } = _edge(share, wide, lines, limit);
      doubtful ||= isPanel;
      if (step >= _PANEL_STEP && _isCalm(part, barRows, paper, tolerance)) {
        candidates.push([step, barRows]);
      }
    }
  }
  if (!candidates.length) return { rows: 0, doubtful };
  const [best, barRows] = candidates.reduce((a, b) =>
    b[0] > a[0] || (b[0] === a[0] && b[1] > a[1]) ? b : a,
  );
  // Perhaps it goes on.
  if (barRows + _LINE_ROWS > limit) return { rows: 0, doubtful: true };
  // The rows at the edge were changed most by what came after the bar.
  const near = candidates
    .filter(
      ([step, rows]) => step >= 0.7 * best && rows <= barRows + _EDGE_ROWS,
    )
    .map(([, rows]) => rows);
  return { rows: max(near), doubtful: false };
}

/**
 * Whether so many rows at the bottom look like a bar, more than not.
 * @param {Uint8Array} image (y, x)
 * @param {number} height
 * @param {number} width
 * @param {number} barRows 1 or more, which something else says.
 * @returns {boolean}
 */
export function isSetOff(image, height, width, barRows) {
  const first = Math.max(height - Math.max(2 * barRows, barRows + 32), 0);
  const part = _part(image, height, width, first);
  const top = part.rows - barRows;
  if (top < _MIN_BAR_ROWS) return false;
  const levels = new _Levels(part);
  for (const tolerance of _TOLERANCES) {
    const share = levels.share(levels.paper(barRows, tolerance), tolerance);
    const usual = quantile(share.subarray(0, top), 0.9);
    const panel = Math.min(
      median(share.subarray(top)),
      median(share.subarray(top, top + 8)),
    );
    if (panel >= Math.max(_PANEL_SHARE, usual) + _PANEL_STEP) return true;
  }
  // Or the picture changes there as it does nowhere in the specimen.
  const { pixels, rows, columns } = part;
  const change = new Float64Array(rows - 1);
  for (let y = 0; y + 1 < rows; y++) {
    let sum = 0;
    for (let i = y * columns; i < (y + 1) * columns; i++) {
      sum += Math.abs(pixels[i + columns] - pixels[i]);
    }
    change[y] = sum / columns;
  }
  const edge = max(change.subarray(top - 2, top + 1));
  return edge >= 1.5 * max(change.subarray(0, top - 2));
}

/** How often each grey level occurs in each row. */
class _Levels {
  /** @param {Rows} part */
  constructor({ pixels, rows, columns }) {
    this._rows = rows;
    this._width = columns;
    this._sums = new Int32Array(rows * _BINS);
    for (let y = 0; y < rows; y++) {
      const start = y * _BINS;
      for (let x = y * columns; x < (y + 1) * columns; x++) {
        this._sums[start + pixels[x] + 1] += 1;
      }
      for (let i = start + 1; i < start + _BINS; i++) {
        this._sums[i] += this._sums[i - 1];
      }
    }
  }

  /** Returns the share (y,) of pixels that near a level. */
  share(level, tolerance) {
    const high = Math.min(level + tolerance, 255) + 1;
    const low = Math.max(level - tolerance, 0);
    return Float64Array.from({ length: this._rows }, (_, y) => {
      const start = y * _BINS;
      return (this._sums[start + high] - this._sums[start + low]) / this._width;
    });
  }

  /**
   * Returns by how much each row (y,) begins a line, 0 where it does not.
   *
   * A line is a row of one level, which hardly occurs in the two rows above
   * and is not usual here.
   */
  lines(tolerance, limit) {
    const size = 2 * tolerance + 1;
    const near = (y, level) =>
      this._sums[y * _BINS + level + size] - this._sums[y * _BINS + level];
    const levels = new Int32Array(this._rows);
    const share = new Float64Array(this._rows);
    for (let y = 0; y < this._rows; y++) {
      let [best, most] = [0, near(y, 0)];
      for (let level = 1; level < _BINS - size; level++) {
        if (near(y, level) > most) [best, most] = [level, near(y, level)];
      }
      levels[y] = best;
      share[y] = most / this._width;
    }
    const usual = quantile(share.subarray(0, this._rows - limit), 0.9);
    const least = Math.max(_LINE_SHARE, usual + _PANEL_STEP);
    return share.map((each, y) => {
      if (!(each >= least)) return 0;
      let above = 0;
      for (let other = Math.max(y - 2, 0); other < y; other++) {
        above = Math.max(above, near(other, levels[y]));
      }
      return each - above / this._width;
    });
  }

  /** Returns the commonest level of the lowest rows. */
  paper(rows, tolerance) {
    const counts = new Int32Array(256);
    for (let y = Math.max(this._rows - rows, 0); y < this._rows; y++) {
      const start = y * _BINS;
      for (let level = 0; level < 256; level++) {
        counts[level] +=
          this._sums[start + level + 1] - this._sums[start + level];
      }
    }
    const half = Math.min(tolerance, 2);
    const near = counts.map((_, level) => {
      let sum = 0;
      for (let i = level - half; i <= level + half; i++) sum += counts[i] ?? 0;
      return sum;
    });
    return argmax(near);
  }
}

/**
 * Returns the upper edge of a panel.
 * @param {Float64Array} share of the paper in each row, down to the bottom.
 * @param {Float64Array} wide the same, with levels twice as far from it.
 * @param {Float64Array} lines by how much each row begins a line.
 * @param {number} limit barRows is at most this.
 * @returns {{step: number, barRows: number, isPanel: boolean}} by how much
 *   more paper there is below the edge; the rows below it; whether the lowest
 *   rows are like a panel at all.
 */
function _edge(share, wide, lines, limit) {
  const count = share.length;
  const usual = quantile(share.subarray(0, count - limit), 0.9);
  const least = Math.max(_PANEL_SHARE, usual + 0.5 * _PANEL_STEP);
  let top = count;
  // Rows crowded with text, and what Zeiss draws below its panel (a black and
  // a specimen row), are looked through.
  for (let y = count - 1; y >= 0; y--) {
    if (!(share[y] >= least)) continue;
    if (top - y > _MAX_ODD_ROWS + 1) break;
    top = y;
  }
  const start = Math.max(top - _LINE_ROWS, limit);
  const edges = [];
  for (let y = start; y <= count - _MIN_BAR_ROWS; y++) edges.push(y);
  if (!edges.length) return { step: 0, barRows: 0, isPanel: false };
  const steps = edges.map((y) => {
    const below = Math.min(share[y], share[y + 1]);
    const above = Math.max(wide[y - 2], wide[y - 3]);
    return Math.max(below - above, lines[y]);
  });
  const most = max(steps);
  const enough = steps.findIndex(
    (step) => step >= Math.max(_PANEL_STEP, 0.5 * most),
  );
  const found = edges[Math.max(enough, 0)];
  const middle = median(share.subarray(found));
  const isPanel = middle >= Math.max(0.4, usual + _PANEL_STEP);
  // Below a scratch a smooth specimen goes on as it was above.
  const before = median(wide.subarray(Math.max(found - 19, 0), found - 3));
  const goesOn = before > middle - _PANEL_STEP;
  if (enough < 0 || !isPanel || (goesOn && !lines[found])) {
    return { step: 0, barRows: 0, isPanel: isPanel && middle >= 0.6 };
  }
  return { step: most, barRows: count - found, isPanel: true };
}

/** Whether nearly all columns keep to one level, the paper's or another. */
function _isCalm({ pixels, rows, columns }, barRows, paper, tolerance) {
  const off = Math.min(tolerance, _CALM_LEVELS);
  let [calm, all] = [0, 0];
  for (let x = 0; x < columns; x += 4, all++) {
    const column = new Float64Array(barRows);
    for (let y = 0; y < barRows; y++) {
      column[y] = pixels[(rows - barRows + y) * columns + x];
    }
    const middle = median(column);
    const near = column.filter(
      (level) =>
        Math.abs(level - middle) <= off || Math.abs(level - paper) <= off,
    );
    calm += near.length / barRows >= 0.4 ? 1 : 0;
  }
  return calm / all >= _CALM_COLUMNS;
}
