/**
 * Whether a JPEG has the data that its header promises.
 *
 * Takes the bytes of a JPEG. The decoder itself fills what is missing with
 * grey and says nothing.
 */

import {
  cannotFollow,
  DecodeError,
  MicrographError,
  ShortError,
} from "./micrograph_errors.js";

const _FRAMES = [0xc0, 0xc1, 0xc2]; // baseline, extended, progressive
const _ARITHMETIC_FRAMES = [0xc9, 0xca];
// Of usual ones 10; each takes as long as the first, whatever it holds.
const _MAX_SCANS = 100;
const [_TABLES, _RESTARTS, _SCAN, _END] = [0xc4, 0xdd, 0xda, 0xd9];

/**
 * Returns where the last scan ends, 0 if the JPEG makes no sense.
 *
 * Each block of a scan takes as many bits as the shortest code, at least. What
 * makes no sense is left to the decoder, which says so.
 * @param {Uint8Array} data
 * @returns {number}
 * @throws {ShortError} the scans are too few or too short for the picture.
 * @throws {DecodeError} the codes are arithmetic, whose length tells nothing.
 */
export function check(data) {
  try {
    return _check(data);
  } catch (error) {
    const isTold = [ShortError, DecodeError, MicrographError].some(
      (kind) => error instanceof kind,
    );
    if (isTold) throw error;
    return 0;
  }
}

function _byte(data, at) {
  if (!(at < data.length)) throw new Error("no sense");
  return data[at];
}

function _check(data) {
  let frame = null;
  const shortest = new Map(); // table: bits of its shortest code
  let [restartUnits, lastEnd, scans, at] = [0, 0, 0, 2];
  while (at < data.length) {
    if (data[at] !== 0xff) throw new Error("no sense");
    const code = _byte(data, at + 1);
    at += 1;
    if (code === 0xff) continue; // fill
    at += 1;
    if (code === _END) break;
    if (code === 0x01 || (code >= 0xd0 && code <= 0xd8)) continue; // alone
    const length = ((data[at] ?? 0) << 8) | (data[at + 1] ?? 0);
    const segment = data.subarray(at + 2, Math.max(at + length, at + 2));
    at += length;
    if (_ARITHMETIC_FRAMES.includes(code)) {
      throw new DecodeError("arithmetic codes in a JPEG");
    }
    if (_FRAMES.includes(code)) frame = _frame(segment, code === 0xc2);
    else if (code === _TABLES) _addShortestCodes(segment, shortest);
    else if (code === _RESTARTS) {
      restartUnits = ((segment[0] ?? 0) << 8) | (segment[1] ?? 0);
    } else if (code === _SCAN && frame !== null) {
      scans += 1;
      if (scans > _MAX_SCANS) throw cannotFollow("a JPEG of so many scans");
      const { end, restarts } = _scanEnd(data, at);
      const { bits, units } = _leastBits(frame, segment, shortest);
      const needed = restartUnits ? Math.floor((units - 1) / restartUnits) : 0;
      if (bits > 8 * (end - at) || needed > restarts) {
        throw new ShortError(
          `the JPEG's data is too short for ${frame.width} x ${frame.height}` +
            " pixels",
        );
      }
      at = lastEnd = end;
    }
  }
  if (frame !== null) {
    for (const bits of frame.missingBits.values()) {
      if (bits.some((each) => each !== 0)) {
        throw new ShortError("the JPEG's last scans are missing");
      }
    }
  }
  return lastEnd;
}

/** Where the data of a scan ends, and how many restarts are in it. */
function _scanEnd(data, start) {
  let restarts = 0;
  for (let at = start; at + 1 < data.length; at++) {
    if (data[at] !== 0xff) continue;
    const code = data[at + 1];
    if (code >= 0xd0 && code <= 0xd7) restarts += 1;
    else if (code !== 0 && code !== 0xff) return { end: at, restarts };
  }
  return { end: data.length, restarts };
}

