"""Textures of many kinds, drawn: what a network can learn from without photos.

Grains, laths, lamellae, needles, particles, pores, cells and noise, at any
scale, anisotropy, contrast, blur and charging.
"""

import numpy as np


def draw(seed: int, side: int) -> np.ndarray:
  """Returns uint8 (side, side): one texture, or patches of two."""
  rng = np.random.default_rng((7, seed))
  picture = _texture(rng, side)
  if rng.random() < 0.5:
    where = _field(rng, side, rng.uniform(0.02, 0.1)) > rng.normal(0, 0.7)
    picture = np.where(where, _texture(rng, side), picture)
  if rng.random() < 0.5:  # edges glow
    down, right = np.gradient(picture)
    picture = picture + rng.uniform(0, 1.5) * np.hypot(down, right)
  picture = _blurred(picture, rng.uniform(0, 1.2))
  y, x = np.mgrid[:side, :side] / side - 0.5
  picture = picture + rng.normal(0, 0.4) * y + rng.normal(0, 0.4) * x
  picture = picture + rng.uniform(0, 0.5) * rng.normal(size=picture.shape)
  picture = np.sign(picture) * np.abs(picture) ** rng.uniform(0.6, 1.6)
  low, high = np.quantile(picture, (rng.uniform(0, 0.05), rng.uniform(0.95, 1)))
  grey = (picture - low) / max(high - low, 1e-6)
  return (255 * np.clip(grey, 0, 1)).astype(np.uint8)


def _texture(rng: np.random.Generator, side: int) -> np.ndarray:
  kinds = (_noise, _grains, _waves, _particles, _needles)
  picture = kinds[rng.integers(len(kinds))](rng, side)
  return (picture - picture.mean()) / max(picture.std(), 1e-6)


def _frequencies(
  rng: np.random.Generator, side: int
) -> tuple[np.ndarray, np.ndarray]:
  """Radius (cycles a pixel) and squeezed radius of each frequency."""
  v, u = np.meshgrid(np.fft.fftfreq(side), np.fft.rfftfreq(side), indexing="ij")
  angle, squeeze = rng.uniform(0, np.pi), np.exp(rng.uniform(0, 2))
  along = u * np.cos(angle) + v * np.sin(angle)
  across = v * np.cos(angle) - u * np.sin(angle)
  return np.hypot(u, v), np.hypot(along * squeeze, across)


def _field(rng: np.random.Generator, side: int, scale: float) -> np.ndarray:
  """A smooth random field of unit spread; `scale` in cycles a pixel."""
  radius, _ = _frequencies(rng, side)
  spectrum = np.fft.rfft2(rng.normal(size=(side, side)))
  found = np.fft.irfft2(
    spectrum * np.exp(-((radius / scale) ** 2)), (side,) * 2
  )
  return found / max(found.std(), 1e-9)


def _blurred(picture: np.ndarray, sigma: float) -> np.ndarray:
  side = len(picture)
  v, u = np.meshgrid(np.fft.fftfreq(side), np.fft.rfftfreq(side), indexing="ij")
  damping = np.exp(-2 * (np.pi * sigma) ** 2 * (u**2 + v**2))
  return np.fft.irfft2(np.fft.rfft2(picture) * damping, picture.shape)


def _noise(rng: np.random.Generator, side: int) -> np.ndarray:
  """A power law or a band, stretched; cut into levels at times."""
  _, radius = _frequencies(rng, side)
  if rng.random() < 0.5:
    weight = (radius + 1 / side) ** -rng.uniform(0.5, 2.5)
  else:
    middle = np.exp(rng.uniform(np.log(0.02), np.log(0.4)))
    weight = np.exp(-(((radius - middle) / (0.4 * middle)) ** 2))
  spectrum = np.fft.rfft2(rng.normal(size=(side, side))) * weight
  found = np.fft.irfft2(spectrum, (side, side))
  if rng.random() < 0.5:
    found = np.tanh(found / found.std() * rng.uniform(1, 8) - rng.normal())
  return found


def _grains(rng: np.random.Generator, side: int) -> np.ndarray:
  """Cells around points, with boundaries, a grey or stripes of their own."""
  count = int(np.exp(rng.uniform(np.log(6), np.log(400))))
  points = rng.uniform(-0.1, 1.1, (count, 2)) * side
  squeeze = np.exp(rng.uniform(-1, 1))
  y, x = np.mgrid[:side, :side].astype(np.float32)
  nearest = np.full((2, side, side), np.inf, np.float32)
  owner = np.zeros((side, side), int)
  for i, (top, left) in enumerate(points):
    far = np.hypot((y - top) * squeeze, x - left)
    first = far < nearest[0]
    nearest[1] = np.where(first, nearest[0], np.minimum(nearest[1], far))
    nearest[0] = np.where(first, far, nearest[0])
    owner[first] = i
  found = rng.normal(size=count)[owner] * rng.uniform(0, 1)
  width = rng.uniform(0.5, 3)
  found += rng.normal(0, 2) * np.exp(
    -(((nearest[1] - nearest[0]) / width) ** 2)
  )
  if rng.random() < 0.6:
    angle = rng.uniform(0, np.pi, count)[owner]
    pitch = np.exp(rng.uniform(np.log(3), np.log(20)))
    along = x * np.cos(angle) + y * np.sin(angle)
    found += np.sin(2 * np.pi * (along / pitch + rng.random(count)[owner]))
  return found


def _waves(rng: np.random.Generator, side: int) -> np.ndarray:
  """Lamellae: bent stripes of any share."""
  y, x = np.mgrid[:side, :side]
  angle = rng.uniform(0, np.pi)
  pitch = np.exp(rng.uniform(np.log(3), np.log(30)))
  bend = rng.uniform(0, 2) * _field(rng, side, rng.uniform(0.01, 0.08))
  phase = (x * np.cos(angle) + y * np.sin(angle)) / pitch + bend
  return np.tanh(rng.uniform(1, 6) * (np.sin(2 * np.pi * phase) - rng.normal()))


def _particles(rng: np.random.Generator, side: int) -> np.ndarray:
  """Discs and pores of any size on a background."""
  found = rng.uniform(0, 0.8) * _noise(rng, side)
  radius = np.exp(rng.uniform(np.log(1), np.log(12)))
  count = int(rng.uniform(0.05, 0.6) * side**2 / (np.pi * radius**2))
  y, x = np.mgrid[:side, :side]
  for _ in range(min(count, 300)):
    top, left = rng.uniform(0, side, 2)
    size = radius * np.exp(rng.normal(0, 0.4))
    far = np.hypot(y - top, x - left)
    found += np.clip(size - far, 0, 1) * rng.normal(2, 0.5)
  return found * rng.choice([-1, 1])


def _needles(rng: np.random.Generator, side: int) -> np.ndarray:
  """Needles and fibres, in few directions or in all."""
  found = rng.uniform(0, 0.8) * _noise(rng, side)
  length, width = rng.uniform(8, side), rng.uniform(0.7, 4)
  main, spread = rng.uniform(0, np.pi), rng.choice([0.1, 0.6, 3])
  y, x = np.mgrid[:side, :side]
  for _ in range(int(rng.uniform(20, 200))):
    top, left = rng.uniform(0, side, 2)
    angle = main + spread * rng.normal()
    along = (x - left) * np.cos(angle) + (y - top) * np.sin(angle)
    across = (y - top) * np.cos(angle) - (x - left) * np.sin(angle)
    inside = (np.abs(along) < length / 2) * np.clip(
      width - np.abs(across), 0, 1
    )
    found = np.maximum(found, inside * rng.uniform(1, 4))
  return found
