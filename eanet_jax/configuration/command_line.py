"""The configuration of a run, from the command line.

Takes a config file and overrides, gives a merged ConfigDict or one clear error
that names the field.
"""

import contextlib
import difflib
import importlib.machinery
import importlib.util
import io
import pathlib
import re
import runpy
import sys
from collections.abc import Iterator

import ml_collections
from absl import flags

from eanet_jax import errors
from eanet_jax.configuration import config_tree


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
  file, variant = split_argument(argument)
  if argument and not pathlib.Path(file).is_file():
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
    known = list(config_tree.flatten(load(_config_argument(argv)).to_dict()))
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
  file, variant = split_argument(argument)
  with _configs_of(pathlib.Path(file).absolute().parent):
    get_config = runpy.run_path(file)["get_config"]
    return get_config(variant) if variant else get_config()


def split_argument(argument: str) -> tuple[str, str]:
  """Returns file and variant of FILE.py:variant; "" for no variant.

  Cut behind the file's ending: an absolute path of Windows has a colon too.
  """
  found = re.fullmatch(r"(.*\.py)(?::(.*))?", argument)
  return (found[1], found[2] or "") if found else (argument, "")


@contextlib.contextmanager
def _configs_of(folder: pathlib.Path) -> Iterator[None]:
  """Makes a folder known as `configs`, by which recipes import each other.

  So they load from wherever they lie, and whatever the current folder is.
  """
  spec = importlib.machinery.ModuleSpec("configs", None, is_package=True)
  spec.submodule_search_locations = [str(folder)]
  package = importlib.util.module_from_spec(spec)
  before = {
    name: sys.modules.pop(name)
    for name in list(sys.modules)
    if name.partition(".")[0] == "configs"
  }
  sys.modules["configs"] = package
  try:
    yield
  finally:
    for name in list(sys.modules):
      if name.partition(".")[0] == "configs":
        del sys.modules[name]
    sys.modules.update(before)


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
    for field, value in config_tree.flatten(only).items():
      print(f"  --config.{field}={value}")


def _one_line(error: BaseException) -> str:
  cause = error
  while cause.__cause__ or cause.__context__:
    cause = cause.__cause__ or cause.__context__
  text = " ".join(str(cause).split())
  return text or type(cause).__name__
