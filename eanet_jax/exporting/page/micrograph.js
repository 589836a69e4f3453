/**
 * One microscope file becomes one clean grey image, without Python.
 *
 * Takes the bytes of a BMP, TIFF, PNG or JPEG as the microscope or an image
 * program wrote it. Gives the specimen rows as uint8 and the pixel size where
 * the file states it: what data/micrographs.py gives, to the byte, or an error
 * that says why not. A page has these rules a second time so that it needs no
 * program; tests/exporting/test_page_reader.py holds them to the first.
 */

import { general, rint } from "./arithmetic.js";
import * as barAndScale from "./bar_and_scale.js";
import * as dataBar from "./data_bar.js";
import { Levels } from "./grey_levels.js";
import * as imageFiles from "./image_files.js";
import { browserDecoder } from "./jpeg.js";
import { forPeople, MicrographError } from "./micrograph_errors.js";
import { hidden } from "./overlay_filling.js";
import * as overlays from "./overlays.js";
import { resize } from "./resize.js";

export { MicrographError };

const _FINE_ZOOM = 2; // a picture that is enlarged more looks blurred

/**
 * What the user says of a file and wants of it; they have the last word.
 * @typedef {object} Told
 * @property {number | null} [barRows] of the data bar; null to find them.
 * @property {number | null} [umPerPx] micrometres that a pixel is wide; null to
 *   take what is stated.
 * @property {boolean | null} [keepOverlays] whether what is drawn over the
 *   specimen stays to be seen.
 * @property {number | null} [resampleUmPerPx] how wide pixels shall be,
 *   micrometres; null as they are.
 *
 * The specimen rows of one file, and how they were found.
 * @typedef {object} Micrograph
 * @property {Uint8Array} image (height, width), without the data bar.
 * @property {number} width
 * @property {number} height
 * @property {number | null} umPerPx micrometres that a pixel of `image` is
 *   wide; null where nothing says.
 * @property {string} umFrom "told", "tag", "sidecar" or "none".
 * @property {number} cropRows of the data bar, at the bottom.
 * @property {string} barFrom "told", "tag", "sidecar", "looks" or "none".
 * @property {string} levels how grey levels became 8 bits.
 * @property {overlays.Box[]} overlays what is drawn over the specimen.
 * @property {string[]} remarks what a person should know of this file.
 */

/**
 * Returns the file's micrograph.
 * @param {Uint8Array} bytes of the file.
 * @param {string} name of it.
 * @param {Told} [told]
 * @param {{beside?: Record<string, Uint8Array>,
 *   decodeJpeg?: import("./jpeg.js").Decoder}} [means] text files beside it, by
 *   their names; what decodes a JPEG, the browser if nothing is given.
 * @returns {Promise<Micrograph>}
 * @throws {MicrographError} why it cannot be used, in one line.
 */
export async function readMicrograph(bytes, name, told = {}, means = {}) {
  const { beside = {}, decodeJpeg = browserDecoder } = means;
  try {
    const raw = await imageFiles.decode(bytes, name, decodeJpeg);
    return _resampled(_specimen(raw, { bytes, name, beside }, told), told);
  } catch (error) {
    throw forPeople(error);
  }
}

function _specimen(raw, file, told) {
  const levels = new Levels(raw);
  const { width, height, tags } = raw;
  // Above the highest possible bar there is nothing but specimen.
  const sureRows = Math.trunc(height * (1 - dataBar.MAX_BAR_SHARE));
  const found = barAndScale.find(
    ...[file, tags, levels.toUint8(sureRows).image, height, width],
    ...[told.barRows ?? null, told.umPerPx ?? null],
  );
  const rows = Math.max(height - found.barRows, 0);
  imageFiles.checkSize(width, rows);
  // The white of the bar must not set the full scale of the specimen.
  const grey = levels.toUint8(rows);
  const specimen = grey.image.subarray(0, rows * width);
  const boxes = overlays.find(specimen, rows, width);
  const image = told.keepOverlays
    ? specimen
    : hidden(specimen, rows, width, boxes);
  if (image.every((level) => level === image[0])) {
    throw new MicrographError(
      `blank: all ${rows} specimen rows have one grey level`,
    );
  }
  return {
    ...{ image, width, height: rows, cropRows: found.barRows },
    ...{ umPerPx: found.umPerPx, umFrom: found.umFrom },
    ...{ barFrom: found.barFrom, levels: grey.levels, overlays: boxes },
    remarks: [...raw.remarks, ...grey.remarks, ...found.remarks],
  };
}

/** The micrograph with pixels as wide as is wanted. */
function _resampled(micrograph, { resampleUmPerPx: wanted = null }) {
  if (wanted === null) return micrograph;
  if (micrograph.umPerPx === null) {
    throw new MicrographError(
      "nothing says how wide its pixels are, so that it cannot be resampled" +
        ` to ${general(wanted)} um/px: ${barAndScale.SAY_SCALE}`,
    );
  }
  const { image, width, height } = micrograph;
  const zoom = micrograph.umPerPx / wanted;
  const [newHeight, newWidth] = [rint(height * zoom), rint(width * zoom)];
  imageFiles.checkSize(newWidth, newHeight);
  const remarks = [...micrograph.remarks];
  if (zoom > _FINE_ZOOM) {
    remarks.push(
      `enlarged ${general(zoom, 3)} times, it shows nothing finer for that`,
    );
  }
  return {
    ...micrograph,
    image: resize(image, height, width, newHeight, newWidth),
    ...{ width: newWidth, height: newHeight, umPerPx: wanted, remarks },
  };
}
