// A micrograph with what speaks for its class drawn over it.

const FOR = [0, 114, 178]; // blue
const AGAINST = [230, 159, 0]; // orange
const OPAQUE = 255;

/** Draws grey levels (height * width) on a canvas of that size. */
export function drawGrey(canvas, image, width, height) {
  canvas.width = width;
  canvas.height = height;
  const pixels = new ImageData(width, height);
  image.forEach((grey, i) => {
    pixels.data.fill(grey, 4 * i, 4 * i + 3);
    pixels.data[4 * i + 3] = OPAQUE;
  });
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

/**
 * A small copy of a picture.
 * @param {number} side of the square that it fits into, px
 */
export function thumbnail(image, width, height, side) {
  const whole = document.createElement("canvas");
  drawGrey(whole, image, width, height);
  const zoom = Math.min(1, side / Math.max(width, height));
  const small = document.createElement("canvas");
  small.width = Math.max(1, Math.round(width * zoom));
  small.height = Math.max(1, Math.round(height * zoom));
  small.getContext("2d").drawImage(whole, 0, 0, small.width, small.height);
  return small;
}

/**
 * Draws what speaks for one class against another over the picture.
 * @param {HTMLCanvasElement} canvas laid over the picture, as large
 * @param {{rows: number, columns: number, maps: Float32Array[]}} evidence
 * @param {number} first class
 * @param {number} second class
 * @param {number[]} box x, y, width and height of what was looked at
 */
export function drawEvidence(canvas, evidence, first, second, box) {
  const { rows, columns, maps } = evidence;
  const margin = maps[first].map((each, i) => each - maps[second][i]);
  const most = margin.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-12);
  const grid = document.createElement("canvas");
  [grid.width, grid.height] = [columns, rows];
  const pixels = new ImageData(columns, rows);
  margin.forEach((each, i) => {
    pixels.data.set(each > 0 ? FOR : AGAINST, 4 * i);
    pixels.data[4 * i + 3] = OPAQUE * Math.sqrt(Math.abs(each) / most);
  });
  grid.getContext("2d").putImageData(pixels, 0, 0);
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.drawImage(grid, ...box);
}
