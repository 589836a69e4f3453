"""Files given to be classified: which, of which specimen, what is said of them.

Takes files, folders and tables as the user names them, gives one list, whole or
one part of several that together are everything once.
"""

import dataclasses
import os
import pathlib
from collections.abc import Iterable, Mapping

from eanet_jax.data import (
  entries,
  image_folders,
  micrographs,
  table_cells,
  tables,
)


@dataclasses.dataclass(frozen=True)
class Given:
  """What is to be classified.

  Attributes:
    files: paths as text, which takes a fifth of the memory of paths.
    named: specimens that tables name, by file.
    told: what tables say of files, by file; of the others nothing is said.
    left_out: a line for each reason why something is not among the files.
  """

  files: tuple[str, ...]
  named: Mapping[str, str] = dataclasses.field(default_factory=dict)
  told: Mapping[str, micrographs.Told] = dataclasses.field(default_factory=dict)
  left_out: tuple[str, ...] = ()

  def specimen(self, file: str) -> str:
    """Returns the specimen of a file: a table's, or else its folder."""
    return self.named.get(file) or str(pathlib.PurePath(file).parent)

  def shard(self, number: int, of: int, *, whole_specimens: bool) -> "Given":
    """Returns one of `of` parts that have every file once between them.

    Args:
      number: which, from 1.
      of: how many there are.
      whole_specimens: whether the files of a specimen stay together.
    """
    if not whole_specimens:
      mine = sorted(self.files)[number - 1 :: of]
      return dataclasses.replace(self, files=tuple(mine))
    specimens = sorted(set(map(self.specimen, self.files)))
    chosen = set(specimens[number - 1 :: of])
    mine = [file for file in self.files if self.specimen(file) in chosen]
    return dataclasses.replace(self, files=tuple(mine))


def expand(
  paths: Iterable[str | os.PathLike],
  told: micrographs.Told = micrographs.NOTHING_TOLD,
) -> Given:
  """Returns the files named, those of the folders and of the tables named.

  A folder without images stands for itself, and a file of a table that is not
  there for itself, so that reading says what is wrong with it.

  Args:
    paths: files, folders that are searched to any depth, and tables.
    told: what is said of all files; a table has the last word.

  Raises:
    UserError: a table cannot be used.
  """
  files: list[str] = []
  named: dict[str, str] = {}
  said: dict[str, micrographs.Told] = {}
  left_out: list[str] = []
  for path in paths:
    if not table_cells.is_table(path):
      files += map(str, image_folders.expand([path], left_out))
      continue
    table = tables.read(path, labelled=False)
    left_out += table.left_out
    for entry in table.entries:
      file = str(pathlib.Path(table.root, entry.file))
      files.append(file)
      if entry.specimen:
        named[file] = entry.specimen
      own = entries.told(entry, told)
      if own != told:
        said[file] = own
  return Given(tuple(files), named, said, tuple(left_out))
