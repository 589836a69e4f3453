"""What a file of a user's folder is, by its name: an image, or what else.

Names only, except for pictures that this program wrote, which say so inside.
"""

import collections
import pathlib
from collections.abc import Iterable, Sequence

from PIL import PngImagePlugin

from eanet_jax.runtime import wording

SUFFIXES = frozenset(
  {".bmp", ".tif", ".tiff", ".png", ".jpg", ".jpeg"}
  | {".jfif", ".jpe", ".jfi", ".jif"}  # JPEG by other names
)
# Beside an image of its name, as a microscope or an image program writes it.
_SIDECARS = frozenset(
  {".txt", ".hdr", ".xml", ".csv", ".json", ".xmp", ".ini", ".tfw", ".meta"}
)
# Folders and files that a system leaves among those of people.
OF_SYSTEMS = frozenset(
  {"@eadir", "@tmp", "@recycle", "#recycle", "#snapshot", "$recycle.bin"}
  | {"recycler", "system volume information", "__macosx", "lost+found"}
  | {"thumbs.db", "ehthumbs.db", "desktop.ini", "__pycache__", "icon\r"}
)
_ADVICE = {
  "cannot be read: export as TIFF": ".dm2 .dm3 .dm4 .czi .lif .nd2 .oib"
  " .oif .oir .poir .vsi .svs .ndpi .lsm .zvi .emd .emi .ser .mrc .bcf .spm"
  " .sxm .nid .ibw .msr .ims .scn .mnt .h5 .h5oina .hdf5 .mat .npy .npz .fits",
  "cannot be read: save as TIFF or PNG": ".webp .gif .jp2 .j2k .jpf .jpx"
  " .jxl .jxr .heic .heif .avif .psd .xcf .svg .eps .ps .ai .emf .wmf .ico"
  " .pcx .tga .ppm .pgm .pbm .pnm .pfm .dib .raw .dng .cr2 .cr3 .nef .arw .orf"
  " .rw2 .raf .mpo .mp4 .avi .mov .wmv .mkv",
  "cannot be read: save the pictures in it as TIFF or PNG": ".pdf .doc .docx"
  " .docm .ppt .pptx .pptm .xls .xlsx .xlsm .odt .odp .ods .odg .rtf .one .opj"
  " .opju .htm .html",
  "cannot be read: unpack": ".zip .7z .rar .tar .gz .tgz .bz2 .xz .zst"
  " .iso .cab",
}
_ADVICE_OF = {
  suffix: advice
  for advice, suffixes in _ADVICE.items()
  for suffix in suffixes.split()
}
# What a PNG of this program has in it, before its pixels.
_OWN_MARK = ("Software", "eanet_jax")
_OWN_CHUNK = b"tEXt" + "\0".join(_OWN_MARK).encode()
_HEAD_BYTES = 1024


def is_image(name: str) -> bool:
  """Whether a file of this name is taken for an image that can be read."""
  return suffix_of(name) in SUFFIXES


def suffix_of(name: str) -> str:
  """Returns the ending of a file's name in lower case, ".tif" of "a.TIF "."""
  return _stem_and_suffix(name)[1]


def _stem_and_suffix(name: str) -> tuple[str, str]:
  """In lower case. As pathlib has them, which takes seconds for many files."""
  stem, dot, ending = name.strip().lower().rpartition(".")
  return (stem, dot + ending) if stem else (ending, "")


def told_by(name: str) -> str:
  """Returns what a sidecar tells of, its name without the ending; else ""."""
  stem, suffix = _stem_and_suffix(name)
  return stem if suffix in _SIDECARS else ""


def images_by_name(images: Iterable[str]) -> dict[str, list[str]]:
  """Returns the images that a sidecar tells of, by what `told_by` returns."""
  found: dict[str, list[str]] = {}
  for image in images:
    stem, suffix = _stem_and_suffix(image)
    for told in (stem, f"{stem}-{suffix[1:]}", stem + suffix):
      found.setdefault(told, []).append(image)
  return found


def own_mark() -> PngImagePlugin.PngInfo:
  """Returns what a PNG must be saved with, to be known as this program's."""
  mark = PngImagePlugin.PngInfo()
  mark.add_text(*_OWN_MARK)
  return mark


def is_own(path: pathlib.Path) -> bool:
  """Whether this program wrote a picture, as the contact sheet."""
  if suffix_of(path.name) != ".png":
    return False
  try:
    if not path.is_file():  # a pipe would wait for ever
      return False
    with path.open("rb") as file:
      return _OWN_CHUNK in file.read(_HEAD_BYTES)
  except OSError:  # reading says why
    return False


def by_suffix(others: Sequence[pathlib.PurePath]) -> list[str]:
  """Returns a line for each ending of files that are no images."""
  folders: dict[str, collections.Counter[str]] = {}
  for path in others:
    of_suffix = folders.setdefault(suffix_of(path.name), collections.Counter())
    of_suffix[path.parent.as_posix()] += 1
  lines = []
  for suffix, counts in sorted(
    folders.items(), key=lambda each: (each[0] not in _ADVICE_OF, each[0])
  ):
    (folder, _), *rest = counts.most_common()
    where = "right in the folder" if folder == "." else folder
    if rest:
      where += f" and {wording.count(len(rest), 'other folder')}"
    files = wording.count(
      counts.total(), f"{suffix} file" if suffix else "file"
    )
    files += "" if suffix else " without an ending"
    verdict = _ADVICE_OF.get(suffix)
    if not verdict:
      verdict = "is no image" if counts.total() == 1 else "are no images"
    lines.append(f"{where}: {files} {verdict}")
  return lines
