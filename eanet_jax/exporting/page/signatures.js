/**
 * What a file is that is no BMP, TIFF, PNG or JPEG, by its first bytes.
 */

import { suffixOf } from "./file_names.js";

/** Pictures, and what else people name like one. */
const _PICTURES = [
  [/^(?:RIFF....WEBP)/is, "a WebP picture"],
  [/^(?:GIF8[79]a)/is, "a GIF picture"],
  [/^(?:\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51)/is, "a JPEG 2000 picture"],
  [/^(?:\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n)/is, "a JPEG XL picture"],
  [/^(?:....ftypavi[fs])/is, "an AVIF picture"],
  [/^(?:....ftyp(?:hei|hev|mif1|msf1))/is, "an HEIC picture"],
  [/^(?:II\xbc\x01)/is, "a JPEG XR picture"],
  [/^(?:\0\0\x01\0[^\0])/is, "a Windows icon"],
  [/^(?:8BPS)/is, "a Photoshop document"],
  [/^(?:gimp xcf )/is, "a GIMP document"],
  [/^(?:SIMPLE  =)/is, "a FITS picture"],
  [/^(?:P[1-7][\s#])/is, "a picture of the kind PNM"],
  [/^(?:v\/1\x01)/is, "an OpenEXR picture"],
  [/^(?:.{128}DICM)/is, "a DICOM picture"],
  [/^(?:\0\0\0\x03.{4}\0\0\0[\0\x01])/is, "a DigitalMicrograph file (DM3)"],
  [/^(?:\0\0\0\x04\0\0.{6}\0\0\0[\0\x01])/is, "a DigitalMicrograph file (DM4)"],
  [/^(?:\x89HDF\r\n\x1a\n)/is, "an HDF5 file"],
  [/^(?:.{0,255}<svg[\s>])/is, "an SVG drawing"],
  [/^(?:%PDF-)/is, "a PDF document"],
];
const _OTHERS = [
  [/^(?:%!PS|\xc5\xd0\xd3\xc6)/is, "a PostScript document"],
  [/^(?:PK\x03\x04)/is, "a ZIP archive or an Office document"],
  [/^(?:\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1)/is, "an old Office document"],
  [/^(?:\x1f\x8b)/is, "a gzip archive"],
  [/^(?:7z\xbc\xaf\x27\x1c)/is, "a 7-Zip archive"],
  [/^(?:Rar!\x1a\x07)/is, "a RAR archive"],
  [/^(?:SQLite format 3\0)/is, "an SQLite database"],
  [/^(?:\x93NUMPY)/is, "a NumPy array"],
  [/^(?:\xff\xfb|ID3|....ftyp|RIFF....AVI )/is, "a film or sound"],
  [/^(?:\s*<(?:!doctype html|html))/is, "a web page"],
];

/**
 * Returns why a file that begins so is no picture that can be read.
 * @param {Uint8Array} bytes
 * @param {string} name of the file.
 * @returns {string}
 */
export function reason(bytes, name) {
  const start = String.fromCharCode(...bytes.subarray(0, 512));
  for (const [pattern, kind] of _PICTURES) {
    if (!pattern.test(start)) continue;
    const suffix = suffixOf(name);
    return `${kind}${suffix ? ` named ${suffix}` : ""}: save it as PNG or TIFF`;
  }
  for (const [pattern, kind] of _OTHERS) {
    if (pattern.test(start)) return `not an image, but ${kind}`;
  }
  if (start.startsWith("\xff\xd8\xff")) {
    return "a damaged or rare kind of JPEG, as of 12 bits: save it as PNG";
  }
  if (start && !/[\x00-\x08\x0e-\x1f\x7f]/.test(start)) {
    return "not an image (its contents are text)";
  }
  if (/^\0*$/.test(start)) {
    return "not an image: it begins with zeros alone, as a lost download does";
  }
  return "not an image, or damaged at its beginning";
}
