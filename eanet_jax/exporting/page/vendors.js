/**
 * What each maker of microscopes writes, and what of it is said.
 *
 * Takes the text of a tag or of a file beside the image. Each function gives
 * the parts of a statement (vendor_metadata.js) that the text has.
 */

import { DecodeError } from "./micrograph_errors.js";
import { lines, strip, words } from "./texts.js";

const _MAX_SIDE_PX = 1 << 20;
const _ZEISS_WIDTH_PX = 1024;
const _PLAUSIBLE_UM_PER_PX = [1e-6, 1e3];
const _NUMBER = "[-+]?\\d+(?:[.,]\\d*)?(?:[eE][-+]?\\d+)?";
const _WHOLE_NUMBER = new RegExp(`^${_NUMBER}$`);
const _LENGTH = new RegExp(`^(${_NUMBER})\\s*(\\S*)$`);
const _UM = {
  ...{ m: 1e6, cm: 1e4, mm: 1e3, um: 1, nm: 1e-3, pm: 1e-6 },
  ...{ micron: 1, microns: 1 },
  ...{ a: 1e-4, "\xe5": 1e-4, "\u212b": 1e-4, angstrom: 1e-4 },
};
// A micro sign or a Greek mu, also where bytes of an unknown encoding were
// read as Latin-1: of UTF-8, GBK, Shift JIS, EUC-KR, Big5, code page 437, Mac.
for (const sign of [
  ...["\xb5", "\u03bc", "\xe2\xb5", "\xee\xbc", "\xa6\xec", "\x83\xea"],
  ...["\xa5\xec", "\xa3g", "\xe6"],
]) {
  _UM[`${sign}m`] = 1;
}

/** Returns a finite number, with a decimal point or comma; else null. */
function _number(text) {
  if (text === null || text === undefined) return null;
  const own = strip(text);
  if (!_WHOLE_NUMBER.test(own.slice(0, 40))) return null;
  const number = Number(own.replaceAll(",", "."));
  if (Number.isNaN(number)) {
    throw new DecodeError(`could not convert string to float: '${own}'`);
  }
  return Number.isFinite(number) ? number : null;
}

/** Returns a number of pixels, 0 or more. */
function _pixels(text) {
  const number = _number(text);
  const isNone = number === null || !(number >= 0 && number <= _MAX_SIDE_PX);
  return isNone || number % 1 ? null : number;
}

function _side(text) {
  return _pixels(text) || null;
}

/**
 * Returns a length in micrometres.
 * @param {string | null | undefined} text a number, and its unit if it has one.
 * @param {string} [unit] of a number without one; then "" is nothing that can
 *   be understood.
 */
function _um(text, unit = "") {
  const found = _LENGTH.exec(strip(text ?? "").slice(0, 60));
  if (!found) return null;
  const number = _number(found[1]);
  const name = (found[2] || unit).toLowerCase();
  const um = Object.hasOwn(_UM, name) ? _UM[name] : null;
  return number === null || um === null ? null : number * um;
}

function _plausible(umPerPx) {
  const [low, high] = _PLAUSIBLE_UM_PER_PX;
  const isCredible = umPerPx !== null && umPerPx >= low && umPerPx <= high;
  return isCredible ? umPerPx : null;
}

/** The width of a field of view, null where it is none. */
function _length(um) {
  return um === null || um <= 0 ? null : um;
}

/** Returns "section.key": value of INI text, "key" before any section. */
function _fields(text) {
  const fields = new Map();
  let section = "";
  for (const line of text.split(/[\r\n\0]+/)) {
    const at = line.indexOf("=");
    const named = at < 0 ? /\[(.*)\]/.exec(line) : null;
    if (named) section = `${strip(named[1]).toLowerCase()}.`;
    if (at < 0) continue;
    const found = line.slice(0, at).match(/[\p{L}\p{N}_]+/gu);
    if (!found) continue;
    // Only the last word: binary bytes precede the first key of Tescan's tag.
    const name = (section + found.at(-1)).toLowerCase();
    if (!fields.has(name)) fields.set(name, strip(line.slice(at + 1)));
  }
  return fields;
}

/** FEI and Thermo append the bar below the scanned rows. */
export function fei(text) {
  const fields = _fields(text);
  let [umPerPx, fieldUm] = [null, null];
  for (const section of _feiSections(fields)) {
    const length = (key) => _um(fields.get(`${section}.${key}`), "m");
    umPerPx = umPerPx || _plausible(length("pixelwidth"));
    for (const key of ["horfieldsize", "hfw"]) {
      fieldUm = fieldUm || _length(length(key));
    }
  }
  return {
    width: _side(fields.get("image.resolutionx")),
    height: _side(fields.get("image.resolutiony")),
    barRows: _pixels(fields.get("privatefei.databarheight")),
    umPerPx,
    fieldUm,
  };
}

/**
 * Returns the sections that may say the scale, the most credible first.
 *
 * A microscope of two beams has a section for each; where [Beam] does not name
 * the one in use, neither is believed.
 */
