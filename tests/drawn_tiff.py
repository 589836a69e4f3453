"""Samples of any kind and colours for TIFFs, and the grey that they are."""

import functools

import made_tiff
import numpy as np
from made_files import specimen

from eanet_jax.data import micrographs

HEIGHT, WIDTH = 40, 48
NO_BAR = micrographs.Told(bar_rows=0)
LUMA = np.array([0.299, 0.587, 0.114])


@functools.cache
def drawn(kind, colours):
  """Samples (y, x, c) of all levels that there are, of a suitable dtype."""
  letter, bits = kind[0], int(kind[1:])
  count = {"grey": 1, "grey+alpha": 2, "RGB": 3, "RGBA": 4}.get(colours, 1)
  unit = np.stack(
    [specimen(HEIGHT, WIDTH, seed) / 255 for seed in range(count)], axis=2
  )
  if letter == "f":
    samples = unit * 3 - (0 if "A" in colours or "alpha" in colours else 1)
    dtype = np.dtype(f"f{4 if bits == 24 else bits // 8}")
    samples = samples.astype(dtype)
    if count in (2, 4):
      samples[:, :, -1] = unit[:, :, -1]
    if bits == 24:  # what it can hold
      samples = (samples.view(np.uint32) & 0xFFFFFF80).view(np.float32)
    return samples
  full = (1 << bits) - 1
  samples = np.rint(unit * full)
  if letter == "i":
    samples -= 1 << (bits - 1)
    if count in (2, 4):
      samples[:, :, -1] = np.rint(unit[:, :, -1] * (full >> 1))
  size = next(size for size in (8, 16, 32) if size >= bits)
  return samples.astype(f"{letter}{size // 8}")


@functools.cache
def palette(kind, colours):
  """Entries (3, levels) of 8 or 16 bits."""
  top = 256 if colours == "palette of 8" else 1 << 16
  rng = np.random.default_rng(5)
  table = rng.integers(0, top, (3, 1 << int(kind[1:])))
  table[:, -1] = top - 1
  return table


@functools.cache
def grey_of(kind, colours, white_is_0):
  """The right levels, 0 to 255, as floats (y, x)."""
  letter, bits = kind[0], int(kind[1:])
  samples = drawn(kind, colours)
  values = samples.astype(np.float64)
  full = float((1 << bits) - 1)
  if colours.startswith("palette"):
    values = np.moveaxis(palette(kind, colours)[:, samples[:, :, 0]], 0, 2)
    letter, bits = "u", 8 if colours == "palette of 8" else 16
  grey = values[:, :, :3] @ LUMA if values.shape[2] > 2 else values[:, :, 0]
  if letter == "u" and bits < 32:
    full = float((1 << bits) - 1)
    grey = full - grey if white_is_0 else grey
    scale = lambda grey: (
      np.floor(grey / 2 ** (bits - 8)) if bits >= 8 else grey * 255 / full
    )
  else:
    shown = values[:, :, -1] > 0 if colours in ("grey+alpha", "RGBA") else True
    low = grey.min(where=shown, initial=np.inf)
    high = grey.max(where=shown, initial=-np.inf)
    grey = (grey - low) * 255 / (high - low)
    grey = 255 - grey if white_is_0 else grey
    scale = lambda grey: grey
  if colours in ("grey+alpha", "RGBA"):
    opaque = {"u": full, "f": 1.0, "i": float((1 << (bits - 1)) - 1)}[letter]
    grey = grey * values[:, :, -1] / opaque
  return scale(grey)


def outcome(path, right, exact, coarse=False):
  """Returns "right", "wrong", or why it is refused."""
  try:
    image = micrographs.read(path, NO_BAR).image
  except micrographs.MicrographError as error:
    return str(error)
  # Rounding alone: whole grey numbers of a known depth are exact. Few levels of
  # colours become grey among themselves before they are stretched.
  limit = 0.5 if exact else 1.6 if coarse else 1.01
  off = np.abs(image - right).max() if image.shape == right.shape else 255
  return "right" if off <= limit else "wrong"


def write(path, samples=None, pages=None, **how):
  """Writes one page, or those given."""
  samples = drawn("u8", "grey") if samples is None else samples
  pages = pages or [made_tiff.page(samples, **how)]
  path.write_bytes(made_tiff.tiff(pages, how.get("order", "<")))
  return path
