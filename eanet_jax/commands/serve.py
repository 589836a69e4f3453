"""`eanet serve`: answer HTTP requests with a trained network."""

import argparse
import importlib.util
import os
import pathlib

from eanet_jax import errors
from eanet_jax.commands import (
  number_options,
  reading_options,
  workdir_argument,
)
from eanet_jax.serving import access, limits

_NEEDS = ("uvicorn", "python_multipart")


def add(commands: argparse._SubParsersAction) -> None:
  """Adds the verb to the command line."""
  parser = commands.add_parser(
    "serve",
    help="answer HTTP requests with a trained network",
    description="Answers POST /predict, to which files are sent as"
    " multipart/form-data, with the rows of eanet predict as JSON; GET / with a"
    " page that classifies; GET /model, /health and /openapi.json with what"
    " there is to know. Keeps no file that it is sent. Listens to this computer"
    " alone unless there is a token. Prints a line when it is ready and one for"
    " each request; Ctrl-C or SIGTERM lets what is running end and stops it.",
  )
  workdir_argument.add(parser)
  parser.add_argument(
    "--host",
    default="127.0.0.1",
    help="address to listen on; one that other computers can reach needs a"
    " token [127.0.0.1]",
  )
  parser.add_argument(
    "--port", type=_port, default=8000, help="0 for any that is free [8000]"
  )
  parser.add_argument(
    "--name",
    action="append",
    default=[],
    metavar="HOST",
    help="name by which it is asked for besides, as behind a proxy; may be"
    " given several times",
  )
  parser.add_argument(
    "--token-file",
    type=pathlib.Path,
    metavar="FILE",
    help="file with a secret word that requests must bring, as Authorization:"
    f" Bearer WORD [the variable {access.TOKEN_VARIABLE}, or none]",
  )
  _add_limits(parser)
  reading_options.add(parser)
  parser.set_defaults(run=run)


def _add_limits(parser: argparse.ArgumentParser) -> None:
  usual = limits.Limits()
  above_zero = number_options.above_zero
  count = number_options.at_least_one
  for option, kind, default, help_text in (
    ("--max-file-mb", above_zero, usual.file_mb, "millions of bytes of a file"),
    ("--max-request-mb", above_zero, usual.request_mb, "and of a request"),
    ("--max-files", count, usual.files, "files in a request"),
    (
      "--max-request-s",
      above_zero,
      usual.request_s,
      "seconds from a request's first line to its answer",
    ),
    (
      "--max-requests",
      count,
      usual.requests,
      "requests with files at once; others are told to ask again",
    ),
  ):
    parser.add_argument(
      option,
      type=kind,
      default=default,
      metavar="N",
      help=f"{help_text} [{default:g}]",
    )


def run(arguments: argparse.Namespace) -> int:
  """Serves until a signal asks it to stop; returns the code of that."""
  _check_installed()
  who = access.of(arguments.host, _token(arguments), arguments.name)
  allowed = limits.Limits(
    arguments.max_file_mb,
    arguments.max_request_mb,
    arguments.max_files,
    arguments.max_request_s,
    arguments.max_requests,
  )
  from eanet_jax.serving import server

  return server.run(
    arguments.workdir,
    server.bound(arguments.host, arguments.port),
    who,
    allowed,
    reading_options.limits(arguments),
    reading_options.told(arguments),
  )


def _check_installed() -> None:
  """Raises UserError if the extra is not installed."""
  lacking = [name for name in _NEEDS if not importlib.util.find_spec(name)]
  if lacking:
    names = " and ".join(name.replace("_", "-") for name in lacking)
    raise errors.UserError(
      f"eanet serve needs {names}, not installed here: pip install '.[serve]'"
    )


def _token(arguments: argparse.Namespace) -> str:
  """The token that is set, "" if none is."""
  file = arguments.token_file
  if file is None:
    variable = access.TOKEN_VARIABLE
    text = os.environ.get(variable, "")
    return access.checked_token(text, variable) if text else ""
  try:
    text = file.expanduser().read_text(encoding="utf-8")
  except OSError as error:
    raise errors.UserError(
      f"--token-file={file}: {error.strerror or error}"
    ) from None
  except ValueError:
    text = ""
  return access.checked_token(text, f"--token-file={file}")


def _port(text: str) -> int:
  number = int(text)  # argparse tells what is no number
  if not 0 <= number < 2**16:
    raise argparse.ArgumentTypeError(f"{text} is no port: 0 to 65535")
  return number
