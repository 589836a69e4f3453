"""`eanet predict`: classify files with a trained network."""

import argparse
import pathlib
import typing

from eanet_jax import errors
from eanet_jax.commands import (
  answer_options,
  image_paths,
  output_file,
  prediction_summary,
  reading_options,
  shard_option,
  workdir_argument,
)

if typing.TYPE_CHECKING:  # so that --help answers at once
  from eanet_jax.data import file_readers, given_files
  from eanet_jax.inference import answer_rows
  from eanet_jax.workdir import answer_tables


def add(commands: argparse._SubParsersAction) -> None:
  """Adds the verb to the command line."""
  parser = commands.add_parser(
    "predict",
    help="classify files with a trained network",
    description="Writes one row for each file, as soon as it is known: file,"
    " label, probability, a column of probabilities for each class, share of"
    " (whatever slots of the memory were called, see eanet memory), set (the"
    " classes of which one is the true one as often as is promised), novelty"
    " (how unlike everything trained on: 5 % of images like those are above 1),"
    " verdict (known, unsure, foreign or other magnification) and reason,"
    " nearest (the training micrograph most like it), nearest_specimen and"
    " nearest_distance (1 is usual), trained_on (the training micrograph that"
    " it is), um_per_px and um_from, crop_rows (rows of the data bar removed)"
    " and bar_from (what told them), remarks (what is unsure about a file),"
    " error (why it could not be used) and network_id (the same wherever the"
    " same network answered in the same way). Exit code 1 if any file could not"
    " be used.",
  )
  workdir_argument.add(parser)
  image_paths.add(parser, tables=True)
  parser.add_argument(
    "--out",
    type=pathlib.Path,
    default=pathlib.Path("predictions.csv"),
    help="table to write, as its ending says: .csv, .jsonl (JSON Lines) or"
    " .parquet, which is written whole at the end [predictions.csv]",
  )
  parser.add_argument(
    "--coverage",
    type=int,
    metavar="N",
    help="per cent of micrographs of new specimens whose true class shall be in"
    " their set [90, or as many as can be promised]",
  )
  parser.add_argument(
    "--uncalibrated",
    action="store_true",
    help="probabilities as the network gives them; no sets",
  )
  parser.add_argument(
    "--report",
    type=pathlib.Path,
    metavar="PAGE",
    help="HTML page to write besides, to look at: thumbnails by class, the"
    " least sure first; those unlike all that was trained on at the top",
  )
  _add_parts(parser)
  answer_options.add(parser)
  reading_options.add(parser)
  parser.add_argument(
    "--keep-going",
    action="store_true",
    help="exit with code 0 even if some files could not be used",
  )
  parser.set_defaults(run=run)


def _add_parts(parser: argparse.ArgumentParser) -> None:
  """Adds what a row is of, and which of all rows are made."""
  parser.add_argument(
    "--level",
    choices=("tile", "micrograph", "specimen"),
    default="micrograph",
    help="what a row is of. The tiles of a micrograph are told by the number"
    " and the top left pixel of each. A specimen is the folder of a file, or"
    " what a table says; its micrographs vote: its probabilities are the mean"
    " of theirs [micrograph]",
  )
  parser.add_argument(
    "--resume",
    action="store_true",
    help="go on with the table that --out names, where there is one: files that"
    " are in it are not done again",
  )
  shard_option.add(
    parser,
    "only every N-th of the sorted files, from the I-th on; of specimens,"
    " with --level specimen. N jobs with 1/N to N/N do each once",
  )


