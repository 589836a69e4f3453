"""`eanet explain`: which places of a micrograph speak for which class."""

import argparse
import pathlib
import sys
import typing
from collections.abc import Sequence

from eanet_jax import errors
from eanet_jax.commands import image_paths, reading_options, workdir_argument

if typing.TYPE_CHECKING:  # so that --help answers at once
  from eanet_jax.data import file_readers
  from eanet_jax.evaluation import explained
  from eanet_jax.reporting import explanation_page

PAGE = "index.html"
_LONGEST_NAME = 80
_MEASURED_FROM = {
  "transfer": "They are measured from the mean of the training images, which"
  " would add nothing.",
  "maps": "They are measured from what the maps of the training images are like"
  " on average. Maps and sums are the mean of the logits of all networks and"
  " orientations; the probability is the mean of theirs.",
  "": "They are measured from maps that are zero. Maps and sums are the mean of"
  " the logits of all networks and orientations; the probability is the mean of"
  " theirs.",
}


def add(commands: argparse._SubParsersAction) -> None:
  """Adds the verb to the command line."""
  parser = commands.add_parser(
    "explain",
    help="show which places of files speak for which class",
    description="Classifies files as eanet predict does, and draws over each"
    " what its places add to the lead of its class over the runner-up (red) or"
    " take away (blue), and the same of its class alone. The logits are sums"
    " over places and a constant, so that nothing is left out. Writes a PNG"
    f" file for each file and all of them in one page, {PAGE}. Exit code 1 if"
    " any file could not be used.",
  )
  workdir_argument.add(parser)
  image_paths.add(parser)
  parser.add_argument(
    "--out",
    type=pathlib.Path,
    default=pathlib.Path("explained"),
    metavar="DIR",
    help="folder to write to, a new or empty one or that of an earlier eanet"
    " explain, in which files of the same names are replaced [explained]",
  )
  parser.add_argument(
    "--class",
    dest="label",
    metavar="NAME",
    help="of which class the maps are, against the most probable other one"
    " [the most probable one]",
  )
  parser.add_argument(
    "--arrays",
    action="store_true",
    help="write the maps of all classes too, as a NumPy file for each file",
  )
  reading_options.add(parser)
  parser.add_argument(
    "--keep-going",
    action="store_true",
    help="exit with code 0 even if some files could not be used",
  )
  parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
  """Explains files and writes the page; returns 1 if a file is unusable."""
  from eanet_jax.data import file_readers

  _check_out(arguments.out, arguments.paths)
  files = image_paths.expand(arguments.paths)
  limits = reading_options.limits(arguments)
  with file_readers.Readers(limits, len(files)) as readers:
    readers.start()  # while JAX is imported and starts
    try:
      return _explain(arguments, files, readers)
    except OSError as error:
      raise errors.UserError(
        f"cannot write --out={arguments.out}: {errors.reason(error)}"
      ) from None


def _check_out(out: pathlib.Path, paths: Sequence[pathlib.Path]) -> None:
  """Raises UserError unless the folder may be written to."""
  for path in paths:
    if path.is_dir() and out.resolve().is_relative_to(path.resolve()):
      raise errors.UserError(
        f"--out={out} lies in {path}, whose pictures are to be explained: name"
        " a folder elsewhere"
      )
  if out.exists() and not out.is_dir():
    raise errors.UserError(f"--out={out} is a file: name a folder")
  try:
    if out.is_dir() and any(out.iterdir()) and not _is_own(out):
      raise errors.UserError(
        f"--out={out} holds other files: name a new or empty folder"
      )
    out.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise errors.UserError(
      f"--out={out} cannot be written: {errors.reason(error)}"
    ) from None


def _is_own(out: pathlib.Path) -> bool:
  """Whether a folder is of an earlier `eanet explain`."""
  from eanet_jax.reporting import explanation_page

  try:
    with (out / PAGE).open("rb") as file:
      head = file.read(4096)
  except FileNotFoundError:
    return False
  return f"{explanation_page.KIND}</title>".encode() in head


