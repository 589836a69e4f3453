"""Draws the surface of an etched martensitic steel, before any detector.

Takes the properties of a steel and a random generator, gives a noiseless signal
and the carbides in it. Laths fill blocks, blocks fill packets, packets fill
grains; carbides sit on their boundaries.
"""

import functools

import numpy as np

SIDE_PX = 512


@functools.cache
def _spline(knots: int) -> np.ndarray:
  """The matrix (knots, x) that draws a smooth curve through so many values."""
  from scipy import ndimage

  return ndimage.zoom(np.eye(knots), (1, SIDE_PX / knots), order=3)


def smooth(rng: np.random.Generator, knots: int) -> np.ndarray:
  """Returns smooth noise (y, x) of about unit deviation, `knots` bumps wide."""
  # einsum, since BLAS would start threads beside those of other workers.
  spline, values = _spline(knots), rng.standard_normal((knots, knots))
  return np.einsum("yj,jx->yx", np.einsum("iy,ij->yj", spline, values), spline)


def _packets(
  rng: np.random.Generator, x: np.ndarray, y: np.ndarray, packet_px: float
) -> tuple[np.ndarray, np.ndarray]:
  """For each pixel its packet, and for each packet its grain: Voronoi cells."""
  from scipy import spatial

  # Every third seed is left out: packets are of unequal size.
  ticks = np.arange(-packet_px, SIDE_PX + packet_px, 0.8 * packet_px)
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
  row, column = (a[:, None, None] for a in np.divmod(at, SIDE_PX))
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
  field = np.zeros((SIDE_PX + 2 * half, SIDE_PX + 2 * half))
  where = (row + dy + half) * len(field) + column + dx + half
  np.maximum.at(field.ravel(), where.ravel(), body.ravel())
  return field[half:-half, half:-half]


def draw(
  rng: np.random.Generator,
  steel: np.ndarray,
  um_per_px: float,
  backscatter: float,
) -> tuple[np.ndarray, np.ndarray]:
  """Returns the surface's noiseless signal and its carbides, both (y, x)."""
  y, x = np.mgrid[:SIDE_PX, :SIDE_PX].astype(float)
  for coordinate in (y, x):
    coordinate += 9 * smooth(rng, 6) + 1.8 * smooth(rng, 20)
  lath_um, packet_um, carbide_um, carbides_per_um2, ferrite_share = steel
  packet, grain = _packets(rng, x, y, packet_um / um_per_px)
  block, lath, theta = _laths(rng, x, y, packet, grain, lath_um / um_per_px)
  grains, packets = _edges(grain[packet]), _edges(packet)
  blocks, laths = _edges(block), _edges(lath)
  # Delta ferrite: islands that partly end at packet boundaries.
  tone = rng.standard_normal(4096)
  island = smooth(rng, 8) + 0.3 * tone[packet]
  island -= np.quantile(island[::4, ::4], 1 - min(ferrite_share, 0.3))
  ferrite = np.clip(8 * island + 0.5, 0, 1)
  rim = 4 * ferrite * (1 - ferrite)
  sites = 0.03 + 0.2 * laths + 0.4 * blocks + 0.8 * packets + 3 * grains
  sites *= (1 - ferrite) * np.clip(1 + 0.4 * smooth(rng, 8), 0.2, None)
  count = rng.poisson(carbides_per_um2 * (SIDE_PX * um_per_px) ** 2)
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
