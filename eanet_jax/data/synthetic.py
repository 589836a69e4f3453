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

from eanet_jax.data import drawn_bar

CLASSES = ("CPJ", "HR", "P92")
# Images and specimens of each family, as published.
_COUNTS = {"CPJ": (300, 18), "HR": (244, 7), "P92": (188, 3)}
_SIDE_PX = 512
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
  um_per_px = 0.04 * lot.uniform(0.95, 1.05) * rng.choice([0.92, 1.0, 1.08])
  um_per_px = round(float(um_per_px), 4)
  # Secondary electrons (0) show relief, backscattered ones (1) orientation.
  backscatter = rng.uniform(0.15, 0.75)
  signal_, carbides = _surface(rng, _steel(rng, *key), um_per_px, backscatter)
  grey = _expose(lot, rng, signal_, carbides)
  detector = "BSE" if backscatter > 0.6 else "ETD"
  bar = drawn_bar.draw(lot, specimen, um_per_px, detector, _SIDE_PX)
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


@functools.cache
def _spline(knots: int) -> np.ndarray:
  """The matrix (knots, x) that draws a smooth curve through so many values."""
  from scipy import ndimage

  return ndimage.zoom(np.eye(knots), (1, _SIDE_PX / knots), order=3)


def _smooth(rng: np.random.Generator, knots: int) -> np.ndarray:
  """Smooth noise (y, x) of about unit deviation, `knots` bumps to a side."""
  # einsum, since BLAS would start threads beside those of other workers.
  spline, values = _spline(knots), rng.standard_normal((knots, knots))
  return np.einsum("yj,jx->yx", np.einsum("iy,ij->yj", spline, values), spline)


