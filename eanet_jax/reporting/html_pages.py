"""One self-contained HTML page of a finished run, or of a comparison of runs.

Takes what is in a workdir: results.json, history.csv and examples.npz of a run,
or comparison.json; gives WORKDIR/report.html. A page of predictions is made of
those as they came.
"""

import contextlib
import dataclasses
import math
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import jinja2

from eanet_jax import errors
from eanet_jax.reporting import comparison_page, gallery, glossary, run_page
from eanet_jax.runtime import atomic_files
from eanet_jax.workdir import comparison_json, results_json

FILE = "report.html"
_NO_VALUE = "\N{EN DASH}"
_HERE = pathlib.Path(__file__).parent
_MALFORMED = (
  ArithmeticError,
  AttributeError,
  LookupError,
  TypeError,
  ValueError,
  jinja2.TemplateError,
)


def write(
  workdir: pathlib.Path, out: pathlib.Path | None = None
) -> pathlib.Path:
  """Writes the page of a workdir and returns its path.

  Args:
    workdir: of a finished run or comparison.
    out: the file; by default WORKDIR/report.html.

  Raises:
    UserError: there is nothing to report, it cannot be read, or the page
      cannot be written.
  """
  out = out or workdir / FILE
  try:
    with malformed_is_told(workdir):
      text = _page(workdir)
    atomic_files.write_text(out, text)
  except OSError as error:
    raise errors.UserError(
      f"cannot make {out}: {error.strerror or error}"
    ) from error
  return out


def write_predictions(
  path: pathlib.Path,
  shown: gallery.Gallery,
  workdir: pathlib.Path,
  structure: Sequence[str] = (),
) -> None:
  """Writes a page of predictions.

  Args:
    path: the file.
    shown: the predictions.
    workdir: of the network that made them.
    structure: of specimens, a line each.

  Raises:
    UserError: it cannot be written.
  """
  contents = shown.contents(str(workdir)) | {"structure": list(structure)}
  contents = _printable(contents)
  try:
    atomic_files.write_text(path, render("predictions.html.jinja", contents))
  except OSError as error:
    raise errors.UserError(
      f"cannot write --report={path}: {errors.reason(error)}"
    ) from None


def write_explanations(path: pathlib.Path, contents: dict[str, Any]) -> None:
  """Writes the page of `explanation_page.contents`; may raise OSError."""
  text = render("explanation.html.jinja", contents)
  atomic_files.write_text(path, text)


def write_atlas(path: pathlib.Path, contents: dict[str, Any]) -> None:
  """Writes the page of `memory_page.contents`; may raise OSError."""
  text = render("memory.html.jinja", _printable(contents))
  atomic_files.write_text(path, text)


@contextlib.contextmanager
def malformed_is_told(workdir: pathlib.Path) -> Iterator[None]:
  """Whoever shows results that were read from a workdir does so in this block.

  Raises:
    UserError: the block could not: their fields do not fit together.
  """
  try:
    yield
  except _MALFORMED as error:
    raise errors.UserError(
      f"the results in {workdir} cannot be shown, they were changed or damaged:"
      f" {type(error).__name__}: {error}".splitlines()[0]
    ) from error


def _page(workdir: pathlib.Path) -> str:
  """The page of what a workdir holds."""
  comparison = comparison_json.read(workdir)
  if comparison is not None:
    contents = comparison_page.contents(workdir, _printable(comparison))
    return render("comparison.html.jinja", contents)
  run = results_json.read(workdir)
  if isinstance(run, results_json.RunResults):
    contents = run_page.contents(workdir, _printable(run))
    return render("report.html.jinja", contents)
  if run is not None:
    raise errors.UserError(
      f"{workdir} holds a pre-training, which has no scores to report"
    )
  raise errors.UserError(
    f"{workdir} holds no results: if a run was started there, it is not"
    " finished; the same command resumes it"
  )


def _printable(value: Any) -> Any:
  """Returns results with the unprintable characters of their text escaped.

  File names may hold control characters and bytes that are not UTF-8, which
  HTML and SVG cannot.
  """
  if dataclasses.is_dataclass(value) and not isinstance(value, type):
    return type(value)(
      **{
        field.name: _printable(getattr(value, field.name))
        for field in dataclasses.fields(value)
      }
    )
  if isinstance(value, dict):
    return {_printable(k): _printable(v) for k, v in value.items()}
  if isinstance(value, list):
    return [_printable(each) for each in value]
  if isinstance(value, str):
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in value)
  return value


def render(template: str | pathlib.Path, contents: dict[str, Any]) -> str:
  """Returns a page.

  Args:
    template: a file of this folder, or the path of one that extends those.
    contents: what it takes; text is escaped, except for `markupsafe.Markup`.
  """
  path = _HERE / template
  environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader([path.parent, _HERE]),
    autoescape=True,  # names come from users' files and folders
    undefined=jinja2.ChainableUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
  )
  environment.filters |= {
    "score": lambda value: _number(value, ".3f"),
    "signed": lambda value: _number(value, "+.3f"),
    "percent": lambda value: _number(value, ".0%").replace("%", "\N{NBSP}%"),
    "share": _share,
    "span": _span,
    "interval": _interval,
    "count": lambda value: _number(value, ",.0f"),
    "capitalize_first": lambda text: text[:1].upper() + text[1:],
    "rate": lambda value: _number(value, ",.3g", ",.0f"),
    "duration": _duration,
  }
  environment.globals["term"] = glossary.Glossary()
  return environment.get_template(path.name).render(contents)


def _number(value: Any, form: str, form_from_100: str = "") -> str:
  """A number as text; a dash for null or a missing value."""
  if not isinstance(value, int | float) or not math.isfinite(value):
    return _NO_VALUE
  form = form_from_100 if form_from_100 and abs(value) >= 100 else form
  return format(value, form).replace("-", "\N{MINUS SIGN}")


def _share(value: Any) -> str:
  """A share in percent, to a tenth; never 0 or 100 % of what is not."""
  if not isinstance(value, int | float) or not math.isfinite(value):
    return _NO_VALUE
  percent = round(100 * value, 1)
  if percent >= 100 and value < 1:
    return "over 99.9\N{NBSP}%"
  if percent <= 0 and value > 0:
    return "below 0.1\N{NBSP}%"
  return f"{percent:.3g}\N{NBSP}%".replace("-", "\N{MINUS SIGN}")


def _span(ends: Sequence[float] | None) -> str:
  """Both ends of a range, once where they are alike; a dash for none."""
  if not ends:
    return _NO_VALUE
  return " to ".join(dict.fromkeys(f"{end:.3g}" for end in ends))


def _interval(pair: Sequence[float] | None, form: str = ".2f") -> str:
  """Both ends of an interval as text; "" if there is none."""
  return " to ".join(_number(end, form) for end in pair) if pair else ""


def _duration(seconds: Any) -> str:
  """Seconds as the two largest units: "2 h 5 min"; a dash for null."""
  if not isinstance(seconds, int | float):
    return _NO_VALUE
  minutes, seconds = divmod(round(seconds), 60)
  hours, minutes = divmod(minutes, 60)
  parts = [(hours, "h"), (minutes, "min"), (seconds, "s")]
  return " ".join([f"{n} {unit}" for n, unit in parts if n][:2]) or "0 s"
