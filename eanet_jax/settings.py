"""The configuration of a run: from the command line, stored and compared.

Takes a config file and overrides, gives a merged ConfigDict or one clear error
that names the field. Stored as JSON: data, never executed.
"""

import contextlib
import difflib
import io
import json
import pathlib
import re
import runpy
import sys
from typing import Any

import ml_collections
from absl import flags

from eanet_jax import errors

# Fields that change where or how fast a run goes, not what comes of it.
_FREE = frozenset(
  {
    "dataset.data_dir",
    "dataset.resident_mb",
    "train.steps_per_dispatch",
    "evaluation.batch_size",
    "evaluation.bootstrap_resamples",
  }
)


def flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
  """Returns {"group.field": value} of nested dicts."""
  flat = {}
  for name, value in tree.items():
    if isinstance(value, dict):
      flat |= flatten(value, f"{prefix}{name}.")
    else:
      flat[prefix + name] = value
  return flat


def as_json(config: ml_collections.ConfigDict) -> dict[str, Any]:
  """Returns the configuration as it comes back from a JSON file."""
  return json.loads(json.dumps(config.to_dict()))


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
  """Returns "field: old -> new" of every field that would change the run."""
  old, new = flatten(old), flatten(new)
  return [
    f"{field}: {old.get(field)!r} -> {new.get(field)!r}"
    for field in sorted(old.keys() | new.keys())
    if field not in _FREE and old.get(field) != new.get(field)
  ]


def parse(
  flag: flags.FlagHolder, argv: list[str], usage: str
) -> tuple[ml_collections.ConfigDict, str]:
  """Returns the merged ConfigDict and its name, e.g. "eanet-single_head".

  Args:
    flag: of config_flags.DEFINE_config_file.
    argv: of the program; --help prints `usage` and every field, then exits.
    usage: docstring of the program.

  Raises:
    UserError: a flag, file, field or value that cannot be used.
  """
  if {"--help", "-h", "-help", "--helpfull"} & set(argv[1:]):
    _print_help(usage)
    sys.exit(0)
  argument = _config_argument(argv)
  if argument and not pathlib.Path(argument.partition(":")[0]).is_file():
    raise errors.UserError(f"--config {argument}: there is no such file")
  # config_flags prints the traceback of a config file that fails.
  with contextlib.redirect_stderr(io.StringIO()):
    try:
      rest = flags.FLAGS(argv)[1:]
      config = flag.value
    except flags.Error as error:
      raise errors.UserError(_one_line(error)) from None
    except (AttributeError, KeyError) as error:
      raise errors.UserError(_unknown_field(argv, error)) from None
    except Exception as error:  # whatever a config file raises as it runs
      message = f"--config {argument}: {_one_line(error)}"
      raise errors.UserError(message) from None
  if rest:
    raise errors.UserError(f"unexpected argument {rest[0]!r}; see --help")
  if config is None:
    raise errors.UserError(
      "name a configuration, e.g. --config configs/eanet.py; see --help"
    )
  file, _, variant = argument.partition(":")
  name = pathlib.Path(file).stem
  return config, f"{name}-{variant}" if variant else name


def _config_argument(argv: list[str]) -> str:
  """The value given for --config, the last if there are several."""
  found = ""
  for this, following in zip(argv, [*argv[1:], ""], strict=True):
    if this in ("--config", "-config"):
      found = following
    elif re.match(r"--?config=", this):
      found = this.partition("=")[2]
  return found


def _unknown_field(argv: list[str], error: Exception) -> str:
  """Names the override that is no field, and the fields nearest to it."""
  with contextlib.suppress(Exception):
    known = list(flatten(load(_config_argument(argv)).to_dict()))
    for argument in argv:
      given = re.match(r"--?(?:no)?config\.([^=]+)", argument)
      if given and given[1] not in known:
        near = difflib.get_close_matches(given[1], known, 3, 0.5)
        hint = (
          f"; did you mean {' or '.join(near)}?" if near else "; see --help"
        )
        return f"--config.{given[1]} is no field of the configuration{hint}"
  return _one_line(error)


def load(argument: str) -> ml_collections.ConfigDict:
  """Returns what the config file of a --config argument gives, unchanged."""
  file, _, variant = argument.partition(":")
  get_config = runpy.run_path(file)["get_config"]
  return get_config(variant) if variant else get_config()


def _print_help(usage: str) -> None:
  print(usage.strip() + "\n\noptions:")
  for flag in (
    "config",
    "workdir",
    "coordinator",
    "num_processes",
    "process_id",
  ):
    if flag in flags.FLAGS:
      print(f"  --{flag}: {flags.FLAGS[flag].help}")
  configs = pathlib.Path(sys.argv[0]).resolve().parent / "configs"
  for file, group in (
    ("default", ""),
    ("vgg", "model"),
    ("compare", "compare"),
  ):
    tree = load(str(configs / f"{file}.py")).to_dict()
    only = {group: tree[group]} if group else tree
    print(f"\nfields, with the values of configs/{file}.py:")
    for field, value in flatten(only).items():
      print(f"  --config.{field}={value}")


def _one_line(error: BaseException) -> str:
  cause = error
  while cause.__cause__ or cause.__context__:
    cause = cause.__cause__ or cause.__context__
  text = " ".join(str(cause).split())
  return text or type(cause).__name__