def _packets(
  rng: np.random.Generator, x: np.ndarray, y: np.ndarray, packet_px: float
) -> tuple[np.ndarray, np.ndarray]:
  """For each pixel its packet, and for each packet its grain: Voronoi cells."""
  from scipy import spatial

  # Every third seed is left out: packets are of unequal size.
  ticks = np.arange(-packet_px, _SIDE_PX + packet_px, 0.8 * packet_px)
  seeds = np.stack(np.meshgrid(ticks, ticks), -1).reshape(-1, 2)
  seeds += packet_px * rng.uniform(-0.4, 0.4, seeds.shape)
  seeds = rng.permutation(seeds)[: 2 * len(seeds) // 3]
  tree = spatial.cKDTree(seeds)
  packet = tree.query(np.stack([x[::4, ::4], y[::4, ::4]], -1))[1]
  near = _edges(packet)
  near[:-1, :-1] |= packet[1:, 1:] != packet[:-1, :-1]
  packet, near = (a.repeat(4, 0).repeat(4, 1) for a in (packet, near))
  # A coarse diagram, made exact for the pixels near its boundaries.
  packet[near] = tree.query(np.stack([x[near], y[near]], -1))[1]
  return packet, spatial.cKDTree(seeds[: len(seeds) // 6 + 1]).query(seeds)[1]


def _slices(rng: np.random.Generator, width_px: float) -> np.ndarray:
  """Number of the slice at each quarter pixel across a packet."""
  quarters = 4 * width_px * np.exp(0.4 * rng.standard_normal(2048))
  return np.arange(2048).repeat(np.rint(quarters).astype(int))


def _laths(
  rng: np.random.Generator,
  x: np.ndarray,
  y: np.ndarray,
  packet: np.ndarray,
  grain: np.ndarray,
  lath_px: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Numbers of each pixel's block and lath, and the laths' angle per packet.

  A packet is sliced into blocks, a block into laths a little off the packet's
  direction, a lath into lengths. Numbers index tables of 4096 properties.
  """
  # Four habit planes a grain: four traces on the section.
  traces = rng.uniform(0, np.pi, (grain.max() + 1, 4))
  theta = traces[grain, rng.integers(0, 4, len(grain))]
  cos, sin = np.cos(theta)[packet], np.sin(theta)[packet]
  along, across = x * cos + y * sin, y * cos - x * sin
  offset = rng.uniform(8000, 20000, len(grain))[packet]
  block = _slices(rng, 4.5 * lath_px)[(4 * across + offset).astype(int)]
  across += rng.normal(0, 0.10, 4096)[block] * along
  lath = _slices(rng, lath_px)[(4 * across + offset).astype(int)]
  lath = (lath + 7 * block) & 4095
  per_px = 1 / (lath_px * rng.uniform(3, 14, 4096))
  slant = rng.uniform(1.5, 4, 4096) * rng.choice([-1, 1], 4096)
  part = ((along + slant[lath] * across) * per_px[lath] + 1000).astype(int)
  return block, (lath * 37 + part * 101 + packet * 11) & 4095, theta


def _edges(labels: np.ndarray) -> np.ndarray:
  """Where a label differs from the one below or to the right, bool (y, x)."""
  below, right = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
  return np.pad(below, ((0, 1), (0, 0))) | np.pad(right, ((0, 0), (0, 1)))


def _carbides(
  rng: np.random.Generator,
  sites: np.ndarray,
  turn: np.ndarray,
  count: int,
  radius_px: float,
) -> np.ndarray:
  """Carbides, brightness 0 to 1 (y, x), at pixels drawn with weight `sites`."""
  total = np.cumsum(sites)
  at = np.searchsorted(total, rng.uniform(0, 0.999999 * total[-1], count))
  row, column = (a[:, None, None] for a in np.divmod(at, _SIDE_PX))
  # M23C6 and, a third of all and half as large, MX and Laves phase.
  shape, half = (count, 1, 1), int(2 * radius_px) + 4
  radius = radius_px * np.exp(0.4 * rng.standard_normal(shape))
  radius = np.minimum(radius * rng.choice([1, 1, 0.5], shape), half / 1.6 - 1)
  dy, dx = np.mgrid[-half : half + 1, -half : half + 1]
  angle = turn[row, column] + rng.normal(0, 0.5, shape)
  cos, sin, aspect = np.cos(angle), np.sin(angle), rng.uniform(1, 1.6, shape)
  a, b = (dx * cos + dy * sin) / aspect, (dy * cos - dx * sin) * aspect
  # A disc whose edge falls off within a pixel or so, inside the square.
  body = np.clip(0.5 + 0.8 * (radius - np.sqrt(a * a + b * b)), 0, 1)
  body *= rng.uniform(0.4, 1.0, shape)
  field = np.zeros((_SIDE_PX + 2 * half, _SIDE_PX + 2 * half))
  where = (row + dy + half) * len(field) + column + dx + half
  np.maximum.at(field.ravel(), where.ravel(), body.ravel())
  return field[half:-half, half:-half]


def _surface(
  rng: np.random.Generator,
  steel: np.ndarray,
  um_per_px: float,
  backscatter: float,
) -> tuple[np.ndarray, np.ndarray]:
  """The etched surface as a noiseless signal, and its carbides, both (y, x)."""
  y, x = np.mgrid[:_SIDE_PX, :_SIDE_PX].astype(float)
  for coordinate in (y, x):
    coordinate += 9 * _smooth(rng, 6) + 1.8 * _smooth(rng, 20)
  lath_um, packet_um, carbide_um, carbides_per_um2, ferrite_share = steel
  packet, grain = _packets(rng, x, y, packet_um / um_per_px)
  block, lath, theta = _laths(rng, x, y, packet, grain, lath_um / um_per_px)
  grains, packets = _edges(grain[packet]), _edges(packet)
  blocks, laths = _edges(block), _edges(lath)
  # Delta ferrite: islands that partly end at packet boundaries.
  tone = rng.standard_normal(4096)
  island = _smooth(rng, 8) + 0.3 * tone[packet]
  island -= np.quantile(island[::4, ::4], 1 - min(ferrite_share, 0.3))
  ferrite = np.clip(8 * island + 0.5, 0, 1)
  rim = 4 * ferrite * (1 - ferrite)
  sites = 0.03 + 0.2 * laths + 0.4 * blocks + 0.8 * packets + 3 * grains
  sites *= (1 - ferrite) * np.clip(1 + 0.4 * _smooth(rng, 8), 0.2, None)
  count = rng.poisson(carbides_per_um2 * (_SIDE_PX * um_per_px) ** 2)
  radius_px = carbide_um / um_per_px / 2
  carbides = _carbides(rng, sites + 0.4 * rim, theta[packet], count, radius_px)
  # Sections along the habit plane hardly show their laths.
  relief = (1 - ferrite) * rng.uniform(0.4, 1.2, len(grain))[packet]
  groove = 0.8 * laths * np.abs(tone[lath]) + 0.3 * blocks + 0.4 * packets
  groove = relief * np.minimum(groove + grains, 1.5)
  height = relief * (0.5 * tone[lath] + 0.4 * tone[block])
  signal_ = 0.7 * backscatter * height + 0.35 * groove + 0.1 * rim
  signal_ += rng.uniform(1.2, 1.8) * carbides
  # The side that faces the detector is bright: the slope along its azimuth.
  height += 1.5 * carbides - groove
  azimuth = rng.uniform(0, 2 * np.pi) + np.array([0, np.pi / 2])
  lit = (1 - backscatter) * np.cos(azimuth)
  signal_[:, 1:-1] += lit[0] * (height[:, 2:] - height[:, :-2])
  signal_[1:-1] += lit[1] * (height[2:] - height[:-2])
  return signal_, carbides


def _expose(
  lot: np.random.Generator,
  rng: np.random.Generator,
  signal_: np.ndarray,
  carbides: np.ndarray,
) -> np.ndarray:
  """What the detector makes of the signal, uint8 (y, x)."""
  from scipy import ndimage

  blur_px = 0.65 + 0.2 * lot.uniform() + 0.4 * rng.uniform() ** 2
  z = ndimage.gaussian_filter(signal_, blur_px, truncate=3)
  z = (z - z.mean()) / z.std()
  # Charging: some carbides leave a tail along the scan line.
  charged = np.argwhere(carbides > 0.9)
  for row, column in rng.permutation(charged)[: rng.geometric(0.3) - 1]:
    decay = np.exp(-np.arange(_SIDE_PX - column) / rng.uniform(8, 40))
    z[max(row - 1, 0) : row + 2, column:] += rng.normal(0.3, 0.8) * decay
  # Drift over the field, and jumps from scan line to scan line.
  z += rng.uniform(0.1, 0.4) * _smooth(rng, 4)
  z += 0.04 * rng.standard_normal((_SIDE_PX, 1))
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
