/**
 * What the microscope wrote beside the pixels: sizes of scan, bar and pixel.
 *
 * Takes the TIFF tags of a file, the segments of a JPEG, the text file beside
 * it. Gives a statement for each source that says anything. All of it is
 * untrusted: each entry counts by itself, and one that is damaged or
 * implausible counts as absent. TIFF XResolution is a print resolution and
 * never read.
 */

import { stemOf, suffixOf } from "./file_names.js";
import { decoded } from "./texts.js";
import * as vendors from "./vendors.js";

const _MAX_CHARACTERS = 1 << 16;
const _MAX_HEADER_BYTES = 1 << 20;
// FEI, Thermo and Phenom all write to any of these.
const _FEI_TAGS = [34682, 34680, 34683];
const _ZEISS_TAG = 34118;
const _TESCAN_TAG = 50431;

/**
 * What one source says, null where it says nothing credible.
 * @typedef {object} Statement
 * @property {"tag" | "sidecar"} origin where it stands.
 * @property {number | null} width of the scan, pixels.
 * @property {number | null} height of the scan, pixels; without the bar if
 *   that is below the scan.
 * @property {number | null} barRows of the data bar or strip.
 * @property {number | null} umPerPx micrometres that a pixel of the scan is
 *   wide.
 * @property {number | null} fieldUm micrometres that the scan as a whole is
 *   wide.
 * @property {boolean} barBelow whether the bar is below the scan, not drawn
 *   over it.
 *
 * A file that may have others beside it.
 * @typedef {object} File
 * @property {string} name
 * @property {Uint8Array} bytes
 * @property {Record<string, Uint8Array>} beside other files, by their names.
 */

/**
 * Returns what is stated of a file, the most credible first.
 * @param {File} file
 * @param {Map<number, string | Uint8Array | number[]>} tags of a TIFF, none
 *   for other formats.
 * @returns {Statement[]}
 */
export function read(file, tags) {
  const found = [];
  const add = (origin, parse, text) =>
    found.push({ ..._NOTHING, origin, ...parse(text) });
  for (const code of [..._FEI_TAGS, _ZEISS_TAG, _TESCAN_TAG]) {
    const value = tags.get(code);
    let bytes = value;
    if (typeof value === "string") bytes = _bytesOf(value);
    if (!(bytes instanceof Uint8Array)) continue;
    const text = decoded(bytes, _MAX_CHARACTERS);
    if (_FEI_TAGS.includes(code)) {
      const isPhenom = text.includes("<FeiImage");
      add("tag", isPhenom ? vendors.phenom : vendors.fei, text);
    } else {
      add("tag", code === _ZEISS_TAG ? vendors.zeiss : vendors.tescan, text);
    }
  }
  const xml = _jpegXml(file.bytes);
  if (xml) add("tag", vendors.phenom, xml);
  const stem = stemOf(file.name);
  for (const each of [stem, `${stem}-${suffixOf(file.name).slice(1)}`]) {
    const text = _sidecar(file, each, ".hdr");
    if (text) add("sidecar", vendors.tescan, text);
  }
  const text = _sidecar(file, stem, ".txt");
  if (text) {
    const isHitachi = text.toLowerCase().includes("[semimagefile]");
    add("sidecar", isHitachi ? vendors.hitachi : vendors.jeol, text);
  }
  return found;
}

const _NOTHING = {
  ...{ width: null, height: null, barRows: null },
  ...{ umPerPx: null, fieldUm: null, barBelow: true },
};

function _bytesOf(text) {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** The text of a small file, "" where there is none. */
function _sidecar({ beside }, stem, ending) {
  for (const name of [stem + ending, stem + ending.toUpperCase()]) {
    const bytes = Object.hasOwn(beside, name) ? beside[name] : null;
    if (bytes === null) continue;
    return decoded(bytes.subarray(0, _MAX_CHARACTERS), _MAX_CHARACTERS);
  }
  return "";
}

/** The XML in the segments before a JPEG's pixels, "" for none. */
function _jpegXml(bytes) {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return "";
  const content = bytes.subarray(2, 2 + _MAX_HEADER_BYTES);
  const mark = _bytesOf("<FeiImage");
  let at = 0;
  while (content[at] === 0xff && content[at + 1] !== 0xda) {
    const size = ((content[at + 2] ?? 0) << 8) | (content[at + 3] ?? 0);
    const end = at + 2 + size;
    // Text as bytes, or each of its characters with a zero before or after.
    const segment = content
      .subarray(at + 4, Math.max(end, at + 4))
      .filter((byte) => byte);
    for (let i = 0; i + mark.length <= segment.length; i++) {
      if (mark.every((byte, k) => segment[i + k] === byte)) {
        return decoded(segment.subarray(i), _MAX_CHARACTERS);
      }
    }
    at = end;
  }
  return "";
}