def run(arguments: argparse.Namespace) -> int:
  """Classifies files and writes the table; returns 1 if a file is unusable."""
  from eanet_jax.data import file_readers, thumbnails
  from eanet_jax.workdir import answer_tables

  if arguments.uncalibrated and arguments.coverage is not None:
    raise errors.UserError(
      "--coverage is of sets of calibrated probabilities: leave it or"
      " --uncalibrated out"
    )
  whole = answer_tables.kind(arguments.out) == "parquet"
  if whole and arguments.resume:
    raise errors.UserError(
      f"--resume: --out={arguments.out} is written whole at the end, there is"
      " nothing to go on with: use .csv or .jsonl"
    )
  output_file.check(arguments.out, whole=whole)
  if arguments.report:
    output_file.check(arguments.report, whole=True, option="--report")
  # As * names it where an earlier table lies among the files.
  absolute = pathlib.Path.absolute
  if absolute(arguments.out) in map(absolute, arguments.paths):
    raise errors.UserError(
      f"{arguments.out} is what --out names, and a PATH too: it would be taken"
      " for a table of files"
    )
  given = image_paths.given(arguments.paths, reading_options.told(arguments))
  if arguments.shard:
    of_specimens = arguments.level == "specimen"
    given = given.shard(*arguments.shard, whole_specimens=of_specimens)
  limits = reading_options.limits(arguments)
  kind = thumbnails.Readers if arguments.report else file_readers.Readers
  with kind(limits, len(given.files)) as readers:
    readers.start()  # while JAX is imported and starts
    return _predict(arguments, given, readers)


def _predict(
  arguments: argparse.Namespace,
  given: "given_files.Given",
  readers: "file_readers.Readers",
) -> int:
  from eanet_jax.data import thumbnails
  from eanet_jax.explanation import named_structure, structure_words
  from eanet_jax.inference import answer_rows, classify
  from eanet_jax.runtime import console
  from eanet_jax.workdir import answer_tables

  classifier = classify.Classifier.restore(
    arguments.workdir,
    readers,
    reading_options.told(arguments),
    coverage=arguments.coverage,
    calibrated=not arguments.uncalibrated,
    fast=arguments.fast,
  )
  named = named_structure.of_network(
    classifier.network, arguments.workdir, classifier.mesh
  )
  table = answer_rows.Table(
    arguments.level,
    classifier.class_names,
    classifier.identity(named.key if named else ""),
    arguments.top_k,
    structure=named.names if named else (),
  )
  shown = None
  if isinstance(readers, thumbnails.Readers):  # as --report needs
    from eanet_jax.reporting import gallery, html_pages

    shown = gallery.Gallery(
      classifier.class_names, classifier.tile_px, readers.take
    )
  begun = None
  if arguments.resume:
    begun = answer_tables.done(
      arguments.out, table.columns, table.key, table.network_id
    )
    given = _left(given, table, begun)
  counted = prediction_summary.Summary(arguments.out, len(given.files), begun)
  predictions = console.progress(
    classifier.stream(given.files, given.told, describe=named),
    total=len(given.files),
    unit="file",
    leave=False,
  )
  votes = answer_rows.Votes(
    map(given.specimen, given.files) if table.level == "specimen" else ()
  )
  structures = structure_words.BySpecimen()
  try:
    with answer_tables.opened(arguments.out, table.columns, begun) as add:
      for each in predictions:
        if table.level != "specimen":
          for row in table.rows(each):
            add(row)
        elif vote := votes.add(given.specimen(each.file), each):
          add(table.of_specimen(vote))
        counted.add(each)
        structures.add(given.specimen(each.file), each.structure)
        if shown:
          shown.add(each)
  except KeyboardInterrupt:
    counted.say_stopped()
    raise
  except OSError as error:
    raise errors.UserError(
      f"cannot write --out={arguments.out}: {errors.reason(error)};"
      f" {counted.so_far()} may be in it"
    ) from None
  # What was in the table before is not known of its specimens.
  lines = [] if begun and begun.rows else structures.lines()
  if shown:
    html_pages.write_predictions(
      arguments.report, shown, arguments.named, lines
    )
  counted.say([*lines, classifier.promise], arguments.report)
  return 1 if counted.failed and not arguments.keep_going else 0


def _left(
  given: "given_files.Given",
  table: "answer_rows.Table",
  begun: "answer_tables.Done",
) -> "given_files.Given":
  """What a table that was begun does not have."""
  import dataclasses

  rows = begun.rows.copy()
  left = []
  for file in given.files:
    if table.level == "specimen":
      is_there = given.specimen(file) in rows
    elif is_there := rows[file] > 0:
      # A file that is named twice has two rows; its tiles are one time.
      rows[file] -= 1 if table.level == "micrograph" else 0
    if not is_there:
      left.append(file)
  return dataclasses.replace(given, files=tuple(left))
