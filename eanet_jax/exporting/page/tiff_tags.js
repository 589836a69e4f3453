/**
 * The tags of a TIFF that are read, by their numbers.
 */

/** Numbers of tags. */
export const TAG = {
  SUBFILE: 254,
  WIDTH: 256,
  HEIGHT: 257,
  BITS: 258,
  COMPRESSION: 259,
  PHOTOMETRIC: 262,
  FILL_ORDER: 266,
  DESCRIPTION: 270,
  STRIPS: 273,
  ORIENTATION: 274,
  SAMPLES: 277,
  ROWS_PER_STRIP: 278,
  STRIP_BYTES: 279,
  MAX_SAMPLE: 281,
  PLANES: 284,
  T4_OPTIONS: 292,
  T6_OPTIONS: 293,
  PREDICTOR: 317,
  COLOURS: 320,
  TILE_WIDTH: 322,
  TILE_HEIGHT: 323,
  TILES: 324,
  TILE_BYTES: 325,
  SUB_PAGES: 330,
  INKS: 332,
  EXTRA_SAMPLES: 338,
  SAMPLE_FORMAT: 339,
  JPEG_TABLES: 347,
  LUMA: 529,
  SUBSAMPLING: 530,
  BLACK_WHITE: 532,
};
// A value of these that cannot be read counts as absent.
const _NOT_OF_PIXELS = [
  ...[TAG.SUBFILE, TAG.DESCRIPTION, TAG.MAX_SAMPLE, TAG.SUB_PAGES],
];
/** Tags that decide about pixels. */
export const OF_PIXELS = new Set(
  Object.values(TAG).filter((tag) => !_NOT_OF_PIXELS.includes(tag)),
);
