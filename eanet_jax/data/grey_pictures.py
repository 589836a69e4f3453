"""A picture of any colour mode becomes grey."""

from collections.abc import Iterable

from PIL import Image


def has_alpha(bands: Iterable[tuple[int, Image.Image]]) -> bool:
  """Whether a picture, which comes in bands, has an alpha that is used.

  An alpha of 0 everywhere is a channel that the writer left unused.
  """
  for _, each in bands:
    if not each.has_transparency_data:
      return False
    if each.convert("RGBA").getchannel("A").getextrema() != (0, 0):
      return True
  return False


def grey(picture: Image.Image, with_alpha: bool) -> Image.Image:
  """Returns mode "L" with the luma weights of ITU-R 601.

  Transparent pixels turn black, the microscope's "no signal", because the
  colour hidden under them is arbitrary.
  """
  if with_alpha:
    black = Image.new("RGBA", picture.size, (0, 0, 0, 255))
    picture = Image.alpha_composite(black, picture.convert("RGBA"))
  if picture.mode not in ("1", "L", "P", "RGB"):
    picture = picture.convert("RGB")
  return picture.convert("L")
