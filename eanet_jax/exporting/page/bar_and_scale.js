/**
 * What is stated of a file is checked against its picture.
 *
 * Takes what the microscope wrote and the grey picture. Gives the rows of the
 * data bar and the size of a pixel, what told them, and in a remark each thing
 * that does not agree: files are cropped and resized by programs that leave
 * the microscope's words as they were.
 */

import { general, rint } from "./arithmetic.js";
import * as dataBar from "./data_bar.js";
import * as vendorMetadata from "./vendor_metadata.js";

// Width over height of usual scans.
const _SHAPES = [
  ...[
    [1, 1],
    [5, 4],
    [4, 3],
    [3, 2],
    [16, 10],
    [16, 9],
    [2, 1],
  ],
];
const _ZOOMS = [1, 2, 3, 4].flatMap((a) =>
  [1, 2, 3, 4, 8].filter((b) => a !== b).map((b) => a / b),
);
// How users have the last word, whichever command they use.
const _SAY_ROWS =
  "say how many rows it has, with --bar-rows, dataset.bar_rows or a table";
export const SAY_SCALE =
  "say how wide its pixels are, with --um-per-px, dataset.file_um_per_px or a" +
  " table";

/**
 * The bar and the scale of one file.
 * @typedef {object} Found
 * @property {number} barRows of the data bar, at the bottom of the picture.
 * @property {"told" | "tag" | "sidecar" | "looks" | "none"} barFrom
 * @property {number | null} umPerPx micrometres that a pixel of the picture is
 *   wide, null if unknown.
 * @property {"told" | "tag" | "sidecar" | "none"} umFrom
 * @property {string[]} remarks what a person should know of them.
 */

/**
 * Returns the bar and the scale; what the user says wins over everything.
 * @param {vendorMetadata.File} file
 * @param {Map<number, string | Uint8Array | number[]>} tags of a TIFF.
 * @param {Uint8Array} grey (height, width), the whole picture upright.
 * @param {number} height
 * @param {number} width
 * @param {number | null} toldRows of the data bar, by the user.
 * @param {number | null} toldUm micrometres per pixel, by the user.
 * @returns {Found}
 */
export function find(file, tags, grey, height, width, toldRows, toldUm) {
  const picture = new _Picture(grey, height, width, toldRows);
  let [barRows, barFrom, umPerPx, umFrom] = [null, "none", null, "none"];
  let [barRemarks, umRemarks] = [[], []];
  for (const stated of vendorMetadata.read(file, tags)) {
    const fit = picture.fit(stated);
    barRemarks.push(...fit.barRemarks);
    umRemarks.push(...fit.umRemarks);
    if (barRows === null && fit.barRows !== null) {
      [barRows, barFrom] = [fit.barRows, stated.origin];
    }
    if (fit.umPerPx === null) continue;
    if (umPerPx === null) [umPerPx, umFrom] = [fit.umPerPx, stated.origin];
    else if (Math.abs(fit.umPerPx / umPerPx - 1) > 0.01) {
      umRemarks.push(
        `two scales are stated, ${general(umPerPx, 4)} and` +
          ` ${general(fit.umPerPx, 4)} um/px: the first is taken; if that is` +
          ` wrong, ${SAY_SCALE}`,
      );
    }
  }
  if (barRows === null) {
    barRows = picture.looks.rows;
    barFrom = barRows ? "looks" : "none";
    if (picture.looks.doubtful) {
      barRemarks.push(`the lowest rows may be a data bar: ${_SAY_ROWS}`);
    }
  }
  if (toldRows !== null)
    [barRows, barFrom, barRemarks] = [toldRows, "told", []];
  if (toldUm !== null) [umPerPx, umFrom, umRemarks] = [toldUm, "told", []];
  const remarks = [...new Set([...barRemarks, ...umRemarks])];
  return { barRows, barFrom, umPerPx, umFrom, remarks };
}

/** A picture against which statements are held. */
class _Picture {
  constructor(grey, height, width, toldRows) {
    this._grey = grey;
    this._height = height;
    this._width = width;
    this.looks =
      toldRows === null
        ? dataBar.find(grey, height, width)
        : { rows: toldRows, doubtful: false };
  }

  /** Returns what a statement means for this picture. */
  fit(stated) {
    const fit = { barRows: null, umPerPx: null, barRemarks: [], umRemarks: [] };
    if (stated.height === null) this._fitStrip(fit, stated);
    else {
      const width = stated.width || this._width;
      let um = stated.umPerPx;
      if (um === null && stated.fieldUm) um = stated.fieldUm / width;
      if (width === this._width) this._fitRows(fit, stated, um);
      else this._fitResized(fit, stated, width, um);
    }
    return fit;
  }

  /** Whether a bar may have so many rows. */
  _mayBe(barRows) {
    const limit = dataBar.MAX_BAR_SHARE * this._height;
    return barRows !== null && barRows > 0 && barRows <= limit;
  }

