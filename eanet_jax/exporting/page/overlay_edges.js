/**
 * Where a box may begin or end: runs of its paper with none beyond.
 */

const _MIN_WIDTH_PX = 20;
const _MAX_WIDTH_SHARE = 0.6;
const _GAP_PX = 3;
const _OUTSIDE = 0.35; // of the line beyond may be paper

/**
 * Returns the first or last rows that boxes may have.
 * @param {import("./overlays.js").Paper} paper
 * @param {-1 | 1} outwards -1 for upper edges, 1 for lower ones.
 * @returns {[number, number, number][]} y, x0, x1 of each.
 */
export function edges(paper, outwards) {
  const { mask, rows, columns } = paper;
  const limit = _MAX_WIDTH_SHARE * columns;
  const found = [];
  for (let y = 0; y < rows; y++) {
    const line = mask.subarray(y * columns, (y + 1) * columns);
    if (!_hasStretch(line)) continue;
    const other = y + outwards;
    const beyond =
      other < 0 || other >= rows
        ? null
        : mask.subarray(other * columns, (other + 1) * columns);
    for (const [x0, x1] of _runs(line)) {
      const width = x1 - x0;
      if (width < _MIN_WIDTH_PX || width > limit) continue;
      let count = 0;
      for (let x = x0; beyond !== null && x < x1; x++) count += beyond[x];
      if (count <= _OUTSIDE * width) found.push([y, x0, x1]);
    }
  }
  return found;
}

/** Whether two eighths of pixels side by side, in steps of 8, are paper. */
function _hasStretch(line) {
  let full = 0;
  for (let x = 0; x + 8 <= line.length; x += 8) {
    let i = x;
    while (i < x + 8 && line[i]) i += 1;
    full = i === x + 8 ? full + 1 : 0;
    if (full === 2) return true;
  }
  return false;
}

/** The runs of a line; those with a small gap between them are one. */
function _runs(line) {
  const runs = [];
  for (let x = 0; x < line.length; x++) {
    if (!line[x]) continue;
    const x0 = x;
    while (x < line.length && line[x]) x += 1;
    const last = runs.at(-1);
    if (last && x0 - last[1] <= _GAP_PX) last[1] = x;
    else runs.push([x0, x]);
  }
  return runs;
}
