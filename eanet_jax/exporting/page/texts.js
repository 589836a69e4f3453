/**
 * Text of untrusted bytes, and its parts as Python has them.
 */

const _SPACE = /[\s\x1c-\x1f\x85]/;

/**
 * Returns bytes as the characters of their numbers.
 * @param {Uint8Array} bytes
 * @returns {string}
 */
export function latin1(bytes) {
  // What the Encoding Standard calls so is Windows-1252.
  const parts = [];
  for (let at = 0; at < bytes.length; at += 4096) {
    parts.push(String.fromCharCode(...bytes.subarray(at, at + 4096)));
  }
  return parts.join("");
}

/**
 * Returns text without the space around it.
 * @param {string} text
 * @returns {string}
 */
export function strip(text) {
  // No pattern: one for the end takes the square of the time.
  let [start, end] = [0, text.length];
  while (start < end && _SPACE.test(text[start])) start += 1;
  while (end > start && _SPACE.test(text[end - 1])) end -= 1;
  return text.slice(start, end);
}

/**
 * Returns the words of a text.
 * @param {string} text
 * @returns {string[]}
 */
export function words(text) {
  return text.split(/[\s\x1c-\x1f\x85]+/).filter((word) => word);
}

/**
 * Returns the lines of a text.
 * @param {string} text
 * @returns {string[]}
 */
export function lines(text) {
  return text.split(/\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/);
}

/**
 * Returns text of any usual encoding; ASCII in it is right in all of them.
 * @param {Uint8Array} bytes
 * @param {number} most characters that are kept.
 * @returns {string}
 */
export function decoded(bytes, most) {
  const content = bytes.subarray(0, 2 * most);
  const decode = (encoding, rules) =>
    new TextDecoder(encoding, rules).decode(content).slice(0, most);
  if (content[0] === 0xff && content[1] === 0xfe) return decode("utf-16le");
  if (content[0] === 0xfe && content[1] === 0xff) return decode("utf-16be");
  const start = content.subarray(0, 1024);
  if (start.length > 16) {
    // ASCII as UTF-16 has a zero in every other byte.
    const zeros = [0, 0];
    start.forEach((byte, i) => (zeros[i % 2] += byte === 0 ? 1 : 0));
    const isWide = (those, others) =>
      those > 0.4 * start.length && others < 0.1 * start.length;
    const asIs = { ignoreBOM: true };
    if (isWide(zeros[0], zeros[1])) return decode("utf-16be", asIs);
    if (isWide(zeros[1], zeros[0])) return decode("utf-16le", asIs);
  }
  try {
    return decode("utf-8", { fatal: true });
  } catch {
    return latin1(content).slice(0, most);
  }
}
