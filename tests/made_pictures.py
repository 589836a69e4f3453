"""Image files of every kind that the reader knows, for a second reader of them.

Each function yields (name, bytes, told, beside): what is told of the file, and
the texts that lie beside it, by their names.
"""

import io
import itertools
import random
import struct
import zlib

import made_tiff
import numpy as np
import tifffile
from drawn_tiff import drawn, palette
from made_damage import adam7
from made_files import HEIGHT, WIDTH, fei, jpeg, panel, specimen, with_bar
from PIL import Image, ImageDraw

from eanet_jax.data import micrographs

Told = micrographs.Told
NO_BAR = Told(bar_rows=0)
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


def _saved(kind, image, **keywords):
  file = io.BytesIO()
  picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
  picture.save(file, kind, **keywords)
  return file.getvalue()


def _tiff(image, tags=(), **keywords):
  file = io.BytesIO()
  extratags = [(code, "s", 0, text, True) for code, text in tags]
  tifffile.imwrite(file, image, extratags=extratags, **keywords)
  return file.getvalue()


def tiffs():
  """Of any numbers, colours, planes, strips, tiles, codes and orders."""
  kinds = ("u8", "u16", "u32", "i8", "i16", "i32", "f16", "f24", "f32", "f64")
  kinds += ("u1", "u4", "u10", "u12", "u14")
  colours = ("grey", "grey+alpha", "RGB", "RGBA", "palette of 8")
  layouts = ({}, {"rows": 7}, {"tile": (16, 32)})
  # Each comes with each in the end.
  ways = itertools.cycle(
    itertools.product(layouts, "<>", (1, 2), (False, True), (1, 2, 3))
  )
  codes = itertools.cycle(made_tiff.COMPRESSIONS)
  for kind, colour in itertools.product(kinds, colours):
    if colour.startswith("palette") and kind not in ("u1", "u4", "u8"):
      continue
    bits = int(kind[1:])
    packed = None if bits in (8, 16, 32, 64) and kind != "f24" else bits
    for _ in range(4):
      layout, order, fill_order, planar, predictor = next(ways)
      compression = next(codes)
      if packed or compression in ("none", "packbits"):
        predictor = 1
      if predictor == 3 and kind[0] != "f":
        predictor = 2
      tags, photometric = {}, 2 if colour.startswith("RGB") else fill_order - 1
      if colour in ("grey+alpha", "RGBA"):
        tags[338] = 3, [2]
      if colour.startswith("palette"):
        photometric, tags[320] = 3, (3, palette(kind, colour).ravel())
      page = made_tiff.page(
        drawn(kind, colour),
        bits=packed,
        order=order,
        photometric=photometric,
        planar=planar and drawn(kind, colour).shape[2] > 1,
        compression=compression,
        predictor=predictor,
        fill_order=fill_order,
        tags=tags,
        **layout,
      )
      small = made_tiff.page(specimen(20, 24)[..., None], order=order)
      pages = [small, page] if planar else [(page, [small])]
      content = made_tiff.tiff(pages, order, big=planar)
      yield f"{kind} {colour} {compression}.tif", content, NO_BAR, {}
  for tag, values in ((262, [8]), (317, [7]), (259, [34712]), (258, [48])):
    page = made_tiff.page(drawn("u8", "grey"), tags={tag: (3, values)})
    yield f"tag {tag}.tif", made_tiff.tiff([page]), NO_BAR, {}


def png(depth, colour, rows, chunks=(), interlaced=False):
  """A PNG of WIDTH x HEIGHT, written by hand."""

  def chunk(name, content):
    checksum = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + checksum

  size = struct.pack(">IIBB", WIDTH, HEIGHT, depth, colour)
  parts = [(b"IHDR", size + bytes([0, 0, interlaced])), *chunks]
  parts.append((b"IDAT", zlib.compress(b"".join(b"\0" + r for r in rows))))
  return PNG_MAGIC + b"".join(chunk(*each) for each in [*parts, (b"IEND", b"")])


