"""What results.json says of a data set, so that a report needs nothing else."""

from typing import TypedDict

# Of longer lists, results.json holds so many, and how many there are.
MAX_POINTS = 500
MAX_SIZES = 20
MAX_COPIES = 100

# A field called "class" cannot be written in a class body.
ClassFacts = TypedDict(
  "ClassFacts",
  {
    "class": str,
    "specimens": int,
    "micrographs": int,
    "train": int,
    "validation": int,
    "test": int,
    "with_scale": int,
    "um_per_px": list[float],
  },
)

Point = TypedDict(
  "Point",
  {
    "class": str,
    "specimen": str,
    "micrographs": int,
    "brightness": float,
    "contrast": float,
  },
)


class Kind(TypedDict):
  """What was said of some files, an example of it, and of how many."""

  said: str
  files: int


class Copy(TypedDict):
  """Two files that show the same picture."""

  one: str
  other: str


class DatasetFacts(TypedDict):
  """What was found in the files of a data set.

  Attributes:
    specimens_known: whether any class has two specimens; if not, "specimens"
      are classes.
    classes: of each class how many specimens and micrographs it has, how many
      of these are in each part of the split, how many have a scale, and its
      least and largest micrometres per pixel ([] if none is known).
    sizes_px: [width, height, how many micrographs], the commonest first,
      without the data bar; MAX_SIZES of `sizes`.
    points: median brightness and contrast, the mean and the standard deviation
      of grey levels from 0 to 255, of each specimen, or of each micrograph if
      specimens are not known; MAX_POINTS of `point_count`.
    copies: pairs of files that show one picture; MAX_COPIES of `copy_count`.
    remarks: what was said of files that were used, by kind.
  """

  specimens_known: bool
  classes: list[ClassFacts]
  sizes_px: list[list[int]]
  sizes: int
  points: list[Point]
  point_count: int
  copies: list[Copy]
  copy_count: int
  remarks: list[Kind]
