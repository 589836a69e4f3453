"""JSON of a workdir: its fields are there and of their types, or one line."""

import dataclasses
import json

import made_results
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eanet_jax import errors
from eanet_jax.workdir import (
  comparison_json,
  history_csv,
  json_formats,
  results_json,
  run_meta,
)

META = run_meta.RunMeta(
  step=3,
  config={"optimizer": {"clip_norm": 3}},
  class_names=("a", "b"),
  outputs=2,
  mean=120.5,
  std=None,
  data_digest="digest",
  history=(history_csv.Epoch(1, 3, 1e-3, 0.5, 0.6, 0.7),),
  score=None,
  wall_time_s=2,
  versions={"jax": "0.10"},
)
WHOLE = {
  results_json.RunResults: made_results.run_results(),
  comparison_json.ComparisonResults: made_results.comparison_results(),
  run_meta.RunMeta: META,
}


def as_json(value):
  return json.loads(json.dumps(dataclasses.asdict(value)))


def places(value, path=()):
  """Yields the path of each value inside one, but not within its free parts."""
  for key in value if isinstance(value, dict) else range(len(value)):
    if (*path, key) != ("config", "optimizer"):
      yield (*path, key)
      if isinstance(value[key], dict | list):
        yield from places(value[key], (*path, key))


def replaced(value, path, new):
  """A copy of nested lists and objects with another value at a place."""
  key, *rest = path
  copy = dict(value) if isinstance(value, dict) else list(value)
  copy[key] = replaced(copy[key], rest, new) if rest else new
  return copy


@pytest.mark.parametrize("kind", WHOLE, ids=lambda kind: kind.__name__)
def test_what_was_written_is_taken(kind):
  content = as_json(WHOLE[kind])
  assert json_formats.from_fields(kind, content, "file") == kind(**content)
  assert run_meta.RunMeta.from_json(as_json(META), "file") == META


@pytest.mark.parametrize("kind", WHOLE, ids=lambda kind: kind.__name__)
def test_any_value_of_another_type_is_named(kind):
  content = as_json(WHOLE[kind])
  tried = set()
  for path in places(content):
    name = "".join(f"[{k}]" if type(k) is int else f".{k}" for k in path)[1:]
    # Nothing is a list of lists of lists of lists.
    changed = replaced(content, path, [[[[]]]])
    with pytest.raises(errors.UserError) as caught:
      json_formats.from_fields(kind, changed, "a file")
    said = str(caught.value).removeprefix("a file was changed: its field ")
    named, is_not, _ = said.partition(" is not ")
    assert is_not, said
    # The field itself, or where it may be of two types what is around it.
    assert name.startswith(named.partition("[")[0]), said
    tried.add(name)
  assert len(tried) > 15


@pytest.mark.parametrize(
  ("changes", "says"),
  [
    ({"parameters": True}, "parameters is not a whole number"),
    ({"parameters": 1.5}, "parameters is not a whole number"),
    ({"gflop_per_image": "1"}, "gflop_per_image is not a number"),
    ({"warnings": "none"}, "warnings is not a list"),
    ({"split": {"by": "specimen"}}, "split.fold is missing"),
    ({"versions": {"jax": None}}, "versions.jax is not text"),
    ({"more": 1}, "more is unknown"),
  ],
)
def test_a_field_is_named_with_what_it_should_be(changes, says):
  content = as_json(WHOLE[results_json.RunResults]) | changes
  with pytest.raises(errors.UserError, match=f"its field {says}"):
    json_formats.from_fields(results_json.RunResults, content, "a file")


ANY_JSON = st.recursive(
  st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
  lambda inner: (
    st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=5), inner, max_size=3)
  ),
  max_leaves=5,
)


@settings(deadline=None)
@given(data=st.data())
def test_a_file_with_any_value_anywhere_is_read_or_is_one_line(
  tmp_path_factory, data
):
  content = as_json(WHOLE[results_json.RunResults])
  place = data.draw(st.sampled_from([(), *places(content)]))
  new = data.draw(ANY_JSON)
  workdir = tmp_path_factory.getbasetemp()
  (workdir / results_json.FILE).write_text(
    json.dumps(replaced(content, place, new) if place else new)
  )
  try:
    found = results_json.read(workdir)
  except errors.UserError as error:
    assert results_json.FILE in str(error)
    assert "\n" not in str(error)
  else:
    assert isinstance(found, results_json.Results)


@pytest.mark.parametrize(
  "text",
  [
    '{"format": NaN}',
    '{"format": 1e999}',
    '{"format": -Infinity}',
    '{"format": 1' + "0" * 400 + "}",
    '{"format": 1' + "0" * 9000 + "}",
    "[" * 60 + "]" * 60,
    "[" * 100_000,
    "\xff\xfe",
    "",
  ],
)
def test_what_no_run_writes_is_no_json(tmp_path, text):
  path = tmp_path / results_json.FILE
  path.write_bytes(text.encode("latin-1"))
  with pytest.raises(errors.UserError, match="is not JSON") as caught:
    results_json.read(tmp_path)
  assert str(path) in str(caught.value)
