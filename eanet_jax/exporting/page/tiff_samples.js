/**
 * How the numbers of a page of a TIFF are stored.
 *
 * Takes the tags of a page. What no decoder is known to read right is refused
 * by its name, as the program refuses it; then what this page has no decoder
 * for.
 */

import { cannotFollow, MicrographError } from "./micrograph_errors.js";
import { TAG } from "./tiff_tags.js";

export const NONE = 1;
export const LZW = 5;
export const JPEG = 7;
export const DEFLATE = 8;
export const PACKBITS = 32773;
const _LZMA = 34925;
const _ZSTD = 50000;
const _FAX = [2, 3, 4];
/** Those with predictors, and what else each is called. */
const _GENERAL = new Map([
  [5, LZW],
  [8, DEFLATE],
  [32946, DEFLATE],
  [34925, _LZMA],
  [50000, _ZSTD],
  [34926, _ZSTD],
]);
const _REFUSED = {
  6: "old-style JPEG",
  33003: "JPEG 2000",
  33005: "JPEG 2000",
  34712: "JPEG 2000",
  34887: "LERC",
  34892: "lossy JPEG",
  34927: "WebP",
  34933: "PNG",
  34934: "JPEG XR",
  50001: "WebP",
  50002: "JPEG XL",
  52546: "JPEG XL",
};
const _NOT_HERE = { [JPEG]: "JPEG", [_LZMA]: "LZMA", [_ZSTD]: "Zstandard" };
for (const code of _FAX) _NOT_HERE[code] = "fax codes";
/** A photometric kind. */
export const YCBCR = 6;
const _KINDS = { 1: "u", 2: "i", 3: "f", 4: "u" }; // by the tag SampleFormat
const _MAX_SAMPLES = 64;

/**
 * @typedef {object} Samples
 * @property {number} count of a pixel.
 * @property {number} bits of each number.
 * @property {"u" | "i" | "f"} kind for whole, signed and real numbers.
 * @property {boolean} apart whether each has a plane of its own.
 * @property {number} compression
 * @property {number} predictor 1 none, 2 differences, 3 those of the bytes of
 *   floats.
 */

/**
 * Returns how the numbers are stored.
 * @param {import("./tiff_directories.js").Page} page
 * @returns {Samples}
 */
export function of(page) {
  const count = page.number(TAG.SAMPLES, 1);
  if (!(count > 0 && count <= _MAX_SAMPLES)) {
    throw new MicrographError(`a TIFF of ${count} channels`);
  }
  const bits = _one(page, TAG.BITS, "bits");
  const format = _one(page, TAG.SAMPLE_FORMAT, "kinds of numbers");
  if (format === 5 || format === 6) {
    throw new MicrographError(
      "a TIFF of complex numbers: save their magnitude",
    );
  }
  const kind = _KINDS[format] ?? "";
  const isKnown = {
    u: (bits >= 1 && bits <= 32) || bits === 64,
    i: [8, 16, 32, 64].includes(bits),
    f: [16, 24, 32, 64].includes(bits),
  }[kind];
  if (!isKnown) {
    throw new MicrographError(
      `a TIFF of numbers of a rare kind (${bits} bits)`,
    );
  }
  const compression = page.number(TAG.COMPRESSION, NONE);
  const isFax = _FAX.includes(compression);
  if (
    ![NONE, JPEG, PACKBITS].includes(compression) &&
    !isFax &&
    !_GENERAL.has(compression)
  ) {
    const name = _REFUSED[compression] ?? `a rare method (${compression})`;
    throw new MicrographError(
      `a TIFF compressed by ${name}: save it uncompressed, or by LZW or` +
        " deflate",
    );
  }
  if (compression === JPEG && (bits !== 8 || kind !== "u")) {
    throw new MicrographError(`a TIFF compressed by JPEG of ${bits} bits`);
  }
  if (isFax && (bits !== 1 || count !== 1)) {
    throw new MicrographError(
      "damaged: fax codes of more than black and white",
    );
  }
  // JPEG and fax codes have none of their own.
  const stated = page.number(TAG.PREDICTOR, 1);
  const predictor = compression === JPEG || isFax ? 1 : stated;
  _checkPredictor(predictor, compression, bits, kind);
  return {
    count,
    bits,
    kind,
    apart: count > 1 && page.number(TAG.PLANES, 1) === 2,
    compression: _GENERAL.get(compression) ?? compression,
    predictor,
  };
}

/**
 * Throws where this page has no decoder for what the program reads.
 * @param {Samples} stored
 */
export function checkDecoder({ compression }) {
  if (compression in _NOT_HERE) {
    throw cannotFollow(
      `a TIFF compressed by ${_NOT_HERE[compression]}`,
      "save it uncompressed, or by LZW or deflate",
    );
  }
}

/** The one value that all samples have. */
function _one(page, tag, what) {
  const values = Array.from(page.numbers(tag));
  const kept = new Set(values.slice(0, page.number(TAG.SAMPLES, 1)));
  if (!kept.size) return 1;
  if (kept.size > 1) {
    throw new MicrographError(`a TIFF whose channels have different ${what}`);
  }
  return Math.trunc(kept.values().next().value);
}

function _checkPredictor(predictor, compression, bits, kind) {
  if (predictor === 1) return;
  if (!_GENERAL.has(compression)) {
    // Some programs apply it nevertheless, and others do not.
    throw new MicrographError(
      "a TIFF with a predictor that its compression lacks",
    );
  }
  const isKnown = {
    2: [8, 16, 32, 64].includes(bits),
    3: kind === "f" && bits !== 24,
  };
  if (!isKnown[predictor]) {
    throw new MicrographError(`a TIFF with a rare predictor (${predictor})`);
  }
}
