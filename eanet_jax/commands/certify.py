"""`eanet certify`: all that another lab needs to train a network again."""

import argparse
import pathlib
import typing

from eanet_jax import errors
from eanet_jax.commands import output_file, workdir_argument

if typing.TYPE_CHECKING:  # so that --help answers at once
  from eanet_jax.data import input_files
  from eanet_jax.workdir import restore


def add(commands: argparse._SubParsersAction) -> None:
  """Adds the verb to the command line."""
  parser = commands.add_parser(
    "certify",
    help="write a dossier of a run that others can verify",
    description="Writes one file: the SHA-256 of every file of the data set,"
    " the configuration, the versions and the machine, the answers for"
    " specimens that were not trained on, all figures with intervals, the"
    " thresholds, the weights, and DOSSIER.md, which says in words what is"
    " shown, what is not, and which class to measure next. eanet verify trains"
    " from it again. The images are not in it, nor where they lie.",
  )
  workdir_argument.add(parser, "workdir of a finished run")
  parser.add_argument(
    "--folder",
    type=pathlib.Path,
    metavar="FOLDER",
    help="where the micrographs are now, or the table of them [where they were"
    " when the network was trained]",
  )
  parser.add_argument(
    "--out",
    type=pathlib.Path,
    metavar="FILE",
    help="file to write [<name of the workdir>.dossier.zip]",
  )
  parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
  """Writes the dossier and says what it does not show."""
  from eanet_jax.exporting import dossier
  from eanet_jax.reporting import html_pages, limits
  from eanet_jax.runtime import sharding, wording
  from eanet_jax.workdir import packed_workdir, restore, results_json

  workdir, named = arguments.workdir, arguments.named
  name = packed_workdir.name(named.expanduser().resolve())
  out = (arguments.out or pathlib.Path(f"{name}{dossier.ENDING}")).expanduser()
  output_file.check(out, whole=True)
  results = results_json.read(workdir)
  if not isinstance(results, results_json.RunResults):
    raise errors.UserError(
      f"{workdir} holds no results of classes: certify a finished run"
    )
  network = restore.restore(workdir, sharding.data_mesh())
  dossier.check_replayable(network.meta.config, named)
  inputs = _checked_inputs(arguments, network)
  with html_pages.malformed_is_told(workdir):
    told = dossier.write(workdir, out, name, results, network, inputs)
    print(f"{out}: {wording.count(len(told.files), 'file')} of the data set")
    for line in (*limits.sentences(results), limits.next_measurement(results)):
      print(wording.printable(line))
  return 0


def _checked_inputs(
  arguments: argparse.Namespace, network: "restore.TrainedNetwork"
) -> "input_files.InputFiles":
  """The files of the data set, which must be those that were trained on."""
  import ml_collections

  from eanet_jax.commands import main_job
  from eanet_jax.data import input_files

  config = ml_collections.ConfigDict(network.meta.config)
  dataset = config.dataset
  packed = workdir_argument.is_packed(arguments)
  if arguments.folder is not None:
    dataset.path = str(arguments.folder.expanduser().resolve())
  elif packed and dataset.source != "synthetic":
    raise errors.UserError(
      f"{arguments.named} holds no micrographs: name their folder with --folder"
    )
  if packed:  # where others keep their data sets is not written to
    dataset.data_dir = ""
  inputs = input_files.find(dataset.source, dataset.path)
  if main_job.data_of(config).digest != network.meta.data_digest:
    raise errors.UserError(
      f"the micrographs in {dataset.path} are not those that the network was"
      " trained on: files were changed, added or removed since"
    )
  return inputs