function _feiSections(fields) {
  const named = ["scan", "beam"]
    .map((key) => (fields.get(`beam.${key}`) ?? "").toLowerCase())
    .filter((name) => name);
  if (named.length) return ["scan", ...named];
  const all = new Set([...fields.keys()].map((key) => key.split(".")[0]));
  const others = [];
  for (const kind of [/^[\p{L}\p{N}_]+scan$/u, /^[\p{L}\p{N}_]+beam$/u]) {
    const found = [...all].filter((name) => kind.test(name));
    if (found.length === 1) others.push(...found);
  }
  return ["scan", ...others];
}

/** Phenom writes XML; a few elements are read, no entity is resolved. */
export function phenom(text) {
  const element = (name) => {
    const found = new RegExp(`<${name}\\b([^<>]*)>([^<>]*)</${name}>`).exec(
      text,
    );
    if (!found) return [null, ""];
    const unit = /\bunit\s*=\s*["']([^"']*)["']/.exec(found[1]);
    return [strip(found[2]), unit ? _unescaped(unit[1]) : ""];
  };
  let umPerPx = _plausible(_um(...element("pixelWidth")));
  umPerPx ??= _plausible(_um(...element("pixelHeight")));
  return { barRows: _pixels(element("databarHeight")[0]), umPerPx };
}

/** Text with the characters that XML writes as numbers. */
function _unescaped(text) {
  return text.replace(/&#(x?)([0-9a-fA-F]{1,6});/g, (_, isHex, digits) => {
    if (!isHex && /\D/.test(digits)) {
      throw new DecodeError(
        `invalid literal for int() with base 10: '${digits}'`,
      );
    }
    const code = parseInt(digits, isHex ? 16 : 10);
    return code < 0x110000 ? String.fromCodePoint(code) : "";
  });
}

/**
 * Zeiss draws the bar over the scan and states how wide a field it shows.
 *
 * The fourth line is metres per pixel of a scan 1024 wide, however wide this
 * one is; so is "Pixel Size", and in some versions "Image Pixel Size".
 */
export function zeiss(text) {
  const each = text.split(/[\r\n\0]+/).map(strip);
  const fields = new Map();
  for (let i = 0; i + 1 < each.length; i++) {
    const [name, value] = [each[i], each[i + 1]];
    if (!/^(AP_|DP_)/.test(name) || fields.has(name)) continue;
    const at = value.indexOf("=");
    fields.set(name, at < 0 ? "" : strip(value.slice(at + 1)));
  }
  const store = /^(\d{1,6})\s*[*x]\s*(\d{1,6})$/.exec(
    fields.get("DP_IMAGE_STORE") ?? "",
  );
  const [width, height] = store ? store.slice(1).map(_side) : [null, null];
  const parts = words(text);
  let um = parts.length > 3 ? _plausible(_um(parts[3], "m")) : null;
  if (um === null && width === _ZEISS_WIDTH_PX) {
    um = _plausible(_um(fields.get("AP_IMAGE_PIXEL_SIZE")));
  }
  let fieldUm = _length(_um(fields.get("AP_WIDTH")));
  if (um !== null) fieldUm = um * _ZEISS_WIDTH_PX;
  return { width, height, fieldUm, barBelow: false };
}

/** Tescan's tag has no section line, and its .hdr file has [MAIN]. */
export function tescan(text) {
  const fields = new Map();
  for (const [key, value] of _fields(text)) {
    const name = key.split(".").at(-1);
    if (!fields.has(name)) fields.set(name, value);
  }
  let umPerPx = _plausible(_um(fields.get("pixelsizex"), "m"));
  umPerPx ??= _plausible(_um(fields.get("pixelsizey"), "m"));
  return { barRows: _side(fields.get("imagestripsize")), umPerPx };
}

/** Hitachi draws the bar over the scan, or below it. */
export function hitachi(text) {
  const fields = _fields(text);
  const size = /^(\d{1,6})\s*[xX*,]\s*(\d{1,6})$/.exec(
    fields.get("semimagefile.datasize") ?? "",
  );
  const [width, height] = size ? size.slice(1).map(_side) : [null, null];
  const umPerPx = _plausible(_um(fields.get("semimagefile.pixelsize"), "nm"));
  return { width, height, umPerPx, barBelow: false };
}

/** JEOL states a scale bar's pixels and what it stands for ("10um"). */
export function jeol(text) {
  const fields = new Map();
  for (const line of lines(text)) {
    const [, key, value] = /^\s*(\S*)\s*([^]*)$/.exec(line);
    const name = key.toUpperCase();
    if (!fields.has(name)) fields.set(name, strip(value));
  }
  const size = words(fields.get("$CM_FULL_SIZE") ?? "");
  const [width, height] = size.length === 2 ? size.map(_side) : [null, null];
  const markerUm = _um(fields.get("$$SM_MICRON_MARKER"));
  const markerPx = _number(fields.get("$$SM_MICRON_BAR"));
  const umPerPx = markerUm && markerPx ? _plausible(markerUm / markerPx) : null;
  return { width, height, umPerPx };
}
