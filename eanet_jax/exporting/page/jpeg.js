/**
 * The grey of a JPEG, whole or not at all.
 *
 * The browser decodes it, given neither the marks of how it is turned nor the
 * profile of its colours, which the program does not obey or obeys itself.
 * Decoders differ by few grey levels from each other.
 */

import { grey as greyOf } from "./grey_pictures.js";
import * as jpegProbe from "./jpeg_probe.js";
import * as jpegScans from "./jpeg_scans.js";
import {
  cannotFollow,
  DecodeError,
  MicrographError,
  ShortError,
} from "./micrograph_errors.js";
import * as orientations from "./orientations.js";
import { latin1 } from "./texts.js";

/**
 * Decodes a JPEG; rejects if it cannot.
 * @typedef {(bytes: Uint8Array) => Promise<{width: number, height: number,
 *   rgba: Uint8Array | Uint8ClampedArray}>} Decoder
 */

const [_SCAN, _END, _APP1, _APP2, _COMMENT] = [0xda, 0xd9, 0xe1, 0xe2, 0xfe];
const _EXIF = "Exif\0\0";
const _XMP = "http://ns.adobe.com/xap/1.0/\0";

/** A file that begins like a JPEG and is none that can be read. */
export class NotJpeg extends Error {}

/**
 * Whether bytes begin like a JPEG.
 * @param {Uint8Array} bytes
 * @returns {boolean}
 */
export function isJpeg(bytes) {
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
}

/** Yields marker, start and end of each segment before the first scan. */
function* _segments(bytes) {
  for (let at = 2; at < bytes.length;) {
    if (bytes[at] !== 0xff) throw new NotJpeg();
    const code = bytes[at + 1];
    if (code === 0xff) {
      at += 1;
      continue;
    }
    if (code === 0x01 || (code >= 0xd0 && code <= 0xd8)) {
      at += 2;
      continue;
    }
    if (code === undefined || code === 0 || code === _END) throw new NotJpeg();
    const end = at + 2 + ((bytes[at + 2] << 8) | bytes[at + 3]);
    if (!(end <= bytes.length)) throw new DecodeError("Truncated File Read");
    yield { code, start: at, end };
    if (code === _SCAN) return;
    at = end;
  }
  throw new NotJpeg();
}

/**
 * Returns what stands before the pixels.
 * @param {Uint8Array} bytes
 * @returns {{width: number, height: number, components: number,
 *   isProgressive: boolean, orientation: number}}
 */
export function header(bytes) {
  const head = { width: 0, height: 0, components: 0, isProgressive: false };
  const marks = { exif: null, profile: null, xmp: null };
  for (const { code, start, end } of _segments(bytes)) {
    const content = bytes.subarray(start + 4, end);
    const isFrame = code >= 0xc0 && code <= 0xcf;
    if (isFrame && ![0xc4, 0xc8, 0xcc].includes(code)) {
      if (content.length < 6) throw new NotJpeg();
      const components = content[5];
      if (content[0] !== 8 || ![1, 3, 4].includes(components)) {
        throw new NotJpeg();
      }
      head.height = (content[1] << 8) | content[2];
      head.width = (content[3] << 8) | content[4];
      head.components = components;
      head.isProgressive = [0xc2, 0xc6, 0xca, 0xce].includes(code);
    }
    if (code !== _APP1) continue;
    const text = latin1(content.subarray(0, 64));
    if (text.startsWith(_EXIF)) marks.exif ??= content;
    if (text.startsWith(_XMP))
      marks.xmp ??= latin1(content.subarray(_XMP.length));
  }
  if (!head.width || !head.height) throw new NotJpeg();
  return { ...head, orientation: orientations.of(marks) };
}

let _trial = null;

/**
 * Returns what a person should know of a decoder, a line each.
 * @param {Decoder} decode that of the browser is tried once; none is tried
 *   that somebody chose.
 * @returns {Promise<string[]>}
 */
export async function remarks(decode) {
  if (decode !== browserDecoder) return [];
  _trial ??= jpegProbe.greatestDifference((bytes) =>
    grey(bytes, header(bytes), decode),
  );
  const off = await _trial;
  if (!off) return [];
  return [
    "this browser decodes a JPEG in another way than the program: grey levels" +
      ` differ, in a trial by up to ${off} of 255`,
  ];
}

