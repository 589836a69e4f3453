"""`eanet evaluate`: test a trained network on labelled files."""

import argparse
import pathlib
import sys
import typing
from collections.abc import Iterator

from eanet_jax import errors
from eanet_jax.commands import (
  answer_options,
  image_paths,
  reading_options,
  workdir_argument,
)

if typing.TYPE_CHECKING:  # so that --help answers at once
  from eanet_jax.data import file_readers, sources
  from eanet_jax.evaluation import drift, new_files
  from eanet_jax.inference import answer_rows, classify, predictions
  from eanet_jax.workdir import evaluation_json

_PREDICTIONS = "predictions.csv"
# Of the files trained on so many are looked at for what changed since.
_MOST_COMPARED = 200


def add(commands: argparse._SubParsersAction) -> None:
  """Adds the verb to the command line."""
  parser = commands.add_parser(
    "evaluate",
    help="test a trained network on labelled files",
    description="Classifies files whose classes are known and scores the"
    " answers: accuracy, macro F1 and kappa with intervals over specimens, what"
    " is taken for what, each specimen, what is foreign, and how the files"
    " differ from those trained on. Classes that the network does not know are"
    " counted, not scored. Writes predictions.csv, evaluation.json and"
    " evaluation.md. Exit code 1 if any file could not be used.",
  )
  workdir_argument.add(parser)
  parser.add_argument(
    "folder",
    type=pathlib.Path,
    metavar="FOLDER",
    help="folder of micrographs, as FOLDER/class/specimen/image files; or a"
    " CSV, TSV or XLSX table with the columns file, class and specimen",
  )
  parser.add_argument(
    "--out",
    type=pathlib.Path,
    help="folder to write to [runs/<name of folder or table>-evaluated]",
  )
  answer_options.add(parser)
  reading_options.add(parser)
  parser.add_argument(
    "--keep-going",
    action="store_true",
    help="exit with code 0 even if some files could not be used",
  )
  parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
  """Tests a network; returns 1 if a file is unusable."""
  from eanet_jax.data import file_readers, sources

  source = sources.labelled(str(arguments.folder))
  image_paths.say_left_out(source.unmatched)
  out = _folder(arguments, source)
  limits = reading_options.limits(arguments)
  with file_readers.Readers(limits, len(source.entries)) as readers:
    readers.start()  # while JAX is imported and starts
    return _evaluate(arguments, source, out, readers)


def _folder(
  arguments: argparse.Namespace, source: "sources.Source"
) -> pathlib.Path:
  """The folder to write to, which is made."""
  given = arguments.folder.resolve()
  name = given.stem if given.is_file() else given.name
  out = arguments.out or pathlib.Path("runs", f"{name}-evaluated")
  out = out.expanduser()
  if given.is_dir() and out.resolve().is_relative_to(given):
    raise errors.UserError(
      f"--out={out} lies inside {arguments.folder}, whose folders are taken as"
      " classes: name one elsewhere"
    )
  try:
    out.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise errors.UserError(
      f"--out={out} cannot be made: {errors.reason(error)}"
    ) from None
  return out


def _evaluate(
  arguments: argparse.Namespace,
  source: "sources.Source",
  out: pathlib.Path,
  readers: "file_readers.Readers",
) -> int:
  from eanet_jax.evaluation import new_files
  from eanet_jax.explanation import named_structure
  from eanet_jax.inference import answer_rows, classify
  from eanet_jax.reporting import evaluation_page
  from eanet_jax.runtime import atomic_files
  from eanet_jax.workdir import answer_tables, evaluation_json

  classifier = classify.Classifier.restore(
    arguments.workdir,
    readers,
    reading_options.told(arguments),
    fast=arguments.fast,
  )
  named = named_structure.of_network(
    classifier.network, arguments.workdir, classifier.mesh
  )
  table = answer_rows.Table(
    "micrograph",
    classifier.class_names,
    classifier.identity(named.key if named else ""),
    arguments.top_k,
    {"specimen": str, "true": str},
    named.names if named else (),
  )
  tested = new_files.Tested(classifier.class_names)
  with answer_tables.opened(out / _PREDICTIONS, table.columns) as add:
    for each in _answered(classifier, source, named):
      own = {"specimen": each.specimen, "true": each.true}
      for row in table.rows(each.prediction):
        add(row | own)
      tested.add(
        each.prediction,
        each.true,
        each.specimen,
        trained_on=bool(each.prediction.trained_on),
      )
  found = _found(arguments, source, classifier, table, tested, readers)
  evaluation_json.write(out, found)
  page = out / evaluation_page.FILE
  atomic_files.write_text(page, evaluation_page.markdown(found))
  for file, why in found.skipped:
    print(f"{file}: {why}", file=sys.stderr)
  print(evaluation_page.console(found))
  print(f"{len(found.skipped)} could not be used; results: {page}")
  return 1 if found.skipped and not arguments.keep_going else 0


