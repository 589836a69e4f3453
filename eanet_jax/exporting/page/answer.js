// From a file's bytes to its row: what inference/classify.py does of a file.

import { best, setOf, verdict } from "./confidence.js";
import { MicrographError, readMicrograph } from "./micrograph.js";
import { fieldUm, views } from "./views.js";

const DIGITS = 4;

const rounded = (number) =>
  number === null ? null : Number(number.toFixed(DIGITS));

/**
 * The answer for one file, and what it is the answer for.
 * @param {import("./network.js").Network} network
 * @param {object} model the description of the export
 * @param {{bytes: Uint8Array, name: string, told: object, beside: object}} file
 *   its bytes and name, what is said of it, and the texts beside it; see
 *   micrograph.js
 * @param {() => void} goesOn called after each view
 * @returns {Promise<object>} {row, micrograph, tiles}; of a file that cannot be
 *   used only a row, with its error
 */
export async function answerFor(network, model, file, goesOn) {
  const before = model.before;
  const wanted = {
    ...file.told,
    keepOverlays: before.overlays === "keep",
    resampleUmPerPx: before.um_per_px,
  };
  const { name, beside } = file;
  let micrograph;
  let cut;
  try {
    micrograph = await readMicrograph(file.bytes, name, wanted, { beside });
    const { image, width, height } = micrograph;
    const side = before.image_px;
    cut = views(image, width, height, before.view, side, before.tile_px);
  } catch (error) {
    if (!(error instanceof MicrographError)) throw error;
    return { row: { file: name, error: error.message } };
  }
  const size = before.image_px ** 2;
  const tiles = [];
  for (let at = 0; at < cut.views.length; at += size) {
    tiles.push(network.look(cut.views.subarray(at, at + size), true));
    goesOn();
  }
  const mean = (of) => tiles.reduce((sum, each) => sum + of(each), 0) / tiles.length;
  const probabilities = tiles[0].probabilities.map((_, i) =>
    mean((each) => each.probabilities[i]));
  const novelty = tiles[0].novelty === null
    ? null : mean((each) => each.novelty);
  const field = fieldUm(
    micrograph.umPerPx, micrograph.image.length, before.view, before.tile_px,
  );
  const names = model.class_names;
  const [word, reason] =
    verdict(probabilities, novelty, field, model.after, names);
  const row = {
    file: name,
    label: names[best(probabilities)],
    probability: rounded(Math.max(...probabilities)),
    probabilities: Array.from(probabilities, rounded),
    set: setOf(probabilities, model.after).map((i) => names[i]),
    novelty: rounded(novelty),
    verdict: word,
    reason,
    um_per_px: micrograph.umPerPx,
    um_from: micrograph.umFrom,
    crop_rows: micrograph.cropRows,
    bar_from: micrograph.barFrom,
    remarks: micrograph.remarks,
    error: "",
  };
  return { row, micrograph, tiles, corners: cut.corners };
}