function _frame(segment, progressive) {
  const sampling = new Map();
  for (let i = 0; i < _byte(segment, 5); i++) {
    _byte(segment, 8 + 3 * i);
    const factors = segment[7 + 3 * i];
    sampling.set(segment[6 + 3 * i], [factors >> 4, factors & 15]);
  }
  return {
    height: (segment[1] << 8) | segment[2],
    width: (segment[3] << 8) | segment[4],
    sampling, // component: [across, down]
    progressive,
    // Bits of each coefficient that are still to come; null: all of them.
    missingBits: new Map(
      [...sampling.keys()].map((each) => [each, new Array(64).fill(null)]),
    ),
  };
}

function _addShortestCodes(segment, shortest) {
  for (let at = 0; at < segment.length;) {
    const counts = segment.subarray(at + 1, at + 17);
    const first = counts.findIndex((count) => count > 0);
    shortest.set(segment[at], first < 0 ? 1 : first + 1);
    at += 17 + counts.reduce((a, b) => a + b, 0);
  }
}

/** How many blocks of each component a scan has, and its units. */
function _blocks(frame, components) {
  const factors = [...frame.sampling.values()];
  const mostAcross = Math.max(...factors.map(([across]) => across));
  const mostDown = Math.max(...factors.map(([, down]) => down));
  const side = (size, factor, most) => {
    if (!most) throw new Error("no sense");
    return Math.ceil((size * factor) / (8 * most));
  };
  const of = components.map((each) => {
    if (!frame.sampling.has(each)) throw new Error("no sense");
    return frame.sampling.get(each);
  });
  if (of.length !== 1) {
    const units =
      side(frame.width, 1, mostAcross) * side(frame.height, 1, mostDown);
    return { blocks: of.map(([a, d]) => units * a * d), units };
  }
  const [[across, down]] = of;
  const units =
    side(frame.width, across, mostAcross) * side(frame.height, down, mostDown);
  return { blocks: [units], units };
}

/**
 * The bits that a scan needs at least, and its number of units. Notes in the
 * frame what the scan codes.
 */
function _leastBits(frame, segment, shortest) {
  const count = _byte(segment, 0);
  const order = Array.from({ length: count }, (_, i) => i);
  const components = order.map((i) => _byte(segment, 1 + 2 * i));
  const tables = order.map((i) => _byte(segment, 2 + 2 * i));
  let [first, last, approximation] = [1, 2, 3].map((i) =>
    _byte(segment, 2 * count + i),
  );
  if (!frame.progressive) [first, last, approximation] = [0, 63, 0];
  for (const component of components) {
    const kept = frame.missingBits.get(component);
    if (!kept) throw new Error("no sense");
    for (let i = first; i <= last && i < 64; i++) kept[i] = approximation & 15;
  }
  const { blocks, units } = _blocks(frame, components);
  const codeBits = (table) => {
    if (!shortest.has(table)) throw new Error("no sense");
    return shortest.get(table);
  };
  let bits = 0;
  tables.forEach((table, i) => {
    if (first === 0) {
      // a refinement has a bit for each block
      bits += blocks[i] * (approximation >> 4 ? 1 : codeBits(table >> 4));
    }
    if (!frame.progressive) bits += blocks[i] * codeBits(0x10 | (table & 15));
  });
  return { bits, units };
}

/**
 * Returns the JPEG with data behind its last scan that is not its own.
 *
 * A decoder that has all it needs does not look at it, so that the picture is
 * the same. Where it is another one, data was missing.
 * @param {Uint8Array} data
 * @param {number} lastEnd
 * @returns {Uint8Array}
 */
export function withFiller(data, lastEnd) {
  const filled = new Uint8Array(lastEnd + 16 * 254 + 2);
  filled.set(data.subarray(0, lastEnd));
  // No block of it decodes to even grey.
  for (let i = 0; i < 16 * 254; i++) filled[lastEnd + i] = 1 + (i % 254);
  filled.set([0xff, _END], lastEnd + 16 * 254);
  return filled;
}
