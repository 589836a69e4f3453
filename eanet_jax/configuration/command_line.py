"""The configuration of a run, from the command line.

Takes a config file and overrides, gives a merged ConfigDict or one clear error
that names the field.
"""

import contextlib
import difflib
import importlib.machinery
import importlib.util
import itertools
import pathlib
import re
import runpy
import sys
import textwrap
from collections.abc import Iterator

import ml_collections
from absl import flags
from ml_collections import config_flags

from eanet_jax import errors
from eanet_jax.configuration import config_tree, field_words

# What a value may be, by the type of the value that it replaces.
_KINDS = {
  bool: "True or False",
  int: "a whole number",
  float: "a number",
  str: "text",
  tuple: "a list of values, quoted if they are words",
}
_FIELD = re.compile(r"--?(?:no)?config\.([^=]+)(?:=(.*))?", re.DOTALL)


def parse(argv: list[str], usage: str) -> tuple[ml_collections.ConfigDict, str]:
  """Returns the merged ConfigDict and its name, e.g. "eanet-single_head".

  Also parses the program's own flags, which are absl's.

  Args:
    argv: the program's; --help prints `usage` and every field, then exits.
    usage: the program's docstring.

  Raises:
    UserError: a flag, file, field or value that cannot be used.
  """
  if {"--help", "-h", "-help", "--helpfull"} & set(argv[1:]):
    print(_help(usage))
    sys.exit(0)
  argument, rest = _take_config(argv)
  if not argument:
    raise errors.UserError(
      "name a configuration, e.g. --config configs/eanet.py; see --help"
    )
  file, variant = split_argument(argument)
  if not pathlib.Path(file).is_file():
    raise errors.UserError(f"--config {argument}: there is no such file")
  try:
    config = load(argument)
  except Exception as error:  # whatever a config file raises as it runs
    message = f"--config {argument}: {one_line(error)}"
    raise errors.UserError(message) from None
  config = override(config, rest, flags.FLAGS)
  flags.FLAGS.mark_as_parsed()
  name = pathlib.Path(file).stem
  return config, f"{name}-{variant}" if variant else name


def override(
  config: ml_collections.ConfigDict,
  argv: list[str],
  others: flags.FlagValues | None = None,
) -> ml_collections.ConfigDict:
  """Returns a configuration after setting the fields that a command line sets.

  Args:
    config: as a config file returns it.
    argv: program, then `--config.group.field=value` and flags of `others`.
    others: flags that are parsed too.

  Raises:
    UserError: a flag, field or value that cannot be used.
  """
  values = flags.FlagValues()
  if others is not None:
    values.append_flag_values(others)
  try:
    chosen = config_flags.DEFINE_config_dict(
      "config", config, flag_values=values, sys_argv=argv
    )
    rest = values(argv)[1:]
  except flags.IllegalFlagValueError as error:
    raise errors.UserError(_unusable_value(argv, config, error)) from None
  except flags.Error as error:
    raise errors.UserError(one_line(error)) from None
  except (AttributeError, KeyError, TypeError, ValueError) as error:
    raise errors.UserError(_unknown_field(argv, config, error)) from None
  if rest:
    raise errors.UserError(f"unexpected argument {rest[0]!r}; see --help")
  return chosen.value


def _take_config(argv: list[str]) -> tuple[str, list[str]]:
  """The value given for --config, the last if several, and all other argv.

  It goes to `load`, not through config_flags, which takes the first colon for
  the end of the file name: an absolute Windows path has one.
  """
  argument, rest = "", []
  arguments = iter(argv)
  for this in arguments:
    if this in ("--config", "-config"):
      argument = next(arguments, "")
    elif re.match(r"--?config=", this):
      argument = this.partition("=")[2]
    else:
      rest.append(this)
  return argument, rest


def _unknown_field(
  argv: list[str], config: ml_collections.ConfigDict, error: Exception
) -> str:
  """Names the override that is not a field, and the fields nearest to it."""
  known = list(config_tree.flatten(config.to_dict()))
  for given in filter(None, map(_FIELD.fullmatch, argv)):
    field = given[1]
    if field in known:
      continue
    inside = [each for each in known if each.startswith(f"{field}.")]
    if inside:
      return (
        f"--config.{field} is a group of fields: set one of them, such as"
        f" --config.{inside[0]}"
      )
    near = difflib.get_close_matches(field, known, 3, 0.5)
    hint = f"; did you mean {' or '.join(near)}?" if near else "; see --help"
    return f"--config.{field} is not a field of the configuration{hint}"
  return one_line(error)


