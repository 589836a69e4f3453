"""Pictures that a program holds: as a file of their pixels, or refused."""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies
from made_files import panel, reason, save, save_tiff, specimen, with_bar

from eanet_jax import errors
from eanet_jax.data import micrographs


def turned(array, how):
  """The same levels, laid out in memory in another way."""
  if how == "columns first":
    return np.asfortranarray(array)
  if how == "every second":
    wide = np.repeat(np.repeat(array, 2, axis=0), 2, axis=1)
    return wide[::2, ::2]
  if how == "backwards":
    return np.ascontiguousarray(array[::-1, ::-1])[::-1, ::-1]
  if how == "other order of bytes":
    return array.astype(array.dtype.newbyteorder())
  return array


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(
  bits=strategies.sampled_from([8, 9, 12, 16]),
  height=strategies.integers(32, 90),
  width=strategies.integers(32, 90),
  bar=strategies.booleans(),
  how=strategies.sampled_from(
    ["", "columns first", "every second", "backwards", "other order of bytes"]
  ),
  told=strategies.sampled_from(
    [micrographs.Told(), micrographs.Told(bar_rows=5, um_per_px=0.25)]
  ),
)
def test_an_array_is_a_png_of_its_pixels(
  tmp_path_factory, bits, height, width, bar, how, told
):
  image = specimen(height, width)
  if bar:
    image = np.concatenate([image, panel(12, width)])
  if bits > 8:
    image = (image.astype(np.uint16) * 257) >> (16 - bits)
  path = save(tmp_path_factory.mktemp("png") / "a.png", image)
  kept = image.copy()
  try:
    of_file = micrographs.read(path, told)
  except micrographs.MicrographError as error:
    with pytest.raises(micrographs.MicrographError) as other:
      micrographs.of_array(turned(image, how), "array 0", told)
    assert str(other.value) == str(error)
    return
  found = micrographs.of_array(turned(image, how), "array 0", told)
  np.testing.assert_array_equal(found.image, of_file.image)
  for field in ("crop_rows", "um_per_px", "bar_from", "um_from", "levels"):
    assert getattr(found, field) == getattr(of_file, field)
  assert (found.overlays, found.remarks) == (of_file.overlays, of_file.remarks)
  np.testing.assert_array_equal(image, kept)  # the program's own stays


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_floats_are_from_black_to_white_and_that_is_said(dtype):
  dark = with_bar() // 3
  found = micrographs.of_array((dark / 255).astype(dtype), "array 0")
  np.testing.assert_array_equal(
    found.image, micrographs.of_array(dark, "array 0").image
  )
  assert found.remarks == ("floats, taken as 0 for black and 1 for white",)


@pytest.mark.parametrize(
  "array, said",
  [
    (np.zeros((40, 40, 3), np.uint8), r"shape \(40, 40, 3\)"),
    (np.zeros((40, 40, 1), np.uint8), r"shape \(40, 40, 1\)"),
    (np.zeros(40, np.uint8), r"shape \(40,\)"),
    (np.zeros((), np.uint8), r"shape \(\)"),
    (np.zeros((0, 40), np.uint8), r"shape \(0, 40\)"),
    (specimen() > 100, "holds bool"),
    (specimen().astype(np.int64), "holds int64"),
    (specimen().astype(np.int16), "holds int16"),
    (specimen().astype(complex), "holds complex128"),
    (specimen().astype(object), "holds object"),
    (specimen().astype(np.float32), "floats from .* to .*: give uint8"),
    (specimen() / -255, "floats from -"),
    (np.where(specimen() > 100, np.nan, 0.5), "no finite numbers"),
    (np.where(specimen() > 100, np.inf, 0.5), "no finite numbers"),
    (np.ma.masked_array(specimen(), specimen() > 100), "masked"),
  ],
)
def test_what_may_be_meant_otherwise_is_refused(array, said):
  with pytest.raises(errors.UserError, match=f"^array 7 .*{said}") as error:
    micrographs.of_array(array, "array 7")
  assert "\n" not in str(error.value)


@pytest.mark.parametrize(
  "array, said",
  [
    (specimen(31, 40), "40 x 31 pixels: at least 32"),
    (np.full((40, 40), 3, np.uint16), "blank: all 40"),
  ],
)
def test_an_array_that_cannot_be_used_is_told_of_as_a_file_is(array, said):
  with pytest.raises(micrographs.MicrographError, match=said):
    micrographs.of_array(array, "array 0")


def test_an_array_may_be_larger_than_files_may(monkeypatch, tmp_path):
  monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 1000)
  found = micrographs.of_array(specimen(), "array 0")
  np.testing.assert_array_equal(found.image, specimen())
  assert "more than the 1000" in reason(save_tiff(tmp_path / "a", specimen()))
