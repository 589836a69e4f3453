"""Small pictures of files as they are read, for a page that shows them.

Takes what `file_readers` reads, keeps a small JPEG of it until it is asked for:
what is read ahead of a network is some dozens of files, whatever their number.
"""

import dataclasses
import io
import os
import sys

from PIL import Image

from eanet_jax.data import file_limits, file_readers, micrographs

_LONGEST_PX = 192
_QUALITY = 72


@dataclasses.dataclass(frozen=True)
class Thumbnail:
  """A small picture of a micrograph.

  Attributes:
    jpeg: the file's bytes, some kilobytes.
    height, width: pixels of the micrograph that it is of.
  """

  jpeg: bytes
  height: int
  width: int


def of(micrograph: micrographs.Micrograph) -> Thumbnail:
  """Returns the thumbnail of a micrograph."""
  height, width = micrograph.image.shape
  picture = Image.fromarray(micrograph.image)
  picture.thumbnail((_LONGEST_PX, _LONGEST_PX), Image.Resampling.BOX)
  content = io.BytesIO()
  picture.save(content, "JPEG", quality=_QUALITY)
  return Thumbnail(content.getvalue(), height, width)


class Readers(file_readers.Readers):
  """Reads files as `file_readers.Readers` does, and keeps their thumbnails."""

  def __init__(self, limits: file_limits.Limits, files: int = sys.maxsize):
    """Starts no process yet; see `file_readers.Readers`."""
    super().__init__(limits, files)
    self._kept: dict[str, Thumbnail] = {}

  def read(
    self,
    path: str | os.PathLike,
    told: micrographs.Told = micrographs.NOTHING_TOLD,
    *,
    keep_bar: bool = False,
  ) -> micrographs.Micrograph:
    """Returns the micrograph; its thumbnail is kept until it is taken."""
    micrograph = super().read(path, told, keep_bar=keep_bar)
    self._kept[str(path)] = of(micrograph)
    return micrograph

  def take(self, path: str) -> Thumbnail | None:
    """Returns the thumbnail of a file that was read, and keeps it no longer.

    None if it could not be read, or was taken: a file that is named twice may
    have one for both.
    """
    return self._kept.pop(path, None)
