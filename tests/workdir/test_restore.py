"""A network from anybody's workdir: sizes are checked, nothing is trusted."""

import json
import shutil
import time

import pytest

from eanet_jax import errors
from eanet_jax.configuration import config_tree
from eanet_jax.runtime import sharding
from eanet_jax.workdir import array_checksums, restore


@pytest.fixture
def forged(tmp_path, trained):
  """Gives a workdir whose checkpoints say another thing of their network."""

  def forge(field, value):
    workdir = tmp_path / "forged"
    shutil.copytree(trained, workdir)
    for path in workdir.glob("checkpoints/*/meta/metadata"):
      content = json.loads(path.read_text())
      del content["checksum"]
      *groups, name = field.split(".")
      place = content["meta"]
      for group in groups:
        place = place[group]
      assert name in place
      place[name] = value
      # As whoever means harm would do: the checksum is right.
      content["checksum"] = array_checksums.of_json(content)
      path.write_text(json.dumps(content))
    return workdir

  return forge


@pytest.mark.parametrize(
  ("field", "value", "told"),
  [
    ("config.model.num_blocks", 10**6, "num_blocks=1000000 cannot be used"),
    ("config.model.num_heads", "many", "num_heads='many' cannot be used"),
    ("config.model.num_slots", 10**9, "num_slots=1000000000 cannot be used"),
    ("config.model.mlp_width", None, "mlp_width=None cannot be used"),
    ("config.dataset.image_px", 10**6, "image_px=1000000 cannot be used"),
    ("config.dataset.image_px", 8192, "take too much memory"),
    ("config.evaluation.batch_size", 10**9, "take too much memory"),
    ("config.model", {}, "model.name=None cannot be used"),
    ("config.dataset", {}, "no field dataset."),
    ("config", {"a": [1, {"b": 2}]}, "unknown field a"),
    ("outputs", 10**9, "1000000000 outputs in place of 3"),
    ("class_names", ["P92"], "3 outputs in place of 1"),
    ("mean", 1e300, "grey levels of mean 1e+300"),
    ("std", 0.0, "standard deviation 0.0"),
    ("mean", None, "grey levels of mean None"),
  ],
)
def test_what_no_run_would_have_saved_is_refused_at_once(
  forged, field, value, told
):
  workdir = forged(field, value)
  begun = time.monotonic()
  with pytest.raises(errors.UserError) as refused:
    restore.restore(workdir, sharding.data_mesh())
  assert str(refused.value).startswith(f"the checkpoints in {workdir} are of")
  assert told in str(refused.value)
  assert time.monotonic() - begun < 30  # it worked for minutes


@pytest.mark.parametrize("field", ["width", "num_blocks", "num_slots"])
def test_a_network_of_other_shapes_is_not_what_was_saved(forged, field):
  workdir = forged(f"config.model.{field}", 8)
  with pytest.raises(errors.UserError, match="no checkpoint in it can be read"):
    restore.restore(workdir, sharding.data_mesh())


def test_a_network_of_before_a_field_was_there_is_of_use(forged, trained):
  config = json.loads((trained / "config.json").read_text())
  of_before = {
    name: value
    for name, value in config["dataset"].items()
    if f"dataset.{name}" not in config_tree._LATER
  }
  assert len(of_before) < len(config["dataset"])
  workdir = forged("config.dataset", of_before)
  meta = restore.restore(workdir, sharding.data_mesh()).meta
  # It was trained on what was drawn over the micrographs, too.
  assert meta.config["dataset"] == {**config["dataset"], "overlays": "keep"}
