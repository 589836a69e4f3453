// One file: its picture, what speaks for its class, what was cut off.

import { drawEvidence, drawGrey } from "./picture.js";

const part = (id) => document.getElementById(id);

/** What was cut off, and how wide a pixel is. */
function facts({ crop_rows: cut, bar_from: from, um_per_px: um, um_from: by }) {
  const bar = cut
    ? `${cut} rows of a data bar cut off, found by: ${from}` : "no data bar";
  const scale = um === null
    ? "nothing says how wide a pixel is"
    : `${Number(um.toPrecision(4))} um per pixel, by: ${by}`;
  return `${bar}; ${scale}.`;
}

/**
 * Shows one file with its evidence.
 * @param {object} model the description of the export
 * @param {object} answer what worker.js answers for a file
 */
export function showOne(model, { row, micrograph, evidence, corners }) {
  const names = model.class_names;
  const order = [...names.keys()].sort(
    (a, b) => row.probabilities[b] - row.probabilities[a]);
  part("one").hidden = false;
  part("one-title").textContent = row.file;
  part("one-answer").textContent =
    `${row.label}, ${row.probability.toFixed(4)}`
    + (row.verdict ? `: ${row.verdict}` : "")
    + (row.reason ? ` (${row.reason})` : "");
  part("one-facts").textContent = facts(row);
  const { image, width, height } = micrograph;
  drawGrey(part("grey"), image, width, height);
  [part("over").width, part("over").height] = [width, height];
  const against = part("against");
  against.replaceChildren(...order.slice(1).map((l) => {
    return new Option(names[l], String(l));
  }));
  const tile = model.before.tile_px;
  const lefts = corners.filter((_, at) => at % 2);
  const tops = corners.filter((_, at) => at % 2 === 0);
  const box = tile === null ? [0, 0, width, height] : [
    Math.min(...lefts), Math.min(...tops),
    Math.max(...lefts) - Math.min(...lefts) + tile,
    Math.max(...tops) - Math.min(...tops) + tile,
  ];
  const draw = () => drawEvidence(
    part("over"), evidence, order[0], Number(against.value), box);
  against.onchange = draw;
  part("for").textContent = names[order[0]];
  draw();
}
