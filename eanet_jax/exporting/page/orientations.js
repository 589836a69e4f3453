/**
 * How a picture is turned, as cameras and programs note it in Exif and XMP.
 */

import { inflate } from "./inflate.js";
import { latin1 } from "./texts.js";

const _TAG = 0x112;
const _MAX_TEXT = 1 << 20;
/** Bytes of a value of each type that says a whole number. */
const _SIZES = { 3: 2, 4: 4, 8: 2, 9: 4 };

/**
 * What a file holds of such notes.
 * @typedef {object} Marks
 * @property {Uint8Array | null} exif
 * @property {string | null} profile Exif as text of hexadecimal digits.
 * @property {string | null} xmp
 */

/**
 * Returns the orientation, 1 (upright) where nothing says another.
 * @param {Marks} marks
 * @returns {number}
 */
export function of({ exif, profile, xmp }) {
  const bytes = exif ?? (profile === null ? null : _ofHex(profile));
  try {
    const found = bytes === null ? null : _inExif(bytes);
    if (found !== null) return found;
  } catch {
    return 1; // damaged Exif says nothing of pixels
  }
  const match = /tiff:Orientation(="|>)([0-9])/.exec(xmp ?? "");
  return match ? Number(match[2]) : 1;
}

/**
 * Reads a chunk of text of a PNG.
 * @param {string} name of the chunk.
 * @param {Uint8Array} content
 * @param {Marks} marks to which it is added.
 */
export function readText(name, content, marks) {
  const end = content.indexOf(0);
  if (end < 0) return;
  const key = latin1(content.subarray(0, end));
  let value = content.subarray(end + 1);
  if (name === "iTXt") {
    const isCompressed = value[0];
    const isKnown = value[1] === 0;
    for (let i = 0, at = 2; i < 2; i++) {
      at = value.indexOf(0, at) + 1;
      if (!at) return;
      if (i === 1) value = value.subarray(at);
    }
    if (isCompressed && !isKnown) return;
    if (isCompressed) value = _unpacked(value);
  } else if (name === "zTXt") value = _unpacked(value.subarray(1));
  if (key === "exif" && name === "tEXt") marks.exif = value;
  if (key === "Raw profile type exif") marks.profile = latin1(value);
  if (key === "XML:com.adobe.xmp" || key === "xmp") marks.xmp = latin1(value);
}

function _unpacked(bytes) {
  try {
    return inflate(bytes, _MAX_TEXT).bytes;
  } catch {
    return new Uint8Array();
  }
}

function _ofHex(profile) {
  const digits = profile.split("\n").slice(3).join("").replace(/\s/g, "");
  const pairs = digits.match(/../g) ?? [];
  return Uint8Array.from(pairs, (pair) => parseInt(pair, 16));
}

/** The orientation in Exif, null where it has none; throws if damaged. */
function _inExif(exif) {
  const name = [0x45, 0x78, 0x69, 0x66, 0, 0];
  let at = 0;
  for (let i = 0; i < 2; i++) {
    if (name.every((each, k) => exif[at + k] === each)) at += name.length;
  }
  if (at === exif.length) return null;
  const view = new DataView(
    exif.buffer,
    exif.byteOffset + at,
    exif.length - at,
  );
  const order = view.getUint16(0);
  if (order !== 0x4949 && order !== 0x4d4d) throw new Error("no Exif");
  const isLittle = order === 0x4949;
  const start = view.getUint32(4, isLittle);
  const count = view.getUint16(start, isLittle);
  for (let i = 0; i < count; i++) {
    const entry = start + 2 + 12 * i;
    if (view.getUint16(entry, isLittle) !== _TAG) continue;
    const size = _SIZES[view.getUint16(entry + 2, isLittle)];
    if (!size || view.getUint32(entry + 4, isLittle) !== 1) return 1;
    const read = size === 2 ? "getUint16" : "getUint32";
    return view[read](entry + 8, isLittle);
  }
  return null;
}
