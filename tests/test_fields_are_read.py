"""Every field of a recipe is read by its run, or known to be unused."""

import contextlib
import json
import pathlib
import sys
from unittest import mock

import ml_collections
import pytest
from conftest import launch, small

import eanet_jax
from eanet_jax.configuration import config_tree
from eanet_jax.models import attention, efficientnet_lite, vgg
from eanet_jax.models import eanet as eanet_network
from eanet_jax.training import augment


class Reads:
  """Which fields of configurations the package reads while it runs.

  Reads of the modules that check and store whole configurations do not count,
  nor what is handed on whole: there it is the network's or the augmentation's
  own read that does.
  """

  def __init__(self):
    self.fields = set()
    self._prefixes = {}  # of the groups seen, by identity; and they are kept

  def counts(self, *, depth: int) -> bool:
    """Whether the caller `depth` frames up is a stage of the package."""
    code = sys._getframe(depth + 1).f_code
    path, package = (
      pathlib.Path(file) for file in (code.co_filename, eanet_jax.__file__)
    )
    return (
      package.parent in path.parents
      and path.parent.name != "configuration"
      and code.co_name != "title"  # what a run is called
    )

  def of_config(self, config, name, read):
    value = read(config, name)
    prefix, _ = self._prefixes.get(id(config), ("", None))
    if isinstance(value, ml_collections.ConfigDict):
      self._prefixes[id(value)] = f"{prefix}{name}.", value
    elif self.counts(depth=2):
      self.fields.add(prefix + name)
    return value

  def handed_on(self, config, to_dict, *args, **kwargs):
    plain = to_dict(config, *args, **kwargs)
    prefix, _ = self._prefixes.get(id(config), ("", None))
    if prefix != "model." or not self.counts(depth=2):
      return plain
    reads = self

    class Noted(dict):
      def __getitem__(self, name):
        if reads.counts(depth=1):
          reads.fields.add(f"model.{name}")
        return super().__getitem__(name)

    return Noted(plain)

  def of_attribute(self, group, called, this, name):
    if self.counts(depth=2):
      self.fields.add(f"{group}.{called.get(name, name)}")
    return object.__getattribute__(this, name)


# Attributes of what a group is handed on to that are not called as the field.
_ATTENTION = {"dropout_rate": "attention_dropout_rate"}
_HANDED_ON = {
  augment.Ranges: ("augment", {}),
  eanet_network.EANet: ("model", {"tokenizer": "stem", "pool_maps": "pooling"}),
  eanet_network.PatchEmbedding: ("model", {}),
  eanet_network.ConvStem: ("model", {}),
  eanet_network.Block: ("model", {"attention": "attention_type"}),
  attention.ExternalAttention: ("model", _ATTENTION),
  attention.SelfAttention: ("model", _ATTENTION),
  attention.SimplifiedSelfAttention: ("model", _ATTENTION),
  vgg.VGG: ("model", {"attention": "attention_type"}),
  vgg.Backbone: ("model", {}),
  efficientnet_lite.Trunk: ("model", {}),
}


@contextlib.contextmanager
def noting(reads: Reads):
  """Tells `reads` of every read within."""
  of_config = ml_collections.ConfigDict.__getattr__
  to_dict = ml_collections.ConfigDict.to_dict
  patches = [
    mock.patch.object(
      ml_collections.ConfigDict,
      "__getattr__",
      lambda config, field: reads.of_config(config, field, of_config),
    ),
    mock.patch.object(
      ml_collections.ConfigDict,
      "to_dict",
      lambda config, *args, **kwargs: reads.handed_on(
        config, to_dict, *args, **kwargs
      ),
    ),
    *(
      mock.patch.object(
        owner,
        "__getattribute__",
        lambda this, name, of=of: reads.of_attribute(*of, this, name),
      )
      for owner, of in _HANDED_ON.items()
    ),
  ]
  with contextlib.ExitStack() as stack:
    for patch in patches:
      stack.enter_context(patch)
    yield


@pytest.mark.parametrize(
  "name", ["eanet", "eanet_best", "vgg_attention", "pretrain", "transfer"]
)
def test_every_field_is_read_or_known_to_be_of_no_use(name, tmp_path, data_dir):
  reads = Reads()
  with noting(reads):
    done = launch(
      f"--config=configs/{name}.py",
      f"--workdir={tmp_path / 'run'}",
      f"--config.dataset.data_dir={data_dir}",
      *small(name),
      *(["--config.train.epochs=1"] if name != "transfer" else []),
    )
  assert done.returncode == 0, done.stderr
  config = json.loads((tmp_path / "run" / "config.json").read_text())
  flat = config_tree.flatten(config)
  assert flat.keys() - reads.fields <= config_tree._unused(flat)
