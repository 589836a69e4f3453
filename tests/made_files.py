"""Images and other files that the tests of reading are of."""

import io
import pathlib

import h5py
import numpy as np
import pytest
import safetensors.numpy
import tifffile
from PIL import Image, ImageDraw

from eanet_jax.data import file_limits, micrographs, sources, view_store

VENDOR = pathlib.Path(__file__).parents[2] / "shared" / "data" / "vendor"
BAINITE = VENDOR.parent / "bainite_martensite"
HEIGHT, WIDTH = 160, 200


def specimen(height=HEIGHT, width=WIDTH, seed=0, mean=110.0, spread=30.0):
  rng = np.random.default_rng(seed)
  levels = rng.normal(mean, spread, (height, width))
  # Level 0 and 255 occur, so that no format gets away with a stretch.
  levels[0, :2] = -1e3, 1e3
  return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def panel(rows=24, width=WIDTH, level=0, ink=255):
  picture = Image.new("L", (width, rows), level)
  draw = ImageDraw.Draw(picture)
  draw.text((4, rows // 2 - 6), "15 kV x2000", fill=ink)
  draw.rectangle((width - 80, rows - 6, width - 10, rows - 5), fill=ink)
  draw.rectangle((0, 0, width, 1), fill=255)
  return np.asarray(picture)


def with_bar(rows=24, **keywords):
  return np.concatenate([specimen(), panel(rows, **keywords)])


def save(path, image, **keywords):
  Image.fromarray(image).save(path, **keywords)
  return path


def save_noise(path, seed, height=70, width=90):
  """Writes random grey levels, in which no data bar is."""
  path.parent.mkdir(parents=True, exist_ok=True)
  image = np.random.default_rng(seed).integers(0, 256, (height, width))
  return save(path, image.astype(np.uint8))


def write(root, *files):
  """Writes files that are something; returns the folder."""
  for file in files:
    path = root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"image")
  return root


def two_classes(root):
  """Two classes of two specimens of two images; returns the folder."""
  for i in range(8):
    label, specimen = ("bainite", "martensite")[i // 4], "ab"[i // 2 % 2]
    save_noise(root / label / specimen / f"{i % 2}.png", i)
  return root


def save_tiff(path, image, tags=(), **keywords):
  """Writes a TIFF; tags is [(number, text)]."""
  extratags = [(code, "s", 0, text, True) for code, text in tags]
  tifffile.imwrite(path, image, extratags=extratags, **keywords)
  return path


def jpeg(image, quality):
  file = io.BytesIO()
  Image.fromarray(image).save(file, "JPEG", quality=quality)
  return np.asarray(Image.open(file))


def fei(width, height, um_per_px):
  return (
    "[Beam]\r\nHV=5000\r\n[EScan]\r\nPixelWidth=7\r\n"
    f"[Scan]\r\nPixelWidth={um_per_px * 1e-6}\r\n"
    f"[Image]\r\nResolutionX={width}\r\nResolutionY={height}\r\n"
  )


def reason(path):
  with pytest.raises(micrographs.MicrographError) as error:
    micrographs.read(path)
  assert "\n" not in str(error.value)
  assert str(path.parent) not in str(error.value)
  return str(error.value)


def write_weights(path, tensors):
  """Writes arrays by name, in the format of the suffix; returns the path."""
  if path.suffix == ".npz":
    np.savez(path, **tensors)
  elif path.suffix == ".safetensors":
    tensors = {
      name: np.ascontiguousarray(value) for name, value in tensors.items()
    }
    safetensors.numpy.save_file(tensors, path)
  else:
    with h5py.File(path, "w") as root:
      for name, value in tensors.items():
        root[name] = value
  return path


def load_views(root, data_dir, **kwargs):
  """Views of 32 px of a folder of classes."""
  arguments = {
    "limits": file_limits.Limits(),
    "view": "whole",
    "image_px": 32,
    "tile_px": 32,
  }
  source = sources.find("folder", str(root))
  return view_store.load(source, str(data_dir), **{**arguments, **kwargs})
