// What an answer is worth, in a word and in a sentence: inference/confidence.py.
//
// `after` is the part of that name of the description that goes with every
// export: which novelty is foreign, fields of view, and sets of classes.

const SHOWN = 4; // classes in a sentence

/** A number with three significant digits, as Python's "{:.3g}" has it. */
export function significant(number, digits = 3) {
  const [mantissa, exponent] = number.toExponential(digits - 1).split("e");
  const power = Number(exponent);
  if (power < -4 || power >= digits) {
    const sign = power < 0 ? "-" : "+";
    const trimmed = mantissa.includes(".")
      ? mantissa.replace(/\.?0+$/, "") : mantissa;
    return `${trimmed}e${sign}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  return String(Number(number.toPrecision(digits)));
}

/** Whose probability is at least what is promised of true ones. */
function inside(probabilities, after) {
  const least =
    after.sets.least_probability_by_percent[after.sets.usual_percent];
  return Array.from(probabilities, (p, i) => p >= least[i]);
}

/** @returns {number} the most probable class; the first of equal ones */
export const best = (probabilities) =>
  probabilities.reduce((at, p, i) => (p > probabilities[at] ? i : at), 0);

/**
 * The classes that may be true, the most probable first.
 * @returns {number[]} none where nothing can be promised
 */
export function setOf(probabilities, after) {
  if (!after.sets) return [];
  const within = inside(probabilities, after);
  within[best(probabilities)] = true;
  return Array.from(probabilities.keys())
    .sort((a, b) => probabilities[b] - probabilities[a])
    .filter((i) => within[i]);
}

/**
 * The verdict on a micrograph, and the reason for it.
 * @param {Float64Array} probabilities (l)
 * @param {?number} novelty
 * @param {?number} fieldUm how wide what the network sees at once is
 * @param {object} after
 * @param {string[]} names of the classes
 * @returns {[string, string]} two empty ones where nothing is known
 */
export function verdict(probabilities, novelty, fieldUm, after, names) {
  const other = otherMagnification(fieldUm, after.other_magnification);
  if (other) return ["other magnification", other];
  const limit = after.foreign.novelty_above;
  if (novelty !== null && novelty > limit) {
    return ["foreign", `novelty ${novelty.toFixed(2)}: 95 % of images like`
      + " those trained on are below 1"];
  }
  if (!after.sets) return novelty === null ? ["", ""] : ["known", ""];
  const within = setOf(probabilities, after);
  if (within.length > 1) {
    const named = within.map((i) => `${names[i]} ${probabilities[i].toFixed(2)}`);
    const more = named.length - SHOWN;
    return ["unsure", `may be ${named.slice(0, SHOWN).join(", ")}`
      + (more > 0 ? ` and ${more} more` : "")];
  }
  const [first] = within;
  const percent = after.sets.usual_percent;
  const usual = inside(probabilities, after)[first];
  if (usual || 100 * probabilities[first] >= percent) return ["known", ""];
  return ["unsure", `${names[first]} has ${probabilities[first].toFixed(2)},`
    + ` less than ${percent} % of left-out micrographs had for their true`
    + " class"];
}

function otherMagnification(fieldUm, trained) {
  if (fieldUm === null || !trained.field_um) return "";
  const [low, high] = trained.field_um;
  if (low / trained.factor < fieldUm && fieldUm < high * trained.factor) {
    return "";
  }
  const was = low === high
    ? significant(low) : `${significant(low)} to ${significant(high)}`;
  return `what is looked at is ${significant(fieldUm)} um wide, and was ${was}`
    + " um in training";
}