def _explain(
  arguments: argparse.Namespace,
  files: Sequence[pathlib.Path],
  readers: "file_readers.Readers",
) -> int:
  from eanet_jax.evaluation import explained
  from eanet_jax.inference import classify, predictions
  from eanet_jax.models import networks
  from eanet_jax.reporting import explanation_page, html_pages
  from eanet_jax.runtime import console, wording

  classifier = classify.Classifier.restore(
    arguments.workdir, readers, reading_options.told(arguments)
  )
  label = _asked(arguments.label, classifier.class_names)
  model = classifier.network.meta.config["model"]
  kind = "transfer" if model["name"] == "transfer" else model.get("pooling", "")
  page = explanation_page.contents(
    networks.title(model),
    classifier.class_names,
    _MEASURED_FROM.get(kind, _MEASURED_FROM[""]),
  )
  bar = console.progress(files, total=len(files), unit="file", leave=False)
  try:
    for path, name in zip(bar, names(files), strict=True):
      found = explained.explain(classifier, path)
      if isinstance(found, predictions.Prediction):
        page["errors"].append((path, found.error))
        continue
      page["cards"].append(
        _write(arguments, found, name, classifier.class_names, label)
      )
  finally:  # what there is after a Ctrl-C, too
    failed = [
      (wording.printable(str(path)), wording.printable(why))
      for path, why in page["errors"]
    ]
    out = arguments.out / PAGE
    html_pages.write_explanations(out, {**page, "errors": failed})
  for file, why in failed:
    print(f"{file}: {why}", file=sys.stderr)
  used = wording.count(len(page["cards"]), "file")
  print(f"{used} explained, {len(failed)} could not be used: {out}")
  return 1 if failed and not arguments.keep_going else 0


def _asked(name: str | None, class_names: Sequence[str]) -> int | None:
  """The number of the class that was asked for; None if none was."""
  if name is None:
    return None
  if name not in class_names:
    raise errors.UserError(
      f"--class={name}: there is no such class, the network knows"
      f" {', '.join(class_names)}"
    )
  return list(class_names).index(name)


def _write(
  arguments: argparse.Namespace,
  found: "explained.Explained",
  name: str,
  class_names: Sequence[str],
  label: int | None,
) -> "explanation_page.Card":
  """Writes what there is to a file; returns its section of the page."""
  import numpy as np

  from eanet_jax.reporting import (
    contribution_pictures,
    explanation_page,
    figures,
  )
  from eanet_jax.runtime import atomic_files, wording

  chosen, rival = found.named(label)
  drawn = contribution_pictures.panels(found, chosen, rival)
  title = figures.short(wording.printable(found.prediction.file), 100)
  png = contribution_pictures.figure(
    drawn,
    title,
    explanation_page.summary(found),
    *(wording.printable(class_names[i]) for i in (chosen, rival)),
  )
  out = arguments.out / f"{name}.png"
  with atomic_files.replacing(out) as building:
    building.write_bytes(png)
  if arguments.arrays:
    um_per_px = np.nan if found.um_per_px is None else found.um_per_px
    arrays = {
      "maps": found.maps,
      "constants": found.constants,
      "logits": found.logits,
      "probabilities": np.asarray(found.prediction.probabilities),
      "class_names": np.array(class_names),
      "extent": np.array(found.extent),
      "um_per_px": np.array(um_per_px),
    }
    atomic_files.write_arrays(arguments.out / f"{name}.npz", arrays)
  return explanation_page.card(
    found, drawn, class_names, chosen, rival, out.name
  )


def names(files: Sequence[pathlib.Path]) -> list[str]:
  """Returns a file name without ending for each file, no two alike.

  It holds letters, digits, blanks, dots, hyphens and underscores, wherever the
  folder is copied to. Files of the same name are told apart by a number.
  """
  taken: set[str] = set()
  found = []
  for file in files:
    plain = "".join(
      c if c.isascii() and (c.isalnum() or c in " -_") else "_"
      for c in file.stem[:_LONGEST_NAME]
    ).strip()
    name, number = plain or "_", 1
    while name.casefold() in taken:
      number += 1
      name = f"{plain}-{number}"
    taken.add(name.casefold())
    found.append(name)
  return found