  _isSetOff(barRows) {
    if (!this._mayBe(barRows)) return false;
    if (Math.abs(barRows - this.looks.rows) <= 1) return true;
    return dataBar.isSetOff(this._grey, this._height, this._width, barRows);
  }

  /** The picture is as wide as the scan. */
  _fitRows(fit, stated, um) {
    fit.umPerPx = um;
    const below = this._height - stated.height;
    if (below < 0) {
      // its lower rows are gone, perhaps only some of the bar's
      if (this._isSetOff(stated.barRows)) fit.barRows = stated.barRows;
    } else if (below === 0 && stated.barBelow) {
      fit.barRows = 0;
      const { rows } = this.looks;
      if (rows) {
        fit.barRemarks.push(
          `the lowest ${rows} rows look like a data bar, but the file states` +
            ` that they are specimen: if they are not, ${_SAY_ROWS}`,
        );
      }
    } else if (below === 0) {
      // The bar is drawn over the scan, or there is none.
    } else if (
      stated.barRows === below ||
      (stated.barRows === null && stated.barBelow)
    ) {
      fit.barRows = this._mayBe(below) ? below : null;
    } else {
      const seen = [below, stated.barRows].find((n) => this._isSetOff(n));
      fit.barRows = seen ?? null;
    }
    if (below > 0 && fit.barRows === null && stated.barBelow) {
      fit.barRemarks.push(
        `${this._height} rows, of which the file states that` +
          ` ${stated.height} are specimen, and no data bar below them is to` +
          ` be seen: ${_SAY_ROWS}`,
      );
    }
  }

  /** The picture was resized or cropped at its sides. */
  _fitResized(fit, stated, width, um) {
    const zoom = this._width / width;
    const below = this._height - rint(stated.height * zoom);
    const was = `the file states a scan of ${width} x ${stated.height} px`;
    let resized = Math.abs(below) <= 1;
    if (resized) fit.barRows = stated.barBelow ? 0 : null;
    else if (stated.barRows) {
      const whole = (stated.height + stated.barRows) * zoom;
      resized = Math.abs(this._height - whole) <= 1;
    } else if (this._mayBe(below)) {
      const isWhole = (stated.height * zoom) % 1 === 0;
      resized = isWhole && _ZOOMS.includes(zoom) && stated.barBelow;
    }
    if (!resized) resized = this._isSetOff(below);
    if (resized) {
      if (Math.abs(below) > 1 && this._mayBe(below)) fit.barRows = below;
      fit.umPerPx = um === null ? null : um / zoom;
      fit.umRemarks.push(`resized by ${general(zoom, 4)}: ${was}`);
      return;
    }
    if (this._isSetOff(stated.barRows)) fit.barRows = stated.barRows;
    const highest =
      stated.height + (stated.barRows || Math.floor(stated.height / 3));
    if (zoom < 1 && this._height <= highest) {
      fit.umPerPx = um;
      fit.umRemarks.push(
        `cropped: ${was}; the scale holds if it was not resized too`,
      );
    } else if (um !== null) {
      fit.umRemarks.push(
        `the scale is not known: ${was}, and this is no part of it;` +
          ` ${SAY_SCALE}`,
      );
    }
  }

  /** Nothing says how high the scan was. */
  _fitStrip(fit, stated) {
    fit.umPerPx = stated.umPerPx;
    if (stated.width !== null && stated.width !== this._width) {
      fit.umPerPx = null;
      fit.umRemarks.push(
        "the scale is not known: the file states a scan of" +
          ` ${stated.width} px, and this is resized or cropped; ${SAY_SCALE}`,
      );
    } else if (fit.umPerPx === null && stated.fieldUm) {
      fit.umPerPx = stated.fieldUm / this._width;
      if (stated.width === null && !_isUsual(this._width, this._height)) {
        fit.umRemarks.push("the scale holds if the sides were not cut off");
      }
    }
    const rows = stated.barRows;
    if (!this._mayBe(rows)) return;
    const isUsual =
      _isUsual(this._width, this._height - rows) &&
      !_isUsual(this._width, this._height);
    if (this._isSetOff(rows) || isUsual) {
      fit.barRows = rows;
      return;
    }
    fit.barRemarks.push(
      `the file states a data bar of ${rows} rows, which is not to be seen:` +
        ` if it is there, ${_SAY_ROWS}`,
    );
    if (this.looks.rows && fit.umPerPx !== null) {
      fit.umPerPx = null;
      fit.umRemarks.push(
        `the scale is not known: the file states a data bar of ${rows} rows,` +
          ` this one has ${this.looks.rows}; ${SAY_SCALE}`,
      );
    }
  }
}

/** Whether a scan usually has this shape. */
function _isUsual(width, height) {
  return _SHAPES.some(([a, b]) => width * b === height * a);
}