def _unusable_value(
  argv: list[str],
  config: ml_collections.ConfigDict,
  error: flags.IllegalFlagValueError,
) -> str:
  """Names the field whose value is of the wrong kind, and the right kind."""
  flat = config_tree.flatten(config.to_dict())
  named = re.match(r"flag --config\.([\w.]+)=", str(error))
  if named is None or named[1] not in flat:
    return _unknown_field(argv, config, error)
  field = named[1]
  given = [
    each[2]
    for each in filter(None, map(_FIELD.fullmatch, argv))
    if each[1] == field and each[2] is not None
  ]
  shown = f"--config.{field}" + (f"={given[-1]}" if given else "")
  now = flat[field]
  example = ("P92-1", "HR-2") if now == () else now
  kind = _KINDS.get(type(now), f"a {type(now).__name__}")
  return f"{shown} cannot be used: it must be {kind}, e.g. {example!r}"


def load(argument: str) -> ml_collections.ConfigDict:
  """Returns what the config file of a --config argument returns, unchanged."""
  file, variant = split_argument(argument)
  with _configs_of(pathlib.Path(file).absolute().parent):
    defined = runpy.run_path(file)
    if "get_config" not in defined:
      raise errors.UserError(f"{file} defines no get_config()")
    get_config = defined["get_config"]
    return get_config(variant) if variant else get_config()


def split_argument(argument: str) -> tuple[str, str]:
  """Returns file and variant of FILE.py:variant; "" for no variant.

  Split after the file's ending: an absolute Windows path has a colon too.
  """
  found = re.fullmatch(r"(.*\.py)(?::(.*))?", argument)
  return (found[1], found[2] or "") if found else (argument, "")


@contextlib.contextmanager
def _configs_of(folder: pathlib.Path) -> Iterator[None]:
  """Makes a folder known as `configs`, by which recipes import each other.

  So they load from any folder, whatever the current folder is.
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


def _help(usage: str) -> str:
  """What --help prints: the program's own flags, then every field."""
  lines = [usage.strip(), "", "options:"]
  options = {"config": "Configuration, FILE.py or FILE.py:variant."}
  own = "workdir coordinator num_processes process_id join_timeout_s"
  for flag in own.split():
    if flag in flags.FLAGS:
      options[flag] = flags.FLAGS[flag].help
  for name, text in options.items():
    lines += field_words.entry(f"--{name}", text)
  configs = pathlib.Path(sys.argv[0]).resolve().parent / "configs"
  for stem, group, functions, of_what in (
    ("default", "", ("eanet", "_weights", "get_config"), ""),
    ("vgg", "model", ("vgg", "_weights"), " of configs/vgg.py"),
    ("compare", "compare", None, " of configs/compare.py"),
  ):
    # vgg.py takes its model from default.py, which has the comments.
    source = "default" if stem == "vgg" else stem
    words = field_words.read(configs / f"{source}.py", functions)
    tree = load(str(configs / f"{stem}.py")).to_dict()
    flat = config_tree.flatten({group: tree[group]} if group else tree)
    place = {field: i for i, field in enumerate(words)}  # in the file
    ordered = sorted(flat, key=lambda field: place.get(field, len(place)))
    for each, fields in itertools.groupby(ordered, lambda f: f.split(".")[0]):
      heading = f"{each}{of_what}: {words.get(each, '')}"
      lines += ["", *(textwrap.wrap(heading, 80) if each not in flat else [])]
      for field in fields:
        name = f"--config.{field}={flat[field]}"
        lines += field_words.entry(name, words.get(field, ""))
  return "\n".join(lines)


def one_line(error: BaseException) -> str:
  """Returns what first caused an error, as one line."""
  cause = error
  while inner := cause.__cause__ or cause.__context__:
    cause = inner
  text = " ".join(str(cause).split())
  return text or type(cause).__name__