/**
 * Returns the grey.
 * @param {Uint8Array} bytes
 * @param {{width: number, height: number, components: number,
 *   isProgressive: boolean}} head
 * @param {Decoder} decode
 * @returns {Promise<Uint8Array>} (y, x)
 */
export async function grey(bytes, head, decode) {
  const lastEnd = jpegScans.check(bytes);
  if (head.components === 4) {
    throw cannotFollow("a JPEG of printing inks", "save it as PNG");
  }
  if (!_hasEnd(bytes, lastEnd)) {
    throw new ShortError("image file is truncated (0 bytes not processed)");
  }
  const colours = await _colours(bytes, head, decode);
  const inMidGrey = colours
    .subarray(-head.components)
    .every((level) => level === 127 || level === 128);
  // What the last scan of a progressive JPEG lacks is not grey, but blurred.
  if (lastEnd && (inMidGrey || head.isProgressive)) {
    const filled = jpegScans.withFiller(bytes, lastEnd);
    const again = await _colours(filled, head, decode);
    if (colours.some((level, i) => level !== again[i])) {
      throw new ShortError("the JPEG's data ends before the picture does");
    }
  }
  const rest = { palette: null, alphas: null, transparent: null };
  return greyOf({ samples: colours, channels: head.components, ...rest });
}

function _hasEnd(bytes, from) {
  for (let at = from || 2; at + 1 < bytes.length; at++) {
    if (bytes[at] === 0xff && bytes[at + 1] === _END) return true;
  }
  return false;
}

/** The grey or the colours as they are decoded: (pixels, components). */
async function _colours(bytes, head, decode) {
  let decoded;
  try {
    decoded = await decode(_bare(bytes));
  } catch (error) {
    if (error instanceof MicrographError) throw error;
    throw new ShortError("broken data stream when reading image file");
  }
  const { width, height, rgba } = decoded;
  if (width !== head.width || height !== head.height) {
    throw new ShortError("broken data stream when reading image file");
  }
  const { components } = head;
  const found = new Uint8Array(width * height * components);
  for (let i = 0, to = 0; i < rgba.length; i += 4) {
    for (let c = 0; c < components; c++) found[to++] = rgba[i + c];
  }
  return found;
}

/** The JPEG without what tells how it is turned and what its colours are. */
function _bare(bytes) {
  const parts = [bytes.subarray(0, 2)];
  let end = 2;
  for (const segment of _segments(bytes)) {
    const isNeeded = ![_APP1, _APP2, _COMMENT].includes(segment.code);
    if (isNeeded) parts.push(bytes.subarray(segment.start, segment.end));
    end = segment.end;
  }
  parts.push(bytes.subarray(end));
  const bare = new Uint8Array(
    parts.reduce((sum, each) => sum + each.length, 0),
  );
  let at = 0;
  for (const part of parts) {
    bare.set(part, at);
    at += part.length;
  }
  return bare;
}

/**
 * Decodes a JPEG with what every browser has.
 * @type {Decoder}
 */
export async function browserDecoder(bytes) {
  const blob = new Blob([bytes], { type: "image/jpeg" });
  const bitmap = await createImageBitmap(blob, {
    colorSpaceConversion: "none",
    premultiplyAlpha: "none",
  });
  const { width, height } = bitmap;
  // A row more, by which it is seen whether the browser alters what is read,
  // as some do so that nobody is known by it.
  const canvas = new OffscreenCanvas(width, height + 1);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const known = context.createImageData(width, 1);
  for (let i = 0; i < known.data.length; i++) {
    known.data[i] = i % 4 === 3 ? 255 : (i * 37) & 255;
  }
  context.drawImage(bitmap, 0, 0);
  context.putImageData(known, 0, height);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height + 1);
  const end = width * height * 4;
  if (known.data.some((level, i) => data[end + i] !== level)) {
    throw cannotFollow(
      "a JPEG in this browser, which alters the pixels of a canvas",
      "save it as PNG",
    );
  }
  return { width, height, rgba: data.subarray(0, end) };
}
