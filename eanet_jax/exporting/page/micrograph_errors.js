/**
 * Why an image file cannot be used, in one line without its path.
 */

/** A file that cannot be used; its message is for people. */
export class MicrographError extends Error {}

/** It takes more memory than there is, or than is allowed. */
export class TooLargeError extends MicrographError {}

/** The file ends before the picture does. */
export class ShortError extends Error {}

/** Bytes that make no sense. */
export class DecodeError extends Error {}

/**
 * Returns the error of a sound file which this page would have to guess at.
 * @param {string} what the kind of file.
 * @param {string} [advice] what else helps.
 * @returns {MicrographError}
 */
export function cannotFollow(what, advice = "save it as an uncompressed TIFF") {
  return new MicrographError(
    `this page cannot read ${what} as the program does: ${advice}, or use` +
      " eanet predict",
  );
}

/**
 * Returns one error for people about whatever was met while decoding.
 * @param {unknown} error
 * @returns {MicrographError}
 */
export function forPeople(error) {
  if (error instanceof MicrographError) return error;
  const line = String(error?.message ?? error)
    .split("\n")[0]
    .slice(0, 120);
  const text = line || "Error";
  // As engines say that an array takes more memory than there is.
  if (error instanceof RangeError && /alloc|length|size|memory/i.test(text)) {
    return new TooLargeError(`too large: ${text}`);
  }
  if (text.includes("arithmetic")) {
    return new MicrographError(
      "a rare kind of JPEG, of arithmetic codes: save it as PNG",
    );
  }
  const short =
    error instanceof ShortError ||
    /truncat|buffer|EOF|failed to read|data stream/.test(text);
  return new MicrographError(`${short ? "truncated" : "damaged"}: ${text}`);
}
