"""`eanet export`: a trained network as a file for other programs."""

import argparse
import pathlib
import sys

from eanet_jax.commands import output_file, workdir_argument

_FORMATS = ("html", "stablehlo", "onnx", "bioimageio", "savedmodel")


def add(commands: argparse._SubParsersAction) -> None:
  """Adds the verb to the command line."""
  parser = commands.add_parser(
    "export",
    help="write a trained network as a page that classifies, or for programs",
    description="Writes the network as one page that reads micrographs, answers"
    " and shows why (html), or as a function from views (uint8, any number of"
    " them) to probabilities, novelty and features, with standardising, all"
    " orientations and calibration inside, and a JSON file beside it that says"
    " the rest: class names, how a micrograph is cut, what an answer is worth."
    " The file is then loaded in a process of its own and compared with the"
    " network on the workdir's examples and on noise. If any number differs by"
    " more than 0.0001, or any label, nothing is kept and the exit code is 1.",
  )
  workdir_argument.add(parser)
  parser.add_argument(
    "--format",
    choices=_FORMATS,
    required=True,
    help="html: one page that classifies files in a browser, offline;"
    " stablehlo: for JAX on CPUs, CUDA GPUs and TPUs; onnx: for onnxruntime"
    " and others, float32; bioimageio: a folder with it and rdf.yaml, for the"
    " BioImage Model Zoo; savedmodel: a folder, for TensorFlow",
  )
  parser.add_argument(
    "--out",
    type=pathlib.Path,
    metavar="PATH",
    help="new file to write; a JSON file is called PATH.json"
    " [<name of the workdir>.<format>]",
  )
  parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
  """Exports a network; returns 1 if the file does not answer as it does."""
  from eanet_jax.exporting import exported, proof

  kind, workdir = arguments.format, arguments.workdir
  out = arguments.out or exported.default_path(workdir, kind)
  out = out.expanduser()
  exported.check_new(kind, out)
  output_file.check(out)
  exported.check_installed(kind)
  try:
    found = exported.write(workdir, kind, out)
  except proof.Unsound as error:
    print(f"eanet: nothing is kept of {out}: {error}", file=sys.stderr)
    return 1
  compared = found or (
    "not compared here, because Node is not installed: it compares itself with"
    " the network whenever it is opened"
  )
  print(f"{out}: {exported.size_mb(out):.1f} MB, {compared}")
  return 0
