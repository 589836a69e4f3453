"""Draws micrographs of tempered martensite: the data set that needs no file.

Takes a seed and an item of `catalogue`, gives a `Drawing`: an etched 9-12 % Cr
steel as an SEM shows it.

What tells the families apart is microstructure only: lath and packet size,
carbides, delta ferrite. Scale, brightness, contrast, noise and blur follow the
same distributions in all of them. Everything is float64 from PCG64 streams
keyed by (seed, specimen, index): last-bit differences between processors do
not survive the rounding to uint8.
"""

import concurrent.futures
import dataclasses
import functools
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence

import numpy as np

from eanet_jax.data import drawn_bar, drawn_surface

CLASSES = ("CPJ", "HR", "P92")
# Images and specimens of each family, as published.
_COUNTS = {"CPJ": (300, 18), "HR": (244, 7), "P92": (188, 3)}
# Medians: lath and packet um, carbide um, carbides per um2, share of ferrite.
_FAMILIES = {
  "CPJ": (0.42, 7.0, 0.15, 1.1, 0.02),
  "HR": (0.34, 5.5, 0.21, 1.4, 0.06),
  "P92": (0.28, 4.5, 0.14, 2.6, 0.01),
}
# Standard deviation of the logarithm between specimens; a third within one.
_SPREAD = (0.11, 0.15, 0.08, 0.16, 0.50)


@dataclasses.dataclass(frozen=True)
class Drawing:
  """One micrograph: image uint8 (y, x), the lowest bar_rows its data bar."""

  image: np.ndarray
  label: str
  specimen: str
  name: str
  um_per_px: float
  bar_rows: int


def catalogue() -> list[tuple[str, str, int]]:
  """Returns (label, specimen, index in it) of all 732, in a fixed order."""
  items = []
  for label, (images, specimens) in _COUNTS.items():
    for k in range(specimens):
      of_specimen = images // specimens + (k < images % specimens)
      items += [(label, f"{label}-{k + 1}", i) for i in range(of_specimen)]
  return items


def draw(seed: int, label: str, specimen: str, index: int) -> Drawing:
  """Returns the drawing of one catalogue item, the same on every machine."""
  key = seed, CLASSES.index(label), int(specimen.removeprefix(f"{label}-"))
  # What the specimen's images share, and this image's own.
  lot, rng = _generator(*key), _generator(*key, index + 1)
  scale = 0.04 * lot.uniform(0.95, 1.05) * rng.choice([0.92, 1.0, 1.08])
  um_per_px = round(float(scale), 4)
  # Secondary electrons (0) show relief, backscattered ones (1) orientation.
  backscatter = rng.uniform(0.15, 0.75)
  signal_, carbides = drawn_surface.draw(
    rng, _steel(rng, *key), um_per_px, backscatter
  )
  grey = expose(lot, rng, signal_, carbides)
  detector = "BSE" if backscatter > 0.6 else "ETD"
  bar = drawn_bar.draw(
    lot, specimen, um_per_px, detector, drawn_surface.SIDE_PX
  )
  image, name = np.concatenate([grey, bar]), f"{specimen}_{index:03d}"
  return Drawing(image, label, specimen, name, um_per_px, len(bar))


def draw_all(
  seed: int,
  items: Sequence[tuple[str, str, int]] | None = None,
  workers: int | None = None,
) -> Iterator[Drawing]:
  """Yields the drawings of `items` in order, all of the catalogue for None.

  They are drawn by `workers` processes, one for each core for None. These are
  spawned, because TensorFlow may be loaded here and does not survive a fork:
  the calling script needs its `__name__` guard.
  """
  workers = os.cpu_count() or 1 if workers is None else workers
  columns = zip(*(catalogue() if items is None else items), strict=True)
  draw_one = functools.partial(draw, seed)
  if workers < 2:
    yield from map(draw_one, *columns)
    return
  spawn = multiprocessing.get_context("spawn")
  pool = concurrent.futures.ProcessPoolExecutor(workers, spawn, _follow_parent)
  try:
    yield from pool.map(draw_one, *columns, chunksize=4)
  finally:  # also when the caller stops early: ends after the current chunks
    pool.shutdown(cancel_futures=True)


def _follow_parent() -> None:
  """Leaves Ctrl-C to the parent, and ends the worker if the parent is gone."""
  signal.signal(signal.SIGINT, signal.SIG_IGN)
  parent = multiprocessing.parent_process()
  assert parent is not None  # a worker has one

  def end_with_parent() -> None:
    parent.join()
    os._exit(1)

  threading.Thread(target=end_with_parent, daemon=True).start()


def _generator(*key: int) -> np.random.Generator:
  return np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))


def _steel(
  rng: np.random.Generator, seed: int, family: int, number: int
) -> np.ndarray:
  """The five properties of one image of a specimen."""
  from scipy import special  # half a second of imports, to draw only

  # Specimens sit on quantiles, shuffled per property, rather than anywhere:
  # even the three of P92 bracket their family.
  count, shuffle = _COUNTS[CLASSES[family]][1], _generator(seed, family)
  ranks = np.array([shuffle.permutation(count)[number - 1] for _ in _SPREAD])
  deviates = special.ndtri((ranks + 0.5) / count) + 0.3 * rng.normal(size=5)
  return _FAMILIES[CLASSES[family]] * np.exp(_SPREAD * deviates)


def expose(
  lot: np.random.Generator,
  rng: np.random.Generator,
  signal_: np.ndarray,
  carbides: np.ndarray,
) -> np.ndarray:
  """Returns what the detector makes of a signal, uint8 (y, x).

  Args:
    lot, rng: of what a specimen's images share, and of this image.
    signal_, carbides: what `drawn_surface.draw` gives.
  """
  from scipy import ndimage

  blur_px = 0.65 + 0.2 * lot.uniform() + 0.4 * rng.uniform() ** 2
  z = ndimage.gaussian_filter(signal_, blur_px, truncate=3)
  z = (z - z.mean()) / z.std()
  # Charging: some carbides leave a tail along the scan line.
  charged = np.argwhere(carbides > 0.9)
  for row, column in rng.permutation(charged)[: rng.geometric(0.3) - 1]:
    decay = np.exp(
      -np.arange(drawn_surface.SIDE_PX - column) / rng.uniform(8, 40)
    )
    z[max(row - 1, 0) : row + 2, column:] += rng.normal(0.3, 0.8) * decay
  # Drift over the field, and jumps from scan line to scan line.
  z += rng.uniform(0.1, 0.4) * drawn_surface.smooth(rng, 4)
  z += 0.04 * rng.standard_normal((drawn_surface.SIDE_PX, 1))
  # Shot noise grows with the root of the signal.
  noise = 0.25 + 0.15 * lot.uniform() + 0.2 * rng.uniform()
  noise = noise * np.sqrt(np.maximum(1 + 0.25 * z, 0.3))
  z += noise * rng.standard_normal(z.shape)
  z += rng.uniform(-0.1, 0.1) * np.clip(z, -3, 3) ** 2
  mean = 112 + lot.normal(0, 5) + rng.normal(0, 14)
  std = 32 * np.exp(lot.normal(0, 0.06) + rng.normal(0, 0.16))
  grey = mean + std * (z - z.mean()) / z.std()
  # A knee, not a cut: detectors saturate softly, and no row becomes uniform.
  beyond = grey - np.clip(grey, 30, 225)
  grey += beyond / (1 + np.abs(beyond) / 29) - beyond
  return np.rint(grey).astype(np.uint8)
