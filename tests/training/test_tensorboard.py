"""Figures come back from the files as they went in, without TensorFlow."""

import io

import numpy as np
import pytest
from conftest import run
from PIL import Image

from eanet_jax.training import tensorboard

WRITE = """
import pathlib, sys
import numpy as np
from eanet_jax.training import tensorboard
writer = tensorboard.TensorBoard(pathlib.Path(sys.argv[1]))
writer.scalars(3, {"train/loss": 0.5, "train/accuracy": 0.25})
writer.scalars(6, {"train/loss": 0.125, "train/accuracy": 1.0})
levels = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
writer.pictures(6, {"test/confusion": levels})
fields = {"train.epochs": 3, "augment.flips": True, "split.test_specimens": ()}
writer.hyperparameters(fields)
writer.close()
assert not {"tensorflow", "torch"} & sys.modules.keys()
"""


@pytest.fixture(scope="module")
def events(tmp_path_factory):
  from tensorboard.backend.event_processing import event_accumulator

  folder = tmp_path_factory.mktemp("events")
  done = run("-c", WRITE, str(folder))
  assert done.returncode == 0, done.stderr
  read = event_accumulator.EventAccumulator(str(folder / tensorboard.FOLDER))
  return read.Reload()


def test_scalars_come_back_by_name_and_step(events):
  found = {
    name: [(e.step, e.tensor_proto.float_val[0]) for e in events.Tensors(name)]
    for name in events.Tags()["tensors"]
    if name.startswith("train/")
  }
  assert found == {
    "train/loss": [(3, 0.5), (6, 0.125)],
    "train/accuracy": [(3, 0.25), (6, 1.0)],
  }
  assert set(events.PluginTagToContent("scalars")) == set(found)


def test_a_picture_comes_back_pixel_for_pixel(events):
  (event,) = events.Tensors("test/confusion")
  width, height, png = event.tensor_proto.string_val
  assert (width, height, event.step) == (b"6", b"4", 6)
  levels = np.arange(4 * 6 * 3).reshape(4, 6, 3)
  np.testing.assert_array_equal(Image.open(io.BytesIO(png)), levels)
  assert list(events.PluginTagToContent("images")) == ["test/confusion"]


def test_fields_come_back_with_their_kinds(events):
  from tensorboard.plugins.hparams import plugin_data_pb2

  (content,) = events.PluginTagToContent("hparams").values()
  fields = plugin_data_pb2.HParamsPluginData.FromString(
    content
  ).session_start_info.hparams
  assert fields["train.epochs"].number_value == 3
  assert fields["augment.flips"].bool_value is True
  assert fields["split.test_specimens"].string_value == "()"
