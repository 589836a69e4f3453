/**
 * The parts of a file's name, as Python's pathlib has them.
 */

/**
 * Returns the ending of a name with its point, "" where it has none.
 * @param {string} name
 * @returns {string}
 */
export function suffixOf(name) {
  const at = name.lastIndexOf(".");
  return at > 0 && at < name.length - 1 ? name.slice(at) : "";
}

/**
 * Returns a name without its ending.
 * @param {string} name
 * @returns {string}
 */
export function stemOf(name) {
  return name.slice(0, name.length - suffixOf(name).length);
}