class _Answer(typing.NamedTuple):
  """A file with what is known of it, and the network's answer."""

  prediction: "predictions.Prediction"
  true: str
  specimen: str


def _answered(
  classifier: "classify.Classifier",
  source: "sources.Source",
  describe: "classify.Describe | None",
) -> Iterator[_Answer]:
  """Yields the answer for each file, in order."""
  from eanet_jax.data import entries, spelling
  from eanet_jax.runtime import console

  root = pathlib.Path(source.root)
  files = [str(root / entry.file) for entry in source.entries]
  told = {
    file: entries.told(entry, classifier.told)
    for file, entry in zip(files, source.entries, strict=True)
    if entry.um_per_px is not None or entry.bar_rows is not None
  }
  # A class is known by its name, however a system spells it.
  known = {spelling.key(name): name for name in classifier.class_names}
  answers = console.progress(
    classifier.stream(files, told, facts=True, describe=describe),
    total=len(files),
    unit="file",
    leave=False,
  )
  for prediction, entry in zip(answers, source.entries, strict=True):
    true = known.get(spelling.key(entry.label), entry.label)
    yield _Answer(prediction, true, entry.specimen)


def _found(
  arguments: argparse.Namespace,
  source: "sources.Source",
  classifier: "classify.Classifier",
  table: "answer_rows.Table",
  tested: "new_files.Tested",
  readers: "file_readers.Readers",
) -> "evaluation_json.Evaluation":
  """All that is reported."""
  from eanet_jax.evaluation import drift
  from eanet_jax.runtime import versions
  from eanet_jax.workdir import evaluation_json

  before = None
  if not workdir_argument.is_packed(arguments):  # its path is another machine's
    before = _numbers_trained_on(classifier, readers)
  of_them = []
  if before is not None:
    of_them = drift.compared(drift.numbers(tested.facts), before)
  novelty = drift.novelty_of(tested.novelties)
  warnings = [*tested.few_specimens(), *drift.remarks(of_them, novelty)]
  if before is None:
    warnings.append(
      "the files that the network was trained on are not at hand: how these"
      " differ in brightness, contrast, size and scale is not known"
    )
  if not classifier.knows_its_training:
    warnings.append(_perhaps_trained_on(arguments, classifier))
  return evaluation_json.Evaluation(
    workdir=str(arguments.named),
    source=str(arguments.folder),
    network_id=table.network_id,
    class_names=list(classifier.class_names),
    test=tested.scores(),
    trained_on=tested.scores_of_trained_on(),
    trained_on_known=classifier.knows_its_training,
    per_specimen=tested.by_specimen(),
    unknown_classes=tested.unknown_classes(),
    novelty=novelty,
    drift=of_them,
    skipped=tested.unusable,
    unmatched=list(source.unmatched),
    warnings=[*warnings, *source.remarks],
    versions=versions.installed(),
  )


def _perhaps_trained_on(
  arguments: argparse.Namespace, classifier: "classify.Classifier"
) -> str:
  """What a workdir without a list tells of what was trained on."""
  if classifier.trained_on == str(arguments.folder.resolve()):
    return (
      f"{arguments.folder} is what the network was trained and tested with: the"
      " scores are of images that it knows, see its report for those of others"
    )
  return (
    "the workdir does not list what was trained on: the scores hold for new"
    " specimens only if none of these is among them"
  )


def _numbers_trained_on(
  classifier: "classify.Classifier", readers: "file_readers.Readers"
) -> "drift.Numbers | None":
  """Of the files trained on, or some of them; None where they are gone."""
  from eanet_jax.data import entries, micrographs, picture_facts, read_ahead
  from eanet_jax.data import sources as all_sources
  from eanet_jax.evaluation import drift

  try:
    source = all_sources.labelled(classifier.trained_on)
  except errors.UserError:
    return None
  every = -(-len(source.entries) // _MOST_COMPARED)
  root = pathlib.Path(source.root)

  def facts(
    entry: entries.Entry,
  ) -> tuple[picture_facts.Facts, float | None] | None:
    try:
      found = readers.read(
        root / entry.file, entries.told(entry, classifier.told)
      )
    except micrographs.MicrographError:
      return None
    return picture_facts.measure(found.image), found.um_per_px

  read = read_ahead.in_order(facts, source.entries[::every])
  return drift.numbers(each for _, each in read if each is not None)