def pngs():
  """Of any depth and colours, palettes, transparency, turns, interlaced."""
  rng = np.random.default_rng(1)
  for depth, colour in itertools.product((1, 2, 4, 8, 16), (0, 2, 3, 4, 6)):
    if (depth < 8 and colour not in (0, 3)) or (depth == 16 and colour == 3):
      continue
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    size = (HEIGHT, (WIDTH * depth * channels + 7) // 8)
    rows = rng.integers(0, 256, size, dtype=np.uint8)
    table = rng.integers(0, 256, 3 << min(depth, 8), dtype=np.uint8).tobytes()
    chunks = [(b"PLTE", table)] if colour == 3 else []
    lines = [row.tobytes() for row in rows]
    name = f"{depth} bits {colour}"
    yield f"{name}.png", png(depth, colour, lines, chunks), NO_BAR, {}
    if colour == 3:
      short = [(b"PLTE", table[: len(table) // 6 * 3])]
      yield f"{name} short.png", png(depth, 3, lines, short), NO_BAR, {}
    for hidden in {0: (b"\0\1", b"\0\x55"), 2: (bytes(6),)}.get(colour, ()):
      marked = [*chunks, (b"tRNS", hidden)]
      content = png(depth, colour, lines, marked)
      yield f"{name} {hidden}.png", content, NO_BAR, {}
    for alphas in (b"\xff\0", bytes(range(1 << depth))) if colour == 3 else ():
      marked = [*chunks, (b"tRNS", alphas)]
      yield f"{name} alphas.png", png(depth, 3, lines, marked), NO_BAR, {}
    if depth == 8:
      pixels = rows.reshape(HEIGHT, WIDTH, channels)
      lines = [row.tobytes() for row in adam7(pixels)]
      content = png(depth, colour, lines, chunks, interlaced=True)
      yield f"{name} interlaced.png", content, NO_BAR, {}
  for turn in range(1, 9):
    exif = Image.Exif()
    exif[0x112] = turn
    yield f"turn {turn}.png", _saved("PNG", with_bar(), exif=exif), Told(), {}
    page = made_tiff.page(drawn("u16", "RGB"), photometric=2)
    page[0][274] = 3, [turn]
    yield f"turn {turn}.tif", made_tiff.tiff([page]), Told(), {}


def bmps():
  """Of 1 to 32 bits, of any order of rows, with and without palettes."""
  rng = np.random.default_rng(2)
  for bits, upside_down in itertools.product((1, 4, 8, 16, 24, 32), (1, -1)):
    row = (WIDTH * bits + 31) // 32 * 4
    pixels = rng.integers(0, 256, row * HEIGHT, dtype=np.uint8).tobytes()
    count = 1 << bits if bits <= 8 else 0
    table = rng.integers(0, 256, 4 * count, dtype=np.uint8).tobytes()
    start = 54 + len(table)
    head = struct.pack("<IHHI", start + len(pixels), 0, 0, start)
    size = struct.pack("<IiiHHI", 40, WIDTH, upside_down * HEIGHT, 1, bits, 0)
    content = b"BM" + head + size + bytes(20) + table + pixels
    yield f"{bits} bits {upside_down}.bmp", content, NO_BAR, {}
  for mode in ("1", "L", "P", "RGB", "RGBA"):
    picture = Image.fromarray(with_bar()).convert("RGB").convert(mode)
    yield f"{mode}.bmp", _saved("BMP", picture), Told(), {}


def depths():
  """Of words whose depth is stated or not, and of numbers without one."""
  grey = specimen()
  deep = grey.astype(np.uint16) * 257
  for bits in (8, 10, 12, 14, 16):
    for dtype in ("uint16", "int32"):
      image = (deep >> (16 - bits)).astype(dtype)
      yield f"{bits} bits.tif", _tiff(image), Told(), {}
    image = np.stack([deep >> (16 - bits)] * 3, axis=2)
    yield f"{bits} bits of colours.tif", _tiff(image), Told(), {}
  dark = (deep >> 2) // 5
  stated = _tiff(dark, description='<Pixels SignificantBits="14"/>')
  yield "stated.tif", stated, Told(), {}
  dark[5, 5] = 65535
  yield "very dark.tif", _tiff(dark), Told(), {}
  for dtype in ("int16", "uint32", "float16", "float32", "float64"):
    values = grey.astype(np.float64) * (1 if dtype == "float16" else 100) - 50
    values = values.astype(dtype)
    yield f"{dtype}.tif", _tiff(values, photometric="miniswhite"), Told(), {}
    values[7, 7] = np.iinfo(dtype).max if dtype[0] in "iu" else 6e4
    yield f"{dtype} hot.tif", _tiff(values), Told(), {}
    if dtype.startswith("float"):
      values[:, :5], values[3, 9] = np.nan, -np.inf
      yield f"{dtype} lost.tif", _tiff(values), Told(), {}


def bars():
  """With a data bar or without, as a program or JPEG left it."""
  for level, ink in ((0, 255), (255, 0), (128, 255)):
    for rows in (9, 24, 38):
      image = np.concatenate([specimen(), panel(rows, level=level, ink=ink)])
      yield f"{rows} rows.png", _saved("PNG", image), Told(), {}
      for quality in (40, 85):
        content = _saved("PNG", jpeg(image, quality))
        yield f"{rows} rows {quality}.png", content, Told(), {}
  yield "told.png", _saved("PNG", with_bar()), Told(11, 0.5), {}
  for wanted in (0.2, 0.5, 0.77, 1.5):
    told = Told(um_per_px=0.5, resample_um_per_px=wanted)
    yield f"resampled {wanted}.png", _saved("PNG", with_bar()), told, {}
  told = Told(resample_um_per_px=0.123456789)
  yield "no scale.png", _saved("PNG", with_bar()), told, {}
  yield "blank.png", _saved("PNG", np.full((64, 64), 7, np.uint8)), Told(), {}


def boxes():
  """With a box that is drawn over the specimen."""
  for y, x, paper in itertools.product((0, 8, 166), (0, 9, 195), (0, 200, 255)):
    picture = Image.fromarray(specimen(200, 300, seed=y + x))
    draw = ImageDraw.Draw(picture)
    ink = 255 - paper
    draw.rectangle((x, y, x + 99, y + 29), fill=paper, outline=60)
    draw.text((x + 10, y + 4), "50 um", fill=ink)
    draw.rectangle((x + 6, y + 24, x + 93, y + 25), fill=ink)
    for keep in (False, True):
      told = Told(bar_rows=0, keep_overlays=keep)
      yield f"{y} {x} {paper} {keep}.png", _saved("PNG", picture), told, {}
    image = jpeg(np.asarray(picture), 75)
    yield f"{y} {x} {paper} jpeg.png", _saved("PNG", image), Told(), {}


def vendors():
  """With what microscopes state, in the file or beside it."""
  noisy = np.concatenate([specimen(), specimen(24, seed=9)])
  text = fei(WIDTH, HEIGHT, 0.25) + "[PrivateFei]\r\nDatabarHeight=24\r\n"
  for zoom in (0.5, 0.75, 1, 1.3, 2):
    size = round(WIDTH * zoom), round((HEIGHT + 24) * zoom)
    image = np.asarray(Image.fromarray(noisy).resize(size))
    yield f"fei {zoom}.tif", _tiff(image, [(34682, text)]), Told(), {}
  for image in (specimen(), specimen(HEIGHT + 40), with_bar(), noisy[60:, 20:]):
    yield "fei.tif", _tiff(image, [(34682, text)]), Told(), {}
  both = [(34682, text), (50431, "ImageStripSize=17\r\nPixelSizeX=3e-8\r\n")]
  yield "two.tif", _tiff(noisy, both), Told(), {}
  zeiss = f"0\r\n0\r\n0\r\n5.0e-009\r\nDP_IMAGE_STORE\r\nStore = {WIDTH} * 184"
  zeiss += "\r\nAP_WIDTH\r\nWidth = 7,5 um\r\n"
  yield "zeiss.tif", _tiff(with_bar(), [(34118, zeiss)]), Told(), {}
  xml = '<FeiImage><pixelWidth unit="&#956;m">0.5</pixelWidth><databarHeight>24'
  xml += "</databarHeight></FeiImage>"
  yield "phenom.tif", _tiff(noisy, [(34683, xml)]), Told(), {}
  tescan = "[MAIN]\nImageStripSize=24\nPixelSizeX=2.5e-8\n"
  jeol = f"$CM_FULL_SIZE {WIDTH} {HEIGHT}\n$$SM_MICRON_BAR 80\n"
  jeol += "$$SM_MICRON_MARKER 10\u03bcm\n"
  hitachi = (
    f"[SemImageFile]\r\nDataSize={WIDTH}x{HEIGHT + 24}\r\nPixelSize=12,5"
  )
  for image in (noisy, with_bar()):
    content = _saved("PNG", image)
    yield "a.png", content, Told(), {"a.hdr": tescan.encode()}
    yield "a.png", content, Told(), {"a-png.hdr": tescan.encode()}
    for encoding in ("utf-8", "utf-16", "utf-16-be", "gbk"):
      yield "a.png", content, Told(), {"a.txt": jeol.encode(encoding)}
    yield "a.png", content, Told(), {"a.TXT": hitachi.encode("utf-16-le")}


def damaged(count=400):
  """Some of the others, of which bytes are changed or the end is missing."""
  rng = random.Random(1)
  sound = [*tiffs(), *pngs(), *bmps()]
  for i in range(count):
    name, content, told, _ = rng.choice(sound)
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 3, 6))):
      at = rng.choice((rng.randrange(300), rng.randrange(len(content))))
      changed[min(at, len(changed) - 1)] = rng.choice((0, 1, 255, 128, 42))
    if rng.random() < 0.25:
      changed = changed[: rng.randrange(len(changed))]
    yield f"{i} {name}", bytes(changed), told, {}
  yield "text.png", b"alloy,strength\nCPJ-7,600\n", Told(), {}
  yield "zeros.png", bytes(999), Told(), {}
  yield "page.png", b"%PDF-1.7", Told(), {}
  yield "small.png", _saved("PNG", np.zeros((1, 1), np.uint8)), Told(), {}
