/**
 * Reads files as the page does, for tests: node read_files.mjs PAGE OUT < JSON.
 *
 * Takes a list of {path, told, beside, pixels, view}. Writes what was found of
 * each to standard output as a list, and the pixels of all to OUT, one after
 * the other: the image, and the views where a view is asked for.
 */

import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [page, out] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(path.join(page, name)).href);
const { MicrographError, readMicrograph } = await load("micrograph.js");
const { fieldUm, views } = await load("views.js");

const file = fs.openSync(out, "w");
const found = [];
for (const each of JSON.parse(fs.readFileSync(0, "utf8"))) {
  const beside = {};
  for (const other of each.beside ?? []) {
    beside[path.basename(other)] = new Uint8Array(fs.readFileSync(other));
  }
  // Node has no decoder of JPEG: what another one made of it lies in a file.
  const decodeJpeg = async () => {
    const { width, height, rgba } = each.pixels;
    return { width, height, rgba: new Uint8Array(fs.readFileSync(rgba)) };
  };
  const bytes = new Uint8Array(fs.readFileSync(each.path));
  const name = path.basename(each.path);
  try {
    const micrograph = await readMicrograph(bytes, name, each.told, {
      beside,
      decodeJpeg,
    });
    const { image, width, height, umPerPx } = micrograph;
    const answer = { ...micrograph, bytes: image.length };
    delete answer.image;
    const pixels = [image];
    if (each.view) {
      const { kind, side, tilePx } = each.view;
      const seen = views(image, width, height, kind, side, tilePx);
      pixels.push(seen.views);
      answer.viewBytes = seen.views.length;
      answer.corners = [...seen.corners];
      answer.fieldUm = fieldUm(umPerPx, width * height, kind, tilePx);
    }
    for (const part of pixels) fs.writeSync(file, part);
    found.push(answer);
  } catch (error) {
    if (!(error instanceof MicrographError)) throw error;
    found.push({ error: error.message });
  }
}
fs.closeSync(file);
console.log(JSON.stringify(found));
