/**
 * The samples of a page of a TIFF, some rows at a time.
 *
 * Takes the bytes of a file and its page, whose strips and tiles are decoded
 * one by one. Planes are put together.
 */

import { numbers } from "./grey_samples.js";
import { MicrographError, ShortError } from "./micrograph_errors.js";
import { TAG } from "./tiff_tags.js";
import * as tiffSamples from "./tiff_samples.js";
import * as tiffSegments from "./tiff_segments.js";

const _MAX_TILE_PX = 2 ** 24;

/**
 * Yields samples from top to bottom.
 * @param {Uint8Array} bytes
 * @param {import("./tiff_directories.js").Page} page whose size is not absurd.
 * @param {number[]} channels which of the samples of a pixel.
 * @param {number} bandPx pixels of a band, at most, where more than a row.
 * @yields {{y: number, samples: import("./grey_samples.js").Numbers,
 *   dtype: import("./grey_samples.js").Dtype}} samples (rows, columns,
 *   channels).
 */
export function* bands(bytes, page, channels, bandPx) {
  const height = page.number(TAG.HEIGHT);
  const width = page.number(TAG.WIDTH);
  const stored = tiffSamples.of(page);
  tiffSamples.checkDecoder(stored);
  const bandRows = Math.max(1, Math.floor(bandPx / width));
  const layout = _layout(page, stored, bandRows);
  const isTiled = page.tags.has(TAG.TILES);
  const groups = Math.ceil(height / layout.rows);
  const inPlane = groups * layout.across;
  const planes = stored.apart ? stored.count : 1;
  if (Math.min(layout.offsets.length, layout.sizes.length) < inPlane * planes) {
    throw new ShortError("strips or tiles of the TIFF are missing");
  }
  const dtype = tiffSegments.dtypeOf(stored);
  const decode = tiffSegments.decoder(page, stored, layout.columns);
  const count = stored.apart ? 1 : stored.count;
  const step = Math.max(1, Math.floor(bandRows / layout.rows));
  for (let first = 0; first < groups; first += step) {
    const top = first * layout.rows;
    const bottom = Math.min(top + step * layout.rows, height);
    const band = numbers(dtype, (bottom - top) * width * channels.length);
    const last = Math.min(first + step, groups);
    for (let group = first; group < last; group++) {
      const y = group * layout.rows;
      const rows = isTiled ? layout.rows : Math.min(bottom - y, layout.rows);
      for (const plane of stored.apart ? channels : [0]) {
        for (let column = 0; column < layout.across; column++) {
          const index = plane * inPlane + group * layout.across + column;
          const part = decode(rows, _segment(bytes, layout, index));
          const from = stored.apart ? [0] : channels;
          const to = stored.apart ? [channels.indexOf(plane)] : null;
          const x = column * layout.columns;
          const place = { y: y - top, x, rows: bottom - top, columns: width };
          const size = { rows, columns: layout.columns, count };
          _put(part, size, from, band, place, channels.length, to);
        }
      }
    }
    for (let y = 0; y < bottom - top; y += bandRows) {
      const end = Math.min(y + bandRows, bottom - top);
      const row = width * channels.length;
      yield { y: top + y, samples: band.subarray(y * row, end * row), dtype };
    }
  }
}

/** Copies what a segment has of some channels to where it belongs. */
function _put(part, size, from, band, place, channels, to) {
  const rows = Math.min(size.rows, place.rows - place.y);
  const columns = Math.min(size.columns, place.columns - place.x);
  const isWhole = from.length === size.count && channels === size.count;
  for (let row = 0; row < rows; row++) {
    const start = row * size.columns * size.count;
    const target = ((place.y + row) * place.columns + place.x) * channels;
    if (isWhole) {
      band.set(part.subarray(start, start + columns * channels), target);
      continue;
    }
    for (let i = 0; i < from.length; i++) {
      let at = target + (to === null ? i : to[i]);
      let source = start + from[i];
      for (let column = 0; column < columns; column++) {
        band[at] = part[source];
        at += channels;
        source += size.count;
      }
    }
  }
}

/** Where the segments of each plane are: strips, or tiles row by row. */
function _layout(page, stored, bandRows) {
  const height = page.number(TAG.HEIGHT);
  const width = page.number(TAG.WIDTH);
  if (page.tags.has(TAG.TILES)) {
    const columns = page.number(TAG.TILE_WIDTH);
    const rows = page.number(TAG.TILE_HEIGHT);
    const most = Math.max(_MAX_TILE_PX, 4 * height * width);
    if (!(columns * rows > 0 && columns * rows <= most)) {
      throw new MicrographError(
        `damaged: tiles of ${columns} x ${rows} pixels`,
      );
    }
    const offsets = page.numbers(TAG.TILES);
    const sizes = page.numbers(TAG.TILE_BYTES);
    const across = Math.ceil(width / columns);
    return { rows, columns, across, offsets, sizes };
  }
  const stated = page.number(TAG.ROWS_PER_STRIP, height) || height;
  const rows = Math.min(stated, height);
  const offsets = page.numbers(TAG.STRIPS);
  if (stored.compression !== tiffSamples.NONE) {
    const sizes = page.numbers(TAG.STRIP_BYTES);
    return { rows, columns: width, across: 1, offsets, sizes };
  }
  const bits = stored.bits * (stored.apart ? 1 : stored.count);
  const strip = { rows, rowBytes: Math.floor((width * bits + 7) / 8), height };
  const planes = stored.apart ? stored.count : 1;
  return {
    ...{ columns: width, across: 1 },
    ..._cut(offsets, strip, planes, bandRows),
  };
}

/**
 * The rows of strips that are not compressed are of one size, so that they can
 * be cut anywhere. Decoders do not look at the sizes that a file states.
 */
function _cut(offsets, { rows, rowBytes, height }, planes, bandRows) {
  let partRows = Math.min(rows, bandRows);
  while (rows % partRows) partRows -= 1; // each strip is cut into equal parts
  const strips = Math.ceil(height / rows);
  const found = { rows: partRows, offsets: [], sizes: [] };
  const used = Math.min(offsets.length, strips * planes);
  for (let i = 0; i < used; i++) {
    const start = (i % strips) * rows;
    for (let y = 0; y < Math.min(rows, height - start); y += partRows) {
      found.offsets.push(offsets[i] + y * rowBytes);
      found.sizes.push(Math.min(partRows, height - start - y) * rowBytes);
    }
  }
  return found;
}

function _segment(bytes, { offsets, sizes }, index) {
  const [offset, size] = [offsets[index], sizes[index]];
  if (!(size > 0 && size <= bytes.length - offset)) {
    throw new ShortError("strips or tiles of the TIFF are cut short");
  }
  return bytes.subarray(offset, offset + size);
}
