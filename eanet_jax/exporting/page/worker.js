// Reads files and answers for them, beside the page: see page.js.

import { answerFor } from "./answer.js";
import { Network, unpackWeights } from "./network.js";

let network;
let model;

/** Evidence of all tiles of a micrograph, each in its place: one grid. */
function evidenceOf(tiles, corners) {
  const [first] = tiles;
  const { rows, columns, maps } = first.evidence;
  const lefts = [...new Set(tiles.map((_, i) => corners[2 * i + 1]))];
  const across = tiles.length > 1 ? lefts.length : 1;
  const down = tiles.length / across;
  const width = across * columns;
  const grid = maps.map(() => new Float32Array(down * rows * width));
  tiles.forEach(({ evidence }, t) => {
    const [top, left] = [Math.floor(t / across) * rows, (t % across) * columns];
    evidence.maps.forEach((map, l) => {
      for (let y = 0; y < rows; y++) {
        for (let x = 0; x < columns; x++) {
          grid[l][(top + y) * width + left + x] = map[y * columns + x];
        }
      }
    });
  });
  return { rows: down * rows, columns: width, maps: grid };
}

self.onmessage = async ({ data }) => {
  const { id } = data;
  try {
    if (data.kernels) {
      model = data.model;
      const weights = unpackWeights(data.weights, data.network.weights);
      network = await Network.create(data.kernels, data.network, weights);
      self.postMessage({ id });
    } else if (data.image) {
      const { probabilities, novelty } = network.look(data.image);
      self.postMessage({ id, probabilities, novelty });
    } else {
      const goesOn = () => self.postMessage({ id, goesOn: true });
      const found = await answerFor(network, model, data, goesOn);
      const { row, micrograph, tiles, corners } = found;
      self.postMessage({
        id, row, micrograph,
        evidence: tiles && evidenceOf(tiles, corners),
        corners,
      });
    }
  } catch (error) {
    self.postMessage({ id, failed: String(error?.message ?? error) });
  }
};
