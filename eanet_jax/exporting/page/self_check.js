// Whether this browser answers as the program does.

const TOLERANCE = 1e-4;

/** Test images as large as the network has them: each pixel many times. */
function enlarged(small, width, height, side) {
  const made = new Uint8Array(side * side);
  for (let y = 0; y < side; y++) {
    const row = Math.floor((y * height) / side) * width;
    for (let x = 0; x < side; x++) {
      made[y * side + x] = small[row + Math.floor((x * width) / side)];
    }
  }
  return made;
}

/**
 * Answers for the test images.
 * @param {import("./workers.js").Workers} workers
 * @param {object[]} tests {width, height, expected} of each
 * @param {Uint8Array} pixels of all, one after the other
 * @param {number} side of what the network looks at, px
 * @param {(text: string) => void} say what is told of it meanwhile
 * @returns {Promise<number>} the greatest difference from the program's answers
 */
export async function check(workers, tests, pixels, side, say) {
  let [at, done, greatest] = [0, 0, 0];
  await Promise.all(tests.map(async ({ width, height, expected }) => {
    const small = pixels.subarray(at, (at += width * height));
    const image = enlarged(small, width, height, side);
    const found = await workers.ask({ image });
    const off = expected.probabilities.map((each, i) =>
      Math.abs(each - found.probabilities[i]));
    if (expected.novelty !== null) {
      // Novelty is a distance: what is far off may be off by more.
      const scale = Math.max(1, expected.novelty);
      off.push(Math.abs(expected.novelty - found.novelty) / scale);
    }
    greatest = off.reduce((a, b) => (a >= b ? a : b), greatest);
    done += 1;
    say(`checking itself: ${done} of ${tests.length}`);
  }));
  if (!(greatest <= TOLERANCE)) {
    throw new Error(
      `its answers differ from the program's by ${greatest.toExponential(1)} on`
      + " this browser; use eanet predict",
    );
  }
  return greatest;
}

